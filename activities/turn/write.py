"""An answer is written from passages, within its time, and checked: the part that a turn and agent/ask share."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog

from activities.embedding.port import Embedder
from activities.generation.extractive import ExtractiveGenerator
from activities.generation.port import Answer, GenerateRequest, Generator, Message, NoAnswerError
from activities.generation.written import WritingGenerator
from activities.guards import shape
from activities.provider.errors import ProviderError
from activities.routes.build import Routes
from activities.routes.metering import meter
from activities.turn.checks import Checks
from activities.turn.preview import Preview, Screen
from models.contracts.assistants import Chosen
from models.contracts.enums import Language
from models.contracts.knowledge import Passage
from models.contracts.policy import Claims
from models.contracts.turn import Outcome
from models.contracts.usage import Purpose

log = structlog.get_logger(__name__)

FIRST_PAUSE = 0.5


def unheard(_: str) -> None:
    """For answers that nobody is shown before they are whole."""


@dataclass(frozen=True, slots=True)
class Written:
    """`answer` is what was written, also when it was blocked; nobody is told that then."""

    outcome: Outcome
    causes: tuple[str, ...] = ()
    answer: Answer | None = None


class Write:
    """Holds what it takes. `turn_seconds` bounds all attempts at one answer together."""

    def __init__(self, embedder: Embedder, routes: Routes, turn_seconds: float) -> None:
        self._embedder = embedder
        self._routes = routes
        self._turn_seconds = turn_seconds

    def writes(self, route: str) -> bool:
        """Whether a model writes on this route; otherwise the best passage is quoted."""
        return self._routes.chat(Purpose.ANSWER, route) is not None

    def request(
        self,
        question: str,
        language: Language,
        passages: Sequence[Passage],
        chosen: Chosen,
        history: Sequence[Message] = (),
    ) -> GenerateRequest:
        """What `chosen` would have a model write. `question` and `history` are what a model may see of them."""
        return GenerateRequest(
            question=question,
            language=language,
            passages=tuple(passages),
            history=tuple(history),
            instructions=chosen.instructions(language),
            deadline_seconds=self._turn_seconds,
            temperature=chosen.assistant.temperature,
            max_tokens=chosen.assistant.max_tokens,
        )

    async def write(
        self, request: GenerateRequest, route: str, question: str, allowed: Claims, screen: Screen | None = None
    ) -> Written:
        """Write and check. Every failure of the model is an outcome, not an error: the turn goes on without.

        `question` is what the customer wrote, of which `request` has what a model may see. The `screen` shows meanwhile what
        is checked of what a model has written, and shows it still where the whole may be sent.
        """
        checks = Checks(request, question, allowed, self._embedder)
        chat = self._routes.chat(Purpose.ANSWER, route)
        if chat is None:
            # Also what was begun with a model must end when the setting is taken back.
            return await self._written(ExtractiveGenerator(), request, checks)
        generator = WritingGenerator(chat)
        if screen is None:
            return await self._written(generator, request, checks)
        async with Preview(checks, screen) as preview:
            written = await self._written(generator, request, checks, preview.heard)
            if written.outcome is Outcome.WRITTEN:
                preview.keep()
        return written

    async def _written(
        self, generator: Generator, request: GenerateRequest, checks: Checks, heard: Callable[[str], None] = unheard
    ) -> Written:
        answer = None
        try:
            async with asyncio.timeout(self._turn_seconds):
                answer = await self._answer(generator, request, heard)
                quoted = answer.quoted is not None
                reasons = checks.of_quote(answer.text) if quoted else await checks.of_written(answer.text)
        except NoAnswerError:
            return Written(Outcome.NO_ANSWER)
        except ProviderError as error:
            log.warning("generation failed", cause=type(error).__name__)
            return Written(Outcome.FAILED, (type(error).__name__,), answer)
        except TimeoutError:
            log.warning("generation failed", cause="turn deadline")
            return Written(Outcome.FAILED, ("deadline",), answer)
        if reasons:
            log.warning("answer blocked", reasons=reasons)
            if (payer := meter()) is not None:
                payer.blocked()
            return Written(Outcome.UNGROUNDED, reasons, answer)
        if answer.quoted is None:
            answer = replace(answer, text=shape.rendered(answer.text))
        return Written(Outcome.WRITTEN, answer=answer)

    async def _answer(self, generator: Generator, request: GenerateRequest, heard: Callable[[str], None]) -> Answer:
        """Try until it works or time is up. A provider that names a time is not asked sooner."""
        pause = FIRST_PAUSE
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._turn_seconds
        while True:
            text = ""
            try:
                async for piece in generator.generate(request):
                    if isinstance(piece, Answer):
                        return piece
                    text += piece
                    heard(text)
                raise AssertionError("a generator ended without an Answer and without an error")
            except ProviderError as error:
                # Jitter, so that turns that failed together do not come back together.
                wait = error.retry_after if error.retry_after is not None else pause * random.uniform(0.5, 1)  # noqa: S311
                if not error.retryable or loop.time() + wait >= deadline:
                    raise
                log.info("model tried again", cause=type(error).__name__, wait=round(wait, 1))
            await asyncio.sleep(wait)
            pause *= 2
