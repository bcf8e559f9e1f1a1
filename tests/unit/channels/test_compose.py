"""What a message is sent as: its files first, whatever kinds of them the channel has, and no word of it twice."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from activities.channels.outbound import compose
from models.contracts.channels import Capabilities, Chat, Markup, Media, MediaKind
from models.contracts.enums import Author
from models.repositories.sends import Due
from runtime.ids import new_id

CAPABILITIES = Capabilities(
    media=frozenset({MediaKind.IMAGE, MediaKind.DOCUMENT}),
    captions=frozenset({MediaKind.IMAGE}),
)

LONG = ("word " * 250).strip()
"""More than a caption, less than a message."""


def due(text: str, *kinds: MediaKind) -> Due:
    media = tuple(Media(kind=kind, key="k", name="n", mime="m", size=1) for kind in kinds)
    return Due(
        id=new_id(),
        conversation_id=new_id(),
        message_id=new_id(),
        chat=Chat(id="1"),
        author=Author.MANAGER,
        text=text,
        language=None,
        media=media,
        sent=(),
        attempts=0,
        repeats=0,
        queued_at=datetime.now(UTC),
        heard_at=None,
        thread=(),
        subject=None,
        late=False,
        closed=False,
    )


@pytest.mark.parametrize(
    ("text", "kinds", "sent"),
    [
        ("", (MediaKind.IMAGE,), [("image", "")]),
        ("Short.", (MediaKind.IMAGE,), [("image", "Short.")]),
        (LONG, (MediaKind.IMAGE,), [("image", ""), (None, LONG)]),
        ("Short.", (MediaKind.DOCUMENT,), [("document", ""), (None, "Short.")]),
        ("Short.", (MediaKind.IMAGE, MediaKind.IMAGE), [("image", "Short."), ("image", "")]),
        ("", (MediaKind.VOICE,), [("document", "")]),
        ("", (), []),
    ],
)
def test_a_message_with_files(text: str, kinds: tuple[MediaKind, ...], sent: list[tuple[str | None, str]]) -> None:
    found = compose(due(text, *kinds), CAPABILITIES)
    assert [(None if part.media is None else part.media.kind.value, part.text) for part in found] == sent


def test_what_a_person_writes_has_no_markup() -> None:
    marked, telegram = due("**2** < 3"), CAPABILITIES.model_copy(update={"markup": Markup.TELEGRAM})
    assert [part.text for part in compose(marked, telegram)] == ["**2** &lt; 3"]
    assert [part.text for part in compose(replace(marked, author=Author.BOT), telegram)] == ["<b>2</b> &lt; 3"]


def test_a_channel_without_files_gets_the_words() -> None:
    found = compose(due("Here.", MediaKind.IMAGE), CAPABILITIES.model_copy(update={"media": frozenset()}))
    assert [(part.media, part.text) for part in found] == [(None, "Here.")]
