import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.together import MOST, Together


class Doubling:
    """Doubles numbers, when it is let. `wrong`: a number that it refuses, with all that come with it."""

    def __init__(self, wrong: int | None = None, error: type[Exception] = ValueError) -> None:
        self.calls: list[Sequence[int]] = []
        self.begun, self.let = asyncio.Event(), asyncio.Event()
        self._wrong, self._error = wrong, error

    async def __call__(self, numbers: Sequence[int]) -> Sequence[int]:
        self.calls.append(numbers)
        self.begun.set()
        await self.let.wait()
        if self._wrong in numbers:
            raise self._error
        return [2 * number for number in numbers]


async def asked(doubling: Doubling, numbers: Sequence[int]) -> list[int | BaseException]:
    """What each is told, when the first finds nobody and the others come during its call."""
    together = Together(doubling)
    first = asyncio.create_task(together.ask(numbers[0]))
    await doubling.begun.wait()
    others = [asyncio.create_task(together.ask(number)) for number in numbers[1:]]
    await asyncio.sleep(0)
    doubling.let.set()
    return await asyncio.gather(first, *others, return_exceptions=True)


async def test_one_goes_at_once_and_those_that_come_meanwhile_go_together() -> None:
    doubling = Doubling()
    assert await asked(doubling, [1, 2, 3, 4]) == [2, 4, 6, 8]
    assert doubling.calls == [[1], [2, 3, 4]]


@given(st.lists(st.integers(), min_size=1, max_size=3 * MOST))
async def test_each_is_told_its_own_and_no_call_grows_without_bound(numbers: list[int]) -> None:
    doubling = Doubling()
    assert await asked(doubling, numbers) == [2 * number for number in numbers]
    assert [number for call in doubling.calls for number in call] == numbers
    assert max(map(len, doubling.calls)) <= MOST
    assert len(doubling.calls) <= 2 + len(numbers) // MOST


async def test_the_one_that_is_wrong_is_told_and_the_others_do_not_hear_of_it() -> None:
    one, two, three, four = await asked(Doubling(wrong=3), [1, 2, 3, 4])
    assert (one, two, four) == (2, 4, 8)
    assert isinstance(three, ValueError)


async def test_an_outage_is_told_to_all_and_not_tried_for_each() -> None:
    doubling = Doubling(wrong=3, error=ConnectionRefusedError)
    _, *others = await asked(doubling, [1, 2, 3, 4])
    assert [type(each) for each in others] == [ConnectionRefusedError] * 3
    assert len(doubling.calls) == 2


async def test_whoever_gave_up_keeps_nothing_from_the_others() -> None:
    doubling = Doubling()
    together = Together(doubling)
    first, second, third = (asyncio.create_task(together.ask(number)) for number in (1, 2, 3))
    await doubling.begun.wait()
    first.cancel()
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    doubling.let.set()
    assert await third == 6
    assert await together.ask(4) == 8
