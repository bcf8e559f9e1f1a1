"""The generator that needs no model: it quotes the passage that answers best, word for word, with its source.

It is also what answers when a model is down, too slow, or fails the grounding check.
"""

import time
from collections.abc import AsyncGenerator, Sequence

from activities.generation.port import Answer, GenerateRequest, NoAnswerError
from activities.language.sentences import spans
from activities.language.terms import content_stems
from activities.phrases import quote
from models.contracts.enums import Language
from models.contracts.knowledge import Passage, Usage

PROVIDER = "extractive"

WHOLE_CHARACTERS = 400
"""A passage up to this length is quoted whole: a reader wants the sentence before and after."""

SAME_LANGUAGE = 0.03
"""What a passage in the customer's language may lack in cosine and still be preferred. The embedded model puts
translations of one page within this distance of each other."""
OVERLAP = 0.04
"""What it counts, in cosine, that a passage holds every content word of the question."""


class ExtractiveGenerator:
    async def generate(self, request: GenerateRequest) -> AsyncGenerator[str | Answer]:
        begun = time.monotonic()
        passage = best_passage(request.question, request.language, request.passages)
        if passage is None:
            raise NoAnswerError
        text = quote(request.language, passage.title, excerpt(request.question, passage.text))
        yield text
        usage = Usage(provider=PROVIDER, model="quote", milliseconds=round((time.monotonic() - begun) * 1000))
        yield Answer(text, usage, quoted=passage)

    async def close(self) -> None:
        """Nothing is held open."""


def best_passage(question: str, language: Language, passages: Sequence[Passage]) -> Passage | None:
    """The passage to quote: near in meaning, in the customer's words and, where there is one, in their language."""
    asked = set(content_stems(question))

    def merit(passage: Passage) -> float:
        held = asked & set(content_stems(f"{passage.title} {passage.heading} {passage.text}"))
        overlap = len(held) / len(asked) if asked else 0.0
        return passage.similarity + SAME_LANGUAGE * (passage.language is language) + OVERLAP * overlap

    # The first of equals is the retriever's favourite.
    return max(passages, key=merit, default=None)


def excerpt(question: str, text: str) -> str:
    """The part of a passage to quote: all of it when short, else the sentences around the one that fits best."""
    if len(text) <= WHOLE_CHARACTERS:
        return text
    found = list(spans(text))
    asked = set(content_stems(question))
    held = [len(asked & set(content_stems(text[start:end]))) for start, end in found]
    first = last = max(range(len(found)), key=held.__getitem__)
    while True:
        # Grow towards the side that says more about the question; what follows explains more than what precedes.
        after = (held[last + 1], 1) if last + 1 < len(found) else (-1, 0)
        before = (held[first - 1], 0) if first > 0 else (-1, 0)
        step = (first, last + 1) if after >= before else (first - 1, last)
        if max(after, before)[0] < 0 or found[step[1]][1] - found[step[0]][0] > WHOLE_CHARACTERS:
            return text[found[first][0] : found[last][1]]
        first, last = step
