"""Whether two questions ask the same: by their vectors and by the words that they share.

A cosine alone cannot tell: with the embedded model different questions of one trade reach 0.93. Shared words decide
between those. The figures behind the constants are in docs/decisions/0047.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from activities.embedding.port import Vector
from activities.language.terms import content_stems
from activities.understanding.language import detect
from models.contracts.enums import Language

LINES = {"multilingual-e5-small": 0.95}
"""From which score on two questions ask the same, by the embedding model whose cosines they are of."""
WORDS = 0.1
"""What it is worth to share all words (Jaccard), on top of the cosine."""
ACROSS = 0.06
"""What two languages get instead, which share none."""
BY_WORDS = 0.6
"""For a model without a line nothing is known of its cosines: the common part of the words decides."""


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """`vector` has length 1."""

    vector: NDArray[np.float32]
    stems: frozenset[str]
    language: Language

    @classmethod
    def of(cls, text: str, vector: Vector) -> "Question":
        return cls(np.asarray(vector, np.float32), frozenset(content_stems(text)), detect(text))


def nearest(asked: Question, known: list[Question], model: str) -> int | None:
    """Which of `known` asks the same as `asked`, the likest one; None: none does."""
    if not known:
        return None
    line = LINES.get(model.rpartition("/")[2])
    shared = [_shared(asked, each) for each in known]
    if line is None:
        scores = np.array([0.0 if share is None else share for share in shared])
        line = BY_WORDS
    else:
        worth = np.array([ACROSS if share is None else WORDS * share for share in shared])
        scores = np.stack([each.vector for each in known]) @ asked.vector + worth
    best = int(np.argmax(scores))
    return best if scores[best] >= line else None


def _shared(one: Question, other: Question) -> float | None:
    """Common part of the words; None where the languages are two."""
    if one.language is not other.language:
        return None
    together = one.stems | other.stems
    return len(one.stems & other.stems) / len(together) if together else 0.0
