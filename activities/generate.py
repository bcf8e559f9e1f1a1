"""The step in which a model writes an answer: within its time, checked against the passages, kept as a draft."""

import asyncio
import random

import structlog
from temporalio import activity

from activities.embedding.port import Embedder
from activities.generation.port import Answer, GenerateRequest, Generator, NoAnswerError
from activities.grounding import check
from activities.masking import mask
from activities.provider.errors import ProviderError
from models.contracts.turn import GENERATE, Generated, GenerateInput, Outcome
from models.repositories import drafts, knowledge, messages, tenants
from runtime.database import Database

log = structlog.get_logger(__name__)

FIRST_PAUSE = 0.5


class Generate:
    """Holds what the step needs. `turn_seconds` bounds all attempts at one answer together."""

    def __init__(self, database: Database, embedder: Embedder, generator: Generator, turn_seconds: float):
        self._database = database
        self._embedder = embedder
        self._generator = generator
        self._turn_seconds = turn_seconds

    @activity.defn(name=GENERATE.name)
    async def generate(self, given: GenerateInput) -> Generated:
        """Write and check. Every failure of the model is an outcome, not an error: the turn goes on without."""
        async with self._database.tenant(given.tenant_id) as tx:
            question = await messages.text_of(tx, given.message_ids)
            passages = await knowledge.passages(tx, given.passages)
            masking, spoken = await tenants.masking(tx)
        request = GenerateRequest(
            question=mask(question, masking, spoken),
            language=given.language,
            passages=tuple(passages),
            deadline_seconds=self._turn_seconds,
        )
        beating = asyncio.create_task(heartbeat())
        try:
            async with asyncio.timeout(self._turn_seconds):
                answer = await self._answer(request)
                grounding = await check(
                    answer.text, passages, question, language=given.language, embedder=self._embedder
                )
        except NoAnswerError:
            return Generated(outcome=Outcome.NO_ANSWER)
        except ProviderError as error:
            log.warning("generation failed", cause=type(error).__name__)
            return Generated(outcome=Outcome.FAILED, causes=(type(error).__name__,))
        except TimeoutError:
            log.warning("generation failed", cause="turn deadline")
            return Generated(outcome=Outcome.FAILED, causes=("deadline",))
        finally:
            beating.cancel()
        if not grounding.grounded:
            log.warning("answer blocked", reasons=grounding.reasons)
            return Generated(outcome=Outcome.UNGROUNDED, causes=grounding.reasons)
        async with self._database.tenant(given.tenant_id) as tx:
            await drafts.put(tx, given.draft_id, given.conversation_id, answer.text, answer.usage)
        return Generated(outcome=Outcome.WRITTEN)

    async def _answer(self, request: GenerateRequest) -> Answer:
        """Try until it works or time is up. A provider that names a time is not asked sooner."""
        pause = FIRST_PAUSE
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._turn_seconds
        while True:
            try:
                async for piece in self._generator.generate(request):
                    if isinstance(piece, Answer):
                        return piece
                raise AssertionError("a generator ended without an Answer and without an error")
            except ProviderError as error:
                # Jitter, so that turns that failed together do not come back together.
                wait = error.retry_after if error.retry_after is not None else pause * random.uniform(0.5, 1)  # noqa: S311
                if not error.retryable or loop.time() + wait >= deadline:
                    raise
                log.info("model tried again", cause=type(error).__name__, wait=round(wait, 1))
            await asyncio.sleep(wait)
            pause *= 2


async def heartbeat() -> None:
    """Beat often enough that a cancellation arrives within a second or so."""
    timeout = activity.info().heartbeat_timeout
    interval = timeout.total_seconds() / 3 if timeout else 1.0
    while True:
        activity.heartbeat()
        await asyncio.sleep(interval)
