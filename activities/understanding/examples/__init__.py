"""The example sentences, cues and denials of each intent, one TOML file per language.

Beside them lie the sentences' vectors in the space of the embedded model, and the weights that are fitted to them, so that
a start need do neither. `make vectors` writes them anew; a sentence that is not among them is embedded when a process starts.
"""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from activities.understanding.letters import FOLDED, folded
from models.contracts.enums import Intent, Language

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Examples:
    """`sentences[i]` asks for `intents[i]`. A cue that matches a sentence settles it, unless a denial of its intent does."""

    sentences: tuple[str, ...]
    intents: tuple[Intent, ...]
    cues: tuple[tuple[Intent, re.Pattern[str]], ...]
    denials: tuple[tuple[Intent, re.Pattern[str]], ...] = ()

    def settled(self, sentence: str, denied: frozenset[Intent]) -> Intent | None:
        """The strongest intent whose cue matches, if any, but for what is `denied`."""
        said = folded(sentence)
        return next((intent for intent, cue in self.cues if intent not in denied and cue.search(said)), None)

    def denied(self, sentence: str) -> frozenset[Intent]:
        """What the sentence speaks of without asking for it: "I don't need a person"."""
        said = folded(sentence)
        return frozenset(intent for intent, denial in self.denials if denial.search(said))


def by_intent(language: Language) -> dict[Intent, list[str]]:
    """The example sentences of one language."""
    return {Intent(name): section["examples"] for name, section in _file(language).items()}


def of(language: Language) -> tuple[str, ...]:
    """The example sentences of one language, whatever they ask for."""
    return tuple(sentence for found in by_intent(language).values() for sentence in found)


@cache
def _file(language: Language) -> dict[str, dict[str, list[str]]]:
    return tomllib.loads((FOLDER / f"{language}.toml").read_text("utf-8"))


@cache
def load() -> Examples:
    sentences: list[str] = []
    intents: list[Intent] = []
    patterns: dict[str, list[tuple[Intent, re.Pattern[str]]]] = {"cues": [], "denials": []}
    for language in Language:
        for name, section in _file(language).items():
            intent = Intent(name)
            sentences += section["examples"]
            intents += [intent] * len(section["examples"])
            for kind, found in patterns.items():
                found += [
                    (intent, re.compile(pattern.translate(FOLDED), re.IGNORECASE)) for pattern in section.get(kind, [])
                ]
    strength = list(Intent)
    cues = sorted(patterns["cues"], key=lambda cue: strength.index(cue[0]))
    return Examples(tuple(sentences), tuple(intents), tuple(cues), tuple(patterns["denials"]))
