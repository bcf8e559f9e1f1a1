"""The language of short, mixed and badly typed messages."""

import tomllib
from pathlib import Path

import pytest

from activities.understanding.language import detect
from models.contracts.enums import Language

HELD_OUT = tomllib.loads((Path(__file__).parents[1] / "data" / "intents-heldout.toml").read_text("utf-8"))
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
