"""When a passage is read with what stands beside it."""

import pytest

from models.repositories.neighbours import SHORT_CHARACTERS, joined

LONG = "A sentence that is long enough to stand for itself. " * 5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (LONG, LONG),
        ("It takes 14 days.", "Before.\n\nIt takes 14 days."),
        (LONG + "You need:", LONG + "You need:\n\nAfter."),
        (LONG + "and it goes on", LONG + "and it goes on\n\nAfter."),
        ("You need:", "Before.\n\nYou need:\n\nAfter."),
        (LONG + "(As said.)", LONG + "(As said.)"),
        (LONG + "«Так.»", LONG + "«Так.»"),
    ],
)
def test_a_passage_that_does_not_stand_for_itself_is_joined(text: str, expected: str) -> None:
    assert len(LONG) > SHORT_CHARACTERS
    assert joined("Before.", text, "After.") == expected


def test_what_is_not_there_is_not_joined() -> None:
    assert joined(None, "You need:", None) == "You need:"
