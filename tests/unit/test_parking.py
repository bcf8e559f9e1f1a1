"""How long a parked step waits before it asks again."""

from hypothesis import given
from hypothesis import strategies as st

from worker.parking import FIRST_SECONDS, GOES_ON, LONGEST_SECONDS, pause
from workflows.policies import CALLS


@given(st.integers(1, 10_000_000))
def test_a_pause_is_bounded_and_never_nothing(attempt: int) -> None:
    seconds = pause(attempt).total_seconds()
    assert FIRST_SECONDS * 0.79 <= seconds <= LONGEST_SECONDS
    if attempt > 6:
        assert seconds >= LONGEST_SECONDS * 0.79


def test_only_steps_that_exist_are_excepted() -> None:
    assert CALLS.keys() >= GOES_ON
