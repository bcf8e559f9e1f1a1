"""Texts that are cut: what a reader sees as one character is there, or is not."""

import re
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.channels.email.parsing import parse
from activities.channels.email.writing import mail
from activities.channels.whatsapp_cloud import writing as whatsapp
from activities.desk import compose
from activities.ingestion.splitting import split
from activities.mail.letters import plain
from models.contracts.accounts import EmailSettings
from models.contracts.channels import Button, Chat, Media, MediaKind, Part
from models.contracts.enums import Language, LearnedStatus
from models.documents import title_of
from models.repositories.learned import Entry
from runtime.characters import beginning, boundaries, ending, visible
from runtime.media.content import shown_name
from tests.characters import CHARACTERS, are_whole

SOME = st.lists(st.sampled_from(CHARACTERS), max_size=40)


@given(SOME)
def test_boundaries_are_between_characters(characters: list[str]) -> None:
    text, cuts = "".join(characters), boundaries("".join(characters))
    assert [text[start:end] for start, end in pairwise(cuts)] == characters


@given(SOME, st.integers(len(max(CHARACTERS, key=len)), 60))
def test_beginnings_and_endings_have_as_many_characters_as_fit(characters: list[str], limit: int) -> None:
    text = "".join(characters)
    begun, ended = beginning(text, limit), ending(text, limit)
    for kept, rest in ((begun, text.removeprefix(begun)), (ended, text.removesuffix(ended))):
        assert kept + rest == text or rest + kept == text
        assert len(kept) <= limit
        assert are_whole(kept)
    following = boundaries(text)[boundaries(text).index(len(begun)) :]
    assert len(following) == 1 or following[1] > limit


def test_one_that_never_ends_is_cut() -> None:
    assert beginning("a" + "\u0301" * 9, 4) == "a" + "\u0301" * 3
    assert ending("a" + "\u0301" * 9, 4) == "\u0301" * 4
    assert beginning("я" * 5, 5, lambda text: len(text.encode())) == "яя"
    assert beginning("🇰🇿", 0) == ""


@given(SOME)
def test_what_holds_a_character_together_is_seen_and_what_turns_the_reading_is_not(characters: list[str]) -> None:
    text = "".join(characters)
    assert visible(text) == text
    assert visible("\u202e".join(("", *characters, "")), "!") == "!".join(("", *characters, ""))
    assert visible("a\r\nb\x00c\u2028\ud800\u200bd\U0001fae8") == "abcd\U0001fae8"


ID = UUID(int=1)
FLAG = "🇰🇿"
SHOP = EmailSettings(address="help@shop.example", receive="webhook", smtp_host="smtp.shop.example")


def subject(text: str) -> str:
    written = mail(SHOP, Chat(id="a@b.kz"), Part(id="1", text="x", subject=text), None)
    return str(written["Subject"]).removeprefix("Re: ")


def row(text: str) -> list[str]:
    buttons = (Button(text=text, data="1"),)
    sent = whatsapp.message(Chat(id="7"), Part(text="x", buttons=(buttons,)), None)
    (shown,) = sent["interactive"]["action"]["sections"][0]["rows"]
    return [shown["title"].removesuffix("…"), shown["description"]]


def file_name(text: str) -> str:
    media = Media(kind=MediaKind.DOCUMENT, key="k", name=text, mime="application/pdf", size=1)
    return str(whatsapp.message(Chat(id="7"), Part(media=media), "1")["document"]["filename"])


def read(text: str) -> list[str]:
    """Who wrote, what about, and a file's name, of a mail that comes in."""
    came = EmailMessage(policy=SMTP)
    came["From"], came["Subject"] = f'"{text[:300]}" <a@b.kz>', text
    came.add_attachment(b"%PDF-", maintype="application", subtype="pdf", filename=text)
    letter = parse(came.as_bytes(), "1")
    return [letter.name or "", letter.subject, letter.files[0].name or ""]


def learned(text: str) -> str:
    return Entry(ID, ID, LearnedStatus.APPROVED, text, "", Language.EN, None, None).document().title or ""


PLACES: dict[str, Callable[[str], str | list[str]]] = {
    "desk, clipped": lambda text: compose.clip(text, 100).removesuffix("…"),
    "mail, subject": subject,
    "mail, name": plain,
    "mail, read": read,
    "WhatsApp, row": row,
    "WhatsApp, file": file_name,
    "file": shown_name,
    "title": lambda text: title_of(f"# {text}", "x"),
    "learned answer": learned,
    "passages": lambda text: [piece.text for piece in split(text, "text")],
}


@pytest.mark.parametrize("before", ["", "x"])
@pytest.mark.parametrize("place", PLACES)
def test_every_place_that_cuts_keeps_characters_whole(place: str, before: str) -> None:
    whole = before + FLAG * 1_000
    found = PLACES[place](whole)
    for kept in [found] if isinstance(found, str) else found:
        assert FLAG in kept
        assert len(kept) < len(whole)
        assert re.fullmatch(f"x?(?:{FLAG})+", kept)
