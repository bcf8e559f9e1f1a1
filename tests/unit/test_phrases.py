"""Every phrase exists in every language, is in that language, and leaves no placeholder behind."""

import re
from datetime import timedelta
from typing import get_args

import pytest

from activities import phrases
from activities.understanding.language import detect
from models.contracts.enums import Language, ReplyKind

WRITTEN_ELSEWHERE = {
    ReplyKind.ANSWER,
    ReplyKind.QUOTE,
    ReplyKind.GREETING,
    ReplyKind.MUTED,
    ReplyKind.RULE,
    ReplyKind.MANAGER,
}


def test_each_kind_of_reply_is_spoken_or_written_elsewhere() -> None:
    assert set(get_args(phrases.Spoken)) == set(ReplyKind) - WRITTEN_ELSEWHERE


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("kind", get_args(phrases.Spoken))
def test_a_phrase_is_in_its_language(kind: phrases.Spoken, language: Language) -> None:
    text = phrases.phrase(kind, language)
    assert detect(text) is language
    assert not re.search(r"[{}]", text)


@pytest.mark.parametrize("language", Language)
def test_muting_says_for_how_long(language: Language) -> None:
    short = phrases.muted(language, timedelta(minutes=30))
    long = phrases.muted(language, timedelta(hours=24))
    assert short != long
    assert "24" in long


@pytest.mark.parametrize("language", Language)
def test_a_quote_names_its_source_and_repeats_its_text(language: Language) -> None:
    text = phrases.quote(language, "A {title}", "{text} 5%")
    assert "A {title}" in text
    assert text.endswith("\n{text} 5%")
