"""A generator that lets a model write the answer from passages."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from activities.generation.port import Answer, ChatModel, GenerateRequest, NoAnswerError
from activities.generation.prompt import NO_ANSWER, messages_for
from activities.guards.shape import loops
from activities.provider.errors import OverlongReplyError
from models.contracts.knowledge import Usage

MAX_CHARACTERS = 4_000
"""A server that ignores `max_tokens` must not fill the memory or the customer's screen."""
LOOKED_AT_EVERY = 200
"""Characters after which a text that grows is looked at again: to look costs up to 5 ms, and pieces come by the word."""


class WritingGenerator:
    """What it writes is unproven until activities.guards.grounding has checked it."""

    def __init__(self, model: ChatModel) -> None:
        self._model = model

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[str | Answer]:
        if not request.passages:
            # Without passages a model can only invent.
            raise NoAnswerError
        text = ""
        shown = looked_at = 0
        pieces = self._model.stream(
            messages_for(request),
            max_tokens=request.max_tokens,
            deadline_seconds=request.deadline_seconds,
            temperature=request.temperature,
        )
        async with aclosing(pieces):
            async for piece in pieces:
                if isinstance(piece, Usage):
                    yield Answer(_finished(text), piece)
                    return
                text += piece
                if len(text) > MAX_CHARACTERS:
                    raise OverlongReplyError("model", f"more than {MAX_CHARACTERS} characters")
                if len(text) >= looked_at + LOOKED_AT_EVERY:
                    looked_at = len(text)
                    if loops(text):
                        raise OverlongReplyError("model", "says the same over and over")
                # The token that says "no answer" is never shown, not even its beginning.
                if not NO_ANSWER.startswith(text.strip()[: len(NO_ANSWER)]):
                    yield text[shown:]
                    shown = len(text)

    async def close(self) -> None:
        await self._model.close()


def _finished(text: str) -> str:
    text = text.strip()
    if not text or NO_ANSWER in text:
        raise NoAnswerError
    return text
