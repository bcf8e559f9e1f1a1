"""What the words of a passage say for its answering a question.

Words are compared by stems, without the letters that Kazakh on a Russian keyboard lacks, by likeness where one may be
mistyped, and as synonyms within and across languages. What the question wants to hear (a price, a time) counts as one
more word, which any price or time in the passage matches.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from activities.language.sentences import sentences
from activities.language.synonyms import group, means_ourselves
from activities.language.terms import STOP_WORDS, folded_stem
from activities.retrieval.answer_kinds import Kind, held, wanted
from activities.understanding import examples
from activities.understanding.letters import folded
from activities.understanding.spelling import plain
from models.contracts.knowledge import Passage

_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*|\d+(?:[.,:]\d+)*|[₸₽$€£]")
_SIGNS = "₸₽$€£"
_STOPPED = frozenset(map(folded, STOP_WORDS)) | frozenset(
    "болады болама боламын болам беру бересиз бересиздер аласыз аласыздар алады алуга кандай кай есть ли".split()
)
_SYNONYM = 0.8
"""What a synonym counts of a word itself."""
_ABOVE = 0.9
"""What a word in the heading counts of one in the sentence."""
_LIKE = 0.7
"""Share of pairs of letters in common from which a word may be another one, mistyped."""
_LIKE_FROM = 5
_KIND_WEIGHT = 0.7
_LEAST_WEIGHT = 0.15


class Term(NamedTuple):
    """A word as it compares. `stem` is empty for what is only known by its group: a currency's sign."""

    word: str
    stem: str
    group: int | None


class Evidence(NamedTuple):
    """All in 0..1."""

    near: float
    """Share of the question's words that its best sentence and the headings above hold, rare ones weighing more."""
    heading: float
    """The same, of the headings alone."""
    lacks: float
    """1 when the question wants to hear something of which the passage holds none, else 0."""


@dataclass(frozen=True)
class _Read:
    stems: frozenset[tuple[str, int | None]]
    groups: frozenset[int]
    by_letter: Mapping[str, tuple[str, ...]]
    """Words that may be others, mistyped, by their first letters."""
    kinds: frozenset[Kind]

    def match(self, term: Term) -> float:
        if (term.stem, term.group) in self.stems:
            return 1.0
        if term.group in self.groups:
            return _SYNONYM
        return max((_likeness(term.word, other) for other in self.by_letter.get(term.word[:1], ())), default=0.0)


@dataclass(frozen=True)
class Question:
    """A question's words, each with its weight, and the kinds of answer that it wants."""

    terms: tuple[tuple[Term, float], ...]
    kinds: frozenset[Kind]

    @classmethod
    def read(cls, text: str) -> "Question":
        text = plain(text)
        found = dict.fromkeys(terms(text))
        return cls(tuple((term, _weight(term)) for term in found), wanted(text))

    def evidence(self, passage: Passage) -> Evidence:
        heading = _read(f"{passage.title}\n{passage.heading}")
        above = {term: heading.match(term) for term, _ in self.terms}
        text = _read_text(passage.text)
        near = max(
            self._share({term: max(read.match(term), _ABOVE * above[term]) for term, _ in self.terms}, read.kinds)
            for read in text.sentences
        )
        return Evidence(
            near=near,
            heading=self._share(above, frozenset()),
            lacks=float(bool(self.kinds) and not self.kinds & text.kinds),
        )

    def share(self, text: str) -> float:
        """Share of the question's words that `text` holds."""
        read = _read(text)
        return self._share({term: read.match(term) for term, _ in self.terms}, read.kinds)

    def _share(self, matches: Mapping[Term, float], kinds: frozenset[Kind]) -> float:
        weights = [(weight, matches[term]) for term, weight in self.terms]
        if self.kinds:
            weights.append((_KIND_WEIGHT, float(bool(self.kinds & kinds))))
        total = sum(weight for weight, _ in weights)
        return sum(weight * match for weight, match in weights) / total if total else 0.0


def terms(text: str) -> list[Term]:
    """The words of `text` that carry meaning, its numbers and its currencies."""
    return [_term(word) for word in _WORD.findall(folded(text).replace("’", "'")) if word not in _STOPPED]


@lru_cache(maxsize=20_000)
def _term(word: str) -> Term:
    if word in _SIGNS:
        return Term("", "", group("price"))
    return Term(word, word if word[0].isdigit() else folded_stem(word), group(word))


@lru_cache(maxsize=4_000)
def _read(text: str) -> _Read:
    found = frozenset(terms(text))
    words = sorted({term.word for term in found if len(term.word) >= _LIKE_FROM and not term.word[0].isdigit()})
    return _Read(
        by_letter={letter: tuple(alike) for letter, alike in groupby(words, key=itemgetter(0))},
        stems=frozenset((term.stem, term.group) for term in found if term.stem),
        groups=frozenset(term.group for term in found if term.group is not None),
        kinds=held(text),
    )


@dataclass(frozen=True)
class _ReadText:
    """A passage's text, of which each sentence may be the one that answers."""

    sentences: tuple[_Read, ...]
    kinds: frozenset[Kind]


# Of the pages that customers ask about, most questions find the same ones. About 15 KB each.
@lru_cache(maxsize=1_000)
def _read_text(text: str) -> _ReadText:
    return _ReadText(tuple(map(_read, sentences(text) or [""])), held(text))


@lru_cache(maxsize=50_000)
def _likeness(one: str, other: str) -> float:
    """Share of pairs of letters in common; 0 where two words are too short or too different to be meant for one."""
    if min(len(one), len(other)) < _LIKE_FROM or one[0] != other[0] or one[0].isdigit():
        return 0.0
    first, second = _pairs(one), _pairs(other)
    share = 2 * (first & second).total() / (first.total() + second.total())
    return share if share >= _LIKE else 0.0


def _pairs(word: str) -> Counter[str]:
    return Counter(f"{one}{other}" for one, other in zip(f" {word}", word, strict=False))


def _weight(term: Term) -> float:
    """Between _LEAST_WEIGHT and a little over one: what customers of any company say tells less than a rare word."""
    if means_ourselves(term.word):
        return _LEAST_WEIGHT
    known, of = _common()
    often = max(known[term.stem], known[term.group] if term.group is not None else 0)
    return _LEAST_WEIGHT + math.log((of + 1) / (often + 1)) / math.log(of + 1)


@cache
def _common() -> tuple[Counter[str | int], int]:
    """In how many of the example sentences a stem or a group of synonyms stands, and how many sentences there are."""
    said: Sequence[str] = examples.load().sentences
    found: Counter[str | int] = Counter()
    for sentence in said:
        held_by = terms(sentence)
        found.update({term.stem for term in held_by} | {term.group for term in held_by if term.group is not None})
    return found, len(said)
