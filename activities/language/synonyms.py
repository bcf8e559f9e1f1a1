"""Words of customer service that mean the same in English, Russian and Kazakh: delivery, доставка and жеткізу.

The embedded model places such pairs near each other, but not nearer than much that has nothing to do with them.
"""

import tomllib
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from activities.understanding.letters import folded

_WHOLE = 3
"""Letters up to which an entry is a whole word, not the beginning of one."""


@lru_cache(maxsize=20_000)
def group(word: str) -> int | None:
    """The number of the group of synonyms that a lower-case word belongs to, by its longest known beginning."""
    return _longest(_groups(), folded(word))


@lru_cache(maxsize=20_000)
def means_ourselves(word: str) -> bool:
    """Whether a lower-case word is what customers call a company: its shop, its clinic, its school."""
    return _longest(_ourselves(), folded(word)) is not None


def _longest(beginnings: Mapping[str, int], word: str) -> int | None:
    for length in range(len(word), 1, -1):
        found = beginnings.get(word[:length])
        if found is not None and (length > _WHOLE or length == len(word)):
            return found
    return None


@cache
def _groups() -> dict[str, int]:
    found: dict[str, int] = {}
    for number, words in enumerate(_file()["groups"]):
        for word in words.split():
            found.setdefault(folded(word), number)
    return found


@cache
def _ourselves() -> dict[str, int]:
    return dict.fromkeys(folded(_file()["ourselves"]).split(), 0)


@cache
def _file() -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("synonyms.toml").read_text("utf-8"))
