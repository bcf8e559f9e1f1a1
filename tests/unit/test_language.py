"""The language of short, mixed and badly typed messages."""

import csv
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.language.terms import romanised
from activities.understanding.language import detect
from models.contracts.enums import Language

HELD_OUT = tomllib.loads((Path(__file__).parents[1] / "data" / "intents-heldout.toml").read_text("utf-8"))
SHARED = Path(__file__).parents[3] / "shared" / "data"
WITHOUT_KAZAKH_LETTERS = str.maketrans("әғқңөұүһі", "агкноуухи")


@pytest.mark.parametrize(("language", "share"), [(Language.EN, 0.99), (Language.RU, 0.99), (Language.KK, 0.94)])
def test_held_out_messages(language: Language, share: float) -> None:
    texts = [text for group in HELD_OUT[language].values() for text in group]
    assert sum(detect(text) is language for text in texts) >= share * len(texts)


def test_kazakh_on_a_russian_keyboard() -> None:
    texts = [text.lower().translate(WITHOUT_KAZAKH_LETTERS) for group in HELD_OUT["kk"].values() for text in group]
    assert sum(detect(text) is Language.KK for text in texts) >= 0.8 * len(texts)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("купил iPhone 15 Pro Max, не включается", Language.RU),
        ("iPhone 15 Pro қанша тұрады", Language.KK),
        ("магазин на Қабанбай батыра где?", Language.RU),
        ("skolko stoit dostavka", Language.RU),
        ("salem, qansha turady", Language.KK),
        ("Is it in Алматы?", Language.EN),
    ],
)
def test_mixed_messages(text: str, language: Language) -> None:
    assert detect(text) is language


@pytest.mark.parametrize("text", ["", "12345", "👍", "???", "SMS", "iPhone 15"])
@pytest.mark.parametrize("previous", Language)
def test_a_text_that_does_not_tell_keeps_the_conversations_language(text: str, previous: Language) -> None:
    assert detect(text, previous) is previous


def test_without_anything_to_go_by_the_default_holds() -> None:
    assert detect("👍", default=Language.RU) is Language.RU


@given(st.text(max_size=200), st.sampled_from(Language))
def test_any_text_has_a_language_and_letter_case_does_not_change_it(text: str, previous: Language) -> None:
    found = detect(text, previous)
    assert found in Language
    if text.upper().lower() == text.lower():
        assert detect(text.upper(), previous) is found


@given(st.text(st.characters(exclude_categories=["L"]), max_size=50), st.sampled_from(Language))
def test_a_text_without_letters_keeps_the_conversations_language(text: str, previous: Language) -> None:
    assert detect(text, previous) is previous


@pytest.mark.parametrize(("language", "share"), [(Language.RU, 0.75), (Language.KK, 0.8)])
def test_in_latin_letters(language: Language, share: float) -> None:
    texts = [romanised(text) for group in HELD_OUT[language].values() for text in group]
    assert sum(detect(text) is language for text in texts) >= share * len(texts)


@pytest.mark.skipif(not SHARED.exists(), reason="the public test data is not here")
def test_english_is_never_taken_for_another_language_in_latin_letters() -> None:
    with (SHARED / "banking77-train.csv").open(encoding="utf-8") as file:
        assert {detect(row["text"]) for row in csv.DictReader(file)} == {Language.EN}
