"""Which of the passages found is the one to quote."""

from collections.abc import Sequence

from activities.retrieval.evidence import Evidence, Question
from models.contracts.enums import Language
from models.contracts.knowledge import Passage

SAME_LANGUAGE = 0.01
"""What a passage in the customer's language may lack in cosine and still be preferred: of two translations it is the one."""
# What each counts in cosine, as `python -m benchmarks.fit_confidence` prints it.
NEAR = 0.221
HEADING = 0.169
LACKS = -0.072


def best_of(question: Question, language: Language, passages: Sequence[Passage]) -> tuple[Passage, Evidence]:
    """The passage nearest in meaning, in words and in language, with what its words say. There must be one.

    The first of equals is the search's favourite.
    """
    seen = [(passage, question.evidence(passage)) for passage in passages]
    return max(seen, key=lambda each: _merit(each[0], each[1], language))


def _merit(passage: Passage, evidence: Evidence, language: Language) -> float:
    return (
        passage.similarity
        + SAME_LANGUAGE * (passage.language is language)
        + NEAR * evidence.near
        + HEADING * evidence.heading
        + LACKS * evidence.lacks
    )
