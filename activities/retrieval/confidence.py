"""How likely it is that what was found answers the question.

A cosine of the embedded model alone cannot tell: irrelevant passages reach 0.82 to 0.88. What tells is the cosine
together with how far it stands above the other passages found, and how much of what the question names the passage
holds. A logistic model over those was fitted by `benchmarks/fit_confidence.py`; the decision record beside it says on
what, and how often it errs.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from activities.generation.extractive import best_passage
from activities.language.terms import content_stems, romanised
from activities.understanding.language import detect
from models.contracts.enums import Language
from models.contracts.knowledge import Passage

ANSWER_AT = 0.8
"""From here on the passage is given as the answer."""
UNSURE_AT = 0.3
"""Below, the question counts as not covered by knowledge: a person is asked. Between the two the bot asks back."""

_ENOUGH_WORDS = 5


class Features(NamedTuple):
    """What the model looks at. All but `cosine` and `margin` lie in 0..1."""

    cosine: float
    """Similarity of the passage that would be quoted."""
    margin: float
    """How far it stands above the mean of the other passages found."""
    overlap: float
    """Share of the question's content words that the passage holds, rare ones weighing more; 0 across languages."""
    names: float
    """The same across languages, where only names and numbers can match; 0 within one."""
    same_language: float
    words: float
    """Content words of the question, of five at most: short questions say little by matching."""
    kazakh: float
    """The embedded model places Kazakh questions less surely than the others."""


class Fit(NamedTuple):
    """A logistic model, as `python -m benchmarks.fit_confidence` prints it."""

    coefficients: Features
    intercept: float


FITS: Mapping[str, Fit] = {
    "multilingual-e5-small": Fit(
        Features(
            cosine=56.95,
            margin=62.43,
            overlap=3.60,
            names=7.92,
            same_language=-3.99,
            words=2.43,
            kazakh=-0.64,
        ),
        intercept=-48.51,
    ),
}
"""By the embedding model, whose cosines they belong to."""

BY_WORDS = Fit(
    Features(cosine=0, margin=0, overlap=8.0, names=8.0, same_language=0, words=1.0, kazakh=0), intercept=-7.0
)
"""For a model without a fit: nothing is known of its cosines, so only words count. It answers where a passage holds
nearly every word of the question, and asks back or a person otherwise."""


def confidence(question: str, passages: Sequence[Passage], model: str) -> float:
    """Probability (0..1) that the passage to be quoted, of those found (best first), answers the question.

    `model` is the embedding model that the passages' similarities are of.
    """
    found = features(question, passages)
    if found is None:
        return 0.0
    fit = FITS.get(model.rpartition("/")[2], BY_WORDS)
    logit = fit.intercept + sum(weight * value for weight, value in zip(fit.coefficients, found, strict=True))
    return 1 / (1 + math.exp(-logit))


def features(question: str, passages: Sequence[Passage]) -> Features | None:
    """None when nothing was found."""
    language = detect(question)
    best = best_passage(question, language, passages)
    if best is None:
        return None
    others = [passage.similarity for passage in passages if passage is not best]
    # Alone, a passage stands above nothing: a tenant with one chunk needs the words to match.
    margin = best.similarity - sum(others) / len(others) if others else 0.0
    asked = set(_names(question))
    overlap = _overlap(asked, best, passages)
    same = best.language is language
    return Features(
        cosine=best.similarity,
        margin=margin,
        overlap=overlap if same else 0.0,
        names=0.0 if same else overlap,
        same_language=float(same),
        words=min(len(asked), _ENOUGH_WORDS) / _ENOUGH_WORDS,
        kazakh=float(language is Language.KK),
    )


def _overlap(asked: set[str], best: Passage, passages: Sequence[Passage]) -> float:
    """Weighted share of `asked` in `best`; a word that every passage found holds tells nothing."""
    held = [set(_names(f"{passage.title} {passage.heading} {passage.text}")) for passage in passages]
    weights = {word: math.log((len(held) + 1) / (sum(word in words for words in held) + 0.5)) for word in asked}
    of_best = held[passages.index(best)]
    total = sum(weights.values())
    return sum(weight for word, weight in weights.items() if word in of_best) / total if total else 0.0


def _names(text: str) -> list[str]:
    return [romanised(stem) for stem in content_stems(text)]
