"""An account's pace: whenever a provider counts a call, no window ever holds more than it allows."""

import math
from contextlib import AbstractAsyncContextManager

from hypothesis import given
from hypothesis import strategies as st

from activities.channels.pace import Pace
from models.contracts.channels import Chat, ChatKind, Rates

TELEGRAM = Rates(account_per_second=30, chat_per_second=1, group_per_minute=20)

chats = st.builds(
    lambda number, group: Chat(
        id=f"{'g' if group else 'p'}{number}", kind=ChatKind.GROUP if group else ChatKind.PRIVATE
    ),
    st.integers(0, 40),
    st.booleans(),
)


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def within(times: list[float], seconds: float) -> int:
    """The most that any window of so many seconds holds."""
    return max((sum(1 for other in times if time <= other < time + seconds) for time in times), default=0)


@given(st.lists(st.tuples(chats, st.floats(0, 2), st.floats(0, 1)), min_size=1, max_size=100))
async def test_no_window_holds_more_than_it_allows(asked: list[tuple[Chat, float, float]]) -> None:
    """Calls of any length, up to eight at a time, each counted at any moment between its beginning and its end."""
    clock = Clock()
    pace = Pace(TELEGRAM, clock)
    counted: list[tuple[Chat, float]] = []
    under_way: list[tuple[float, AbstractAsyncContextManager[None]]] = []

    async def end_first() -> None:
        under_way.sort(key=lambda each: each[0])
        at, call = under_way.pop(0)
        clock.now = max(clock.now, at)
        await call.__aexit__(None, None, None)

    for chat, length, share in asked:
        while len(under_way) == 8 or math.isinf(pace.wait(chat)):
            await end_first()
        clock.now += pace.wait(chat)
        call = pace.call(chat)
        await call.__aenter__()
        counted.append((chat, clock.now + share * length))
        under_way.append((clock.now + length, call))
    while under_way:
        await end_first()
    assert within([at for _, at in counted], 1.0) <= 30
    for chat in {chat for chat, _ in counted}:
        times = [at for other, at in counted if other == chat]
        assert within(times, 1.0) <= 1
        if chat.kind is ChatKind.GROUP:
            assert within(times, 60.0) <= 20


async def test_calls_that_have_not_ended_hold_their_places() -> None:
    clock = Clock()
    pace = Pace(Rates(account_per_second=2), clock)
    async with pace.call(Chat(id="a")), pace.call(Chat(id="b")):
        clock.now += 100
        assert pace.wait(Chat(id="c")) == math.inf
    assert 1 <= pace.wait(Chat(id="c")) <= 1.1


def test_a_place_is_free_a_window_after_the_end_of_its_call() -> None:
    clock = Clock()
    pace = Pace(Rates(chat_per_second=1), clock)
    pace.note(Chat(id="a"), ago=0.4)
    assert 0.6 <= pace.wait(Chat(id="a")) <= 0.62
    assert pace.wait(Chat(id="b")) == 0


def test_less_than_one_a_second() -> None:
    clock = Clock()
    pace = Pace(Rates(chat_per_second=1 / 6), clock)
    pace.note(Chat(id="a"), ago=0)
    assert 6 <= pace.wait(Chat(id="a")) < 6.1
