"""What customers write: seeded, endless, and the same for the same seed and customer."""

import random
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from tests.chaos.system import ROOT

KINDS = {"covered": 50, "uncovered": 9, "person": 10, "opt_out": 2, "greeting": 10, "thanks": 6, "follow_up": 8}
BURST = 0.12
REPEATED = 0.15
AWAITED = 0.5


@dataclass(frozen=True, slots=True)
class Line:
    """One message. It is sent `copies` times at once, under one id; `awaited`: the customer waits for the reply."""

    text: str
    kind: str
    copies: int
    awaited: bool


@cache
def texts(language: str) -> dict[str, list[str]]:
    questions = tomllib.loads((ROOT / "tests" / "data" / "altyn-questions.toml").read_text("utf-8"))
    said = {
        "en": {
            "person": ["Can I speak to a real person, please?", "Connect me to a manager"],
            "opt_out": ["Stop messaging me"],
            "greeting": ["Hello!", "Good morning"],
            "thanks": ["Thank you!", "Thanks a lot"],
            "follow_up": ["And how long does it take?", "And to Shymkent?"],
        },
        "ru": {
            "person": ["Позовите оператора", "Хочу поговорить с живым человеком"],
            "opt_out": ["Не пишите мне больше"],
            "greeting": ["Здравствуйте!", "Добрый день"],
            "thanks": ["Спасибо!", "Благодарю"],
            "follow_up": ["А сколько это занимает?", "А в Шымкент?"],
        },
    }[language]
    return {
        "covered": [question for question, _ in questions["covered"][language]["fit"]],
        "uncovered": list(questions["uncovered"][language]["fit"]),
        **said,
    }


def bursts(seed: int, customer: int) -> Iterator[tuple[float, list[Line]]]:
    """Pauses (as shares of the mean one) and what is written after each, without end."""
    dice = random.Random(f"{seed}/customer/{customer}")
    pool = texts(dice.choice(("en", "ru")))
    while True:
        length = dice.randint(2, 5) if dice.random() < BURST else 1
        lines = []
        for number in range(length):
            kind = dice.choices(list(KINDS), list(KINDS.values()))[0]
            copies = dice.randint(2, 5) if dice.random() < REPEATED else 1
            awaited = number == length - 1 and dice.random() < AWAITED
            lines.append(Line(dice.choice(pool[kind]), kind, copies, awaited))
        yield dice.uniform(0.2, 1.8), lines
