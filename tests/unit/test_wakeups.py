"""Waiters are woken by what concerns them, once for much as for little, and all of them at the end."""

import asyncio
from uuid import uuid4

import pytest

from runtime.wakeups import Subscription, Wakeups

TENANT, CONVERSATION = uuid4(), uuid4()
LONG = 60.0


def announcement(seq: int) -> str:
    return f"{TENANT} {CONVERSATION} {seq}"


async def is_woken(subscription: Subscription) -> bool:
    try:
        async with asyncio.timeout(0):
            await subscription.wait(LONG)
    except TimeoutError:
        return False
    return True


async def test_what_came_before_the_wait_wakes_at_once_and_once() -> None:
    wakeups = Wakeups()
    with wakeups.subscribe(CONVERSATION) as one, wakeups.subscribe(TENANT) as all_, wakeups.subscribe(uuid4()) as other:
        for seq in range(1000):
            wakeups.announce(announcement(seq))
        assert [await is_woken(each) for each in (one, all_, other)] == [True, True, False]
        assert [await is_woken(each) for each in (one, all_, other)] == [False, False, False]


async def test_events_of_no_conversation_concern_the_tenant() -> None:
    wakeups = Wakeups()
    with wakeups.subscribe(CONVERSATION) as one, wakeups.subscribe(TENANT) as all_:
        wakeups.announce(f"{TENANT} - 7")
        assert not await is_woken(one)
        assert await is_woken(all_)


async def test_a_reconnection_wakes_everybody() -> None:
    wakeups = Wakeups()
    with wakeups.subscribe(CONVERSATION) as one, wakeups.subscribe(uuid4()) as other:
        wakeups.wake_all()
        assert await is_woken(one)
        assert await is_woken(other)


async def test_the_end_is_told_to_those_who_wait_and_to_those_who_come() -> None:
    wakeups = Wakeups()
    with wakeups.subscribe(CONVERSATION) as early:
        waiting = asyncio.create_task(early.wait(LONG))
        await asyncio.sleep(0)
        wakeups.end()
        await asyncio.wait_for(waiting, 20)
        assert early.ended
    with wakeups.subscribe(CONVERSATION) as late:
        assert late.ended


async def test_nothing_is_kept_of_those_who_left() -> None:
    wakeups = Wakeups()
    with wakeups.subscribe(CONVERSATION), pytest.raises(ValueError, match="left"), wakeups.subscribe(CONVERSATION):
        raise ValueError("left")
    assert len(wakeups) == 0
    wakeups.announce(announcement(1))
    assert len(wakeups) == 0
