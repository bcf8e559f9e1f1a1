"""The example sentences and cues of each intent, one TOML file per language."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from models.contracts.enums import Intent, Language


@dataclass(frozen=True)
class Examples:
    """`sentences[i]` asks for `intents[i]`. A cue that matches a sentence settles it."""

    sentences: tuple[str, ...]
    intents: tuple[Intent, ...]
    cues: tuple[tuple[Intent, re.Pattern[str]], ...]

    def settled(self, sentence: str) -> Intent | None:
        """The strongest intent whose cue matches, if any."""
        return next((intent for intent, cue in self.cues if cue.search(sentence)), None)


@cache
def load() -> Examples:
    sentences: list[str] = []
    intents: list[Intent] = []
    cues: list[tuple[Intent, re.Pattern[str]]] = []
    for language in Language:
        text = resources.files(__name__).joinpath(f"{language}.toml").read_text("utf-8")
        for name, section in tomllib.loads(text).items():
            intent = Intent(name)
            sentences += section["examples"]
            intents += [intent] * len(section["examples"])
            cues += [(intent, re.compile(cue, re.IGNORECASE)) for cue in section.get("cues", [])]
    strength = list(Intent)
    cues.sort(key=lambda cue: strength.index(cue[0]))
    return Examples(tuple(sentences), tuple(intents), tuple(cues))
