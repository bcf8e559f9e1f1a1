"""What the bot says by itself: one short text per kind of reply and language, kept beside this file as TOML."""

import tomllib
from datetime import timedelta
from enum import StrEnum
from importlib import resources
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

from models.contracts.enums import Language, ReplyKind

Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Letter = Annotated[str, StringConstraints(min_length=1, max_length=1000)]

Spoken = Literal[
    ReplyKind.THANKS,
    ReplyKind.CLARIFY,
    ReplyKind.DECLINE,
    ReplyKind.ESCALATED,
    ReplyKind.PERSON_COMING,
    ReplyKind.ESCALATION_CANCELLED,
    ReplyKind.REENGAGE,
    ReplyKind.DELAYED,
    ReplyKind.IDENTIFY,
    ReplyKind.WRONG_CODE,
    ReplyKind.VERIFIED,
    ReplyKind.SLOW_DOWN,
    ReplyKind.UNREADABLE,
]
"""The kinds of reply that are one fixed text."""


class Phrases(BaseModel):
    """The phrases of one language. A file that lacks one, or holds one too many, fails at import."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hello: Text
    good_morning: Text
    good_day: Text
    good_evening: Text
    greeting: Text
    greeting_goes_on: Text
    greeting_returned: Text
    thanks: Text
    clarify: Text
    clarify_shown: Text
    decline: Text
    escalated: Text
    person_coming: Text
    escalation_cancelled: Text
    muted_short: Text
    muted_long: Text
    reengage: Text
    delayed: Text
    late: Text
    identify: Text
    wrong_code: Text
    verified: Text
    slow_down: Text
    unreadable: Text
    file_too_large: Text
    file_kind: Text
    file_lost: Text
    more_files: Text
    mail_too_large: Text
    partly_read: Text
    people_today: Text
    people_tomorrow: Text
    people_on: Text
    code_subject: Text
    code_mail: Letter
    quote: Text


def _load(language: Language) -> Phrases:
    text = resources.files(__name__).joinpath(f"{language}.toml").read_text("utf-8")
    return Phrases.model_validate(tomllib.loads(text))


PHRASES = {language: _load(language) for language in Language}


def phrase(kind: Spoken, language: Language) -> str:
    text: str = getattr(PHRASES[language], kind.value)
    return text


class DayPart(StrEnum):
    """What a greeting depends on. There is none for the night: who writes then is greeted as in the evening."""

    MORNING = "good_morning"
    DAY = "good_day"
    EVENING = "good_evening"


def hello(language: Language, part: DayPart | None) -> str:
    """The greeting alone; None where the customer's time of day is not known."""
    text: str = getattr(PHRASES[language], "hello" if part is None else part.value)
    return text


def muted(language: Language, duration: timedelta) -> str:
    """What is said before falling silent: for half an hour, or for a day when `duration` is longer than an hour."""
    phrases = PHRASES[language]
    return phrases.muted_short if duration <= timedelta(hours=1) else phrases.muted_long


LEFT_OUT = {
    "too_large": "file_too_large",
    "executable": "file_kind",
    "more_files": "more_files",
    "mail_too_large": "mail_too_large",
    "unsupported": "partly_read",
}
"""Phrases by the word for why something of a message was left out."""


def left_out(language: Language, reason: str, megabytes: int) -> str:
    """That something of a message could not be taken, and what would be; `megabytes` may be."""
    text: str = getattr(PHRASES[language], LEFT_OUT.get(reason, "file_lost"))
    return text.format(megabytes=megabytes)


def quote(language: Language, title: str, text: str) -> str:
    """A passage's words framed with the title of the document that they stand in."""
    return PHRASES[language].quote.format(title=title, text=text)


def shown(language: Language, title: str, text: str) -> str:
    """A passage that may be what was asked for, with a question back."""
    return PHRASES[language].clarify_shown.format(quote=quote(language, title, text))


def code_mail(language: Language, *, company: str, name: str | None, code: str, minutes: int) -> tuple[str, str]:
    """Subject and text of the mail that brings a customer a code."""
    phrases = PHRASES[language]
    given = {"company": company, "greeted": f", {name}" if name else "", "code": code, "minutes": minutes}
    return phrases.code_subject.format_map(given), phrases.code_mail.format_map(given)
