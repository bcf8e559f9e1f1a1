"""An account's pace: whatever is asked for, no provider's window ever holds more than it allows."""

from hypothesis import given
from hypothesis import strategies as st

from activities.channels.pace import Pace
from models.contracts.channels import Chat, ChatKind, Rates

TELEGRAM = Rates(account_per_second=30, chat_per_second=1, group_per_minute=20)

chats = st.builds(
    lambda number, group: Chat(
        id=f"{'g' if group else 'p'}{number}", kind=ChatKind.GROUP if group else ChatKind.PRIVATE
    ),
    st.integers(0, 5),
    st.booleans(),
)


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def within(times: list[float], seconds: float) -> int:
    """The most that any window of so many seconds holds."""
    return max(sum(1 for other in times if time <= other < time + seconds) for time in times)


@given(st.lists(st.tuples(chats, st.floats(0, 3)), min_size=1, max_size=200))
def test_no_window_holds_more_than_it_allows(asked: list[tuple[Chat, float]]) -> None:
    clock = Clock()
    pace = Pace(TELEGRAM, clock)
    sent: list[tuple[Chat, float]] = []
    for chat, pause in asked:
        clock.now += pause
        # As a lane does: a chat's next message is not asked for before its last has gone.
        clock.now += pace.reserve(chat)
        sent.append((chat, clock.now))
    assert within([at for _, at in sent], 1.0) <= 30
    for chat in {chat for chat, _ in sent}:
        times = [at for other, at in sent if other == chat]
        assert within(times, 1.0) <= 1
        if chat.kind is ChatKind.GROUP:
            assert within(times, 60.0) <= 20


@given(st.lists(st.floats(0, 70), min_size=20, max_size=40))
def test_what_was_sent_before_counts(ago: list[float]) -> None:
    """A lane's next stretch begins where the last one ended."""
    clock = Clock()
    pace = Pace(TELEGRAM, clock)
    group = Chat(id="g", kind=ChatKind.GROUP)
    before = sorted(clock.now - each for each in ago)
    for at in before:
        pace.note(group, clock.now - at)
    wait = pace.reserve(group)
    assert within([*before[-20:], clock.now + wait], 60.0) <= 20


def test_less_than_one_a_second() -> None:
    pace = Pace(Rates(chat_per_second=1 / 6), Clock())
    assert pace.reserve(Chat(id="a")) == 0
    assert pace.reserve(Chat(id="a")) >= 6
