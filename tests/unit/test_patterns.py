"""No pattern takes long over a hostile text: ten times the length costs about ten times the time, not a hundred."""

import re
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("activities", "api", "models", "runtime")
SHORT, LONG = 200, 2000
# Of 10 (linear) and 100 (quadratic).
TOO_STEEP = 40
# What is done in less is done, however it grows.
SOON = 0.002

UNITS = (
    "a", "я", "A", "1", "-", ".", "@", "'", '"', "\\", "!", "?", "/", "+", "(", "[", "<", "$", "_", " ", "\n", "\t",
    "a.", "a-", "a@", "a ", "1 ", "1-", "1.", "1,", "a'", "1a", "<a", "< ", "/a", "+1", "(1", "http://", "www.", "a@a.",
    "not ", "не ", "to ", ": ", "№ ", "00", "а́",
)  # fmt: skip
ENDS = ("", "!", "\x00", "@", " a", "1")


def patterns() -> dict[str, "re.Pattern[Any]"]:
    """Every pattern that a module keeps, by where it is."""
    found = {}
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if "re.compile(" in path.read_text():
                name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
                for attribute, value in vars(import_module(name)).items():
                    if isinstance(value, re.Pattern):
                        found[f"{name}.{attribute}"] = value
    return found


PATTERNS = patterns()
# Only ever held against a whole text, or against what follows one place of it.
NEVER_SEARCHED = {
    "activities.channels.email.quoting._DATED",
    "activities.channels.email.quoting._FROM",
    "activities.channels.email.quoting._LINE",
    "activities.channels.email.quoting._MOBILE",
    "activities.channels.email.quoting._OTHER_HEADERS",
    "activities.channels.email.quoting._RULE",
    "activities.channels.email.quoting._SAID",
    "activities.channels.email.quoting._SAID_AT",
    "activities.channels.form.MIME",
    "activities.channels.text.syntax._ITEM",
    "activities.channels.text.syntax._LINK",
    "activities.channels.text.syntax._TRAILING",
    "activities.channels.text.whatsapp._BEGINNING",
    "activities.desk.handle._PRESSED",
    "activities.language.quantities._RANGE",
    "activities.reading.html.style._NUMBER",
    "activities.reading.kinds._HTML",
    "activities.language.quantities._UNIT",
    "activities.understanding.language._KAZAKH_ENDING",
    "api.identity.tokens.SHAPE",
    "runtime.egress.urls.SHAPE",
    "runtime.media.content._MARKUP",
}


def seconds(pattern: "re.Pattern[Any]", text: str, *, searched: bool = True) -> float:
    """The least of several runs: what else the machine does only adds."""
    given: Any = text.encode() if isinstance(pattern.pattern, bytes) else text
    least = float("inf")
    for _ in range(3):
        began = time.process_time()
        pattern.fullmatch(given)
        pattern.match(given)
        if searched:
            for _match in pattern.finditer(given):
                pass
        least = min(least, time.process_time() - began)
        if least < SOON:
            break
    return least


def hostile(unit: str, end: str, length: int) -> str:
    return (unit * (length // len(unit)) + end)[-length:]


@pytest.mark.parametrize("name", PATTERNS)
def test_time_grows_with_the_text_and_no_faster(name: str) -> None:
    pattern, searched = PATTERNS[name], name not in NEVER_SEARCHED
    for unit in UNITS:
        for end in ENDS:
            long = seconds(pattern, hostile(unit, end, LONG), searched=searched)
            if long > SOON:
                short = seconds(pattern, hostile(unit, end, SHORT), searched=searched)
                assert long < TOO_STEEP * short, f"{unit!r} … {end!r}: {1000 * short:.2f} ms, then {1000 * long:.1f} ms"


def test_a_pattern_that_grows_is_noticed() -> None:
    steep = re.compile(r"[a-z]+@")
    short = min(seconds(steep, hostile("a", "", SHORT)) for _ in range(10))
    assert seconds(steep, hostile("a", "", LONG)) > TOO_STEEP * short
