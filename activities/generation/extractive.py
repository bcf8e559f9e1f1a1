"""The generator that needs no model: it quotes the first passage, word for word, with its source.

It is also what answers when a model is down, too slow, or fails the grounding check.
"""

import time
from collections.abc import AsyncGenerator

from activities.generation.port import Answer, GenerateRequest, NoAnswerError
from activities.language.sentences import spans
from activities.phrases import quote
from activities.retrieval.evidence import Question
from models.contracts.knowledge import Usage

PROVIDER = "extractive"

WHOLE_CHARACTERS = 400
"""A passage up to this length is quoted whole: a reader wants the sentence before and after."""


class ExtractiveGenerator:
    async def generate(self, request: GenerateRequest) -> AsyncGenerator[str | Answer]:
        begun = time.monotonic()
        if not request.passages:
            raise NoAnswerError
        passage = request.passages[0]
        text = quote(request.language, passage.title, excerpt(request.question, passage.text))
        yield text
        usage = Usage(provider=PROVIDER, model="quote", milliseconds=round((time.monotonic() - begun) * 1000))
        yield Answer(text, usage, quoted=passage)

    async def close(self) -> None:
        """Nothing is held open."""


def excerpt(question: str, text: str) -> str:
    """The part of a passage to quote: all of it when short, else the sentences around the one that fits best."""
    if len(text) <= WHOLE_CHARACTERS:
        return text
    found = list(spans(text))
    asked = Question.read(question)
    held = [asked.share(text[start:end]) for start, end in found]
    first = last = max(range(len(found)), key=held.__getitem__)
    while True:
        # Grow towards the side that says more about the question; what follows explains more than what precedes.
        after = (held[last + 1], 1) if last + 1 < len(found) else (-1, 0)
        before = (held[first - 1], 0) if first > 0 else (-1, 0)
        step = (first, last + 1) if after >= before else (first - 1, last)
        if max(after, before)[0] < 0 or found[step[1]][1] - found[step[0]][0] > WHOLE_CHARACTERS:
            return text[found[first][0] : found[last][1]]
        first, last = step
