"""Whether two texts disagree: nearly the same sentence with other figures, or a yes against a no.

Only figures and a leading yes or no are looked at, so what is found is worth a look, and much is not found.
"""

import re
from collections import defaultdict

from activities.language.quantities import quantities
from activities.language.sentences import sentences
from activities.language.terms import content_stems, words

SAME_SENTENCE = 0.5
"""Common part of the words from which on two sentences speak of the same thing."""
FEWEST_IN_COMMON = 2

_YES = frozenset({"yes", "да", "иә", "ия"})
_NO = frozenset({"no", "нет", "жоқ"})
_CAPITALISED = re.compile(r"(?<!^)(?<![.!?…]\s)\b[^\W\d_a-zа-яё][^\W\d_]+")


def answers_disagree(one: str, other: str) -> bool:
    """Of two answers to the same question: they give other figures of the same unit, or one says yes and the other no."""
    return _figures_differ(one, other) or _polarity(one) * _polarity(other) < 0


def passages_disagree(one: str, other: str) -> bool:
    """Whether some sentence of each speak of the same thing with other figures. Texts in two languages share no words,
    and so never disagree here."""
    mine, theirs = ([_Said(each) for each in sentences(text)] for text in (one, other))
    return any(
        said.same_thing(told) and _figures_differ(said.text, told.text)
        for said in mine
        if said.has_figures
        for told in theirs
        if told.has_figures
    )


class _Said:
    def __init__(self, text: str) -> None:
        self.text = text
        self.stems = frozenset(content_stems(text))
        self.names = frozenset(word.lower() for word in _CAPITALISED.findall(text))
        self.has_figures = bool(quantities(text))

    def same_thing(self, other: "_Said") -> bool:
        """What is said of two cities in the same words is no contradiction."""
        if self.names - other.names and other.names - self.names:
            return False
        common = len(self.stems & other.stems)
        return common >= max(FEWEST_IN_COMMON, SAME_SENTENCE * len(self.stems | other.stems))


def _figures_differ(one: str, other: str) -> bool:
    """Whether both give figures of one unit and have none of them in common. A price that one of them leaves out, or
    gives beside others, is no disagreement."""
    mine, theirs = _by_unit(one), _by_unit(other)
    return any(not values & theirs[unit] for unit, values in mine.items() if unit in theirs)


def _by_unit(text: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for value, unit in quantities(text):
        found[unit].add(value)
    return found


def _polarity(text: str) -> int:
    first = next(iter(words(text)), "")
    return 1 if first in _YES else -1 if first in _NO else 0
