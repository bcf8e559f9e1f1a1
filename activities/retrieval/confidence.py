"""How likely it is that what was found answers the question.

A cosine of the embedded model alone cannot tell: irrelevant passages reach 0.82 to 0.88. What tells is how far it stands
above those of other passages, how much of what the question names stands together in the passage, whether it holds the
kind of thing that is asked for, and how usual the question is. A logistic model over those was fitted by `benchmarks/fit_confidence.py`; docs/decisions/0048 says on what, and how often it errs.
"""

import json
import math
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import NamedTuple

from activities.embedding.port import Vector
from activities.retrieval.best import best_of
from activities.retrieval.evidence import Question
from models.contracts.enums import Language
from models.contracts.knowledge import Passage, Retrieval

ANSWER_AT = 0.8
"""From here on the passage is given as the answer."""
UNSURE_AT = 0.3
"""Below, the question counts as not covered by knowledge: a person is asked. Between the two the bot asks back."""

FITS = resources.files(__package__) / "fits"
"""A file for each embedding model, whose cosines it belongs to."""

_ENOUGH_WORDS = 5
_OTHERS = 3
"""Where fewer other passages are found, those of any company are imagined beside them: a tenant with one page has nothing
else to stand above."""


class Features(NamedTuple):
    """What the model looks at. All but `usual` and `margin` lie in 0..1."""

    usual: float
    """Similarity of the question to the mean of what customers write: what hardly anybody asks is hardly ever answered."""
    margin: float
    """How far in cosine the passage that would be quoted stands above the mean of the others found."""
    near: float
    """Share of what the question names that a sentence of the passage and its headings hold, rare words weighing more."""
    lacks: float
    """1 when the question asks for a price, a time, a place … and the passage holds none."""
    same_language: float
    words: float
    """Words of the question that carry meaning, of five at most: short questions say little by matching."""
    kazakh: float
    """The embedded model places Kazakh questions less surely than the others."""


class Fit(NamedTuple):
    """A logistic model, and what its features need: the means of the vectors of what customers write and of passages of
    other companies, both empty where nothing is known of a model's cosines."""

    coefficients: Features
    intercept: float
    questions: Vector
    passages: Vector
    found_above: float
    """How far in cosine the others that a search finds stand above passages in general."""


BY_WORDS = Fit(
    Features(usual=0, margin=0, near=11.0, lacks=-3.0, same_language=0, words=1.0, kazakh=0),
    intercept=-7.0,
    questions=[],
    passages=[],
    found_above=0.0,
)
"""For a model without a fit: only words count. It answers where a sentence holds nearly every word of the question, and
asks back or a person otherwise."""


def judged(question: str, language: Language, vector: Vector, passages: Sequence[Passage], model: str) -> Retrieval:
    """The passages, the one to quote first, with the probability (0..1) that this one answers the question.

    `vector` is the question's and `passages` have their similarities to it, both by the embedding model `model`.
    """
    if not passages:
        return Retrieval()
    fit = fit_of(model)
    read = Question.read(question)
    best, evidence = best_of(read, language, passages)
    rest = [passage for passage in passages if passage is not best]
    others = [passage.similarity for passage in rest]
    others += [_dot(vector, fit.passages) + fit.found_above] * (_OTHERS - len(others))
    found = Features(
        usual=_dot(vector, fit.questions),
        margin=best.similarity - sum(others) / len(others),
        near=evidence.near,
        lacks=evidence.lacks,
        same_language=float(best.language is language),
        words=min(len(read.terms), _ENOUGH_WORDS) / _ENOUGH_WORDS,
        kazakh=float(language is Language.KK),
    )
    logit = fit.intercept + sum(weight * value for weight, value in zip(fit.coefficients, found, strict=True))
    return Retrieval(
        passages=(best, *rest),
        confidence=1 / (1 + math.exp(-logit)),
        features=found._asdict(),
    )


@cache
def fit_of(model: str) -> Fit:
    """The fit for an embedding model, by its makers' name."""
    file = FITS / f"{model}.json"
    if not file.is_file():
        return BY_WORDS
    read = json.loads(file.read_text("utf-8"))
    return Fit(**{**read, "coefficients": Features(**read["coefficients"])})


def _dot(one: Vector, other: Vector) -> float:
    return sum(left * right for left, right in zip(one, other, strict=False))
