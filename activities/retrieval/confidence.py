"""How likely it is that what was found answers the question.

A cosine of the embedded model alone cannot tell: irrelevant passages reach 0.82 to 0.88. What tells is the cosine
together with how like the question is to any question, how far the passage stands above the others found, how much of
what the question names stands together in it, and whether it holds the kind of thing that is asked for. A logistic model
over those was fitted by `benchmarks/fit_confidence.py`; docs/decisions/0048 says on what, and how often it errs.
"""

import json
import math
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import NamedTuple

from activities.embedding.port import Vector
from activities.retrieval.best import ranked
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
_ENOUGH_OTHERS = 2
USUAL_MARGIN = 0.025
"""Counts where fewer than two other passages are found: a tenant with one page has nothing to stand above."""


class Features(NamedTuple):
    """What the model looks at. All but `cosine`, `usual` and `margin` lie in 0..1."""

    cosine: float
    """Similarity of the passage that would be quoted."""
    usual: float
    """Similarity of the question to the mean of what customers write: what hardly anybody asks is hardly ever answered."""
    margin: float
    """How far the passage stands above the mean of the others found."""
    near: float
    """Share of what the question names that a sentence of the passage and its headings hold, rare words weighing more."""
    heading: float
    """The same of its headings alone."""
    lacks: float
    """1 when the question asks for a price, a time, a place … and the passage holds none."""
    same_language: float
    words: float
    """Words of the question that carry meaning, of five at most: short questions say little by matching."""
    kazakh: float
    """The embedded model places Kazakh questions less surely than the others."""


class Fit(NamedTuple):
    """A logistic model. `usual` is the mean of questions' vectors, None where nothing is known of a model's cosines."""

    coefficients: Features
    intercept: float
    usual: Vector | None


BY_WORDS = Fit(
    Features(cosine=0, usual=0, margin=0, near=10.0, heading=1.0, lacks=-3.0, same_language=0, words=1.0, kazakh=0),
    intercept=-7.0,
    usual=None,
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
    order = ranked(read, language, passages)
    best, evidence = order[0]
    others = [passage.similarity for passage, _ in order[1:]]
    found = Features(
        cosine=best.similarity,
        usual=_dot(vector, fit.usual) if fit.usual else 0.0,
        margin=best.similarity - sum(others) / len(others) if len(others) >= _ENOUGH_OTHERS else USUAL_MARGIN,
        near=evidence.near,
        heading=evidence.heading,
        lacks=evidence.lacks,
        same_language=float(best.language is language),
        words=min(len(read.terms), _ENOUGH_WORDS) / _ENOUGH_WORDS,
        kazakh=float(language is Language.KK),
    )
    logit = fit.intercept + sum(weight * value for weight, value in zip(fit.coefficients, found, strict=True))
    return Retrieval(
        passages=tuple(passage for passage, _ in order),
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
    return Fit(Features(**read["coefficients"]), read["intercept"], read["usual"])


def _dot(one: Vector, other: Vector) -> float:
    return sum(left * right for left, right in zip(one, other, strict=True))
