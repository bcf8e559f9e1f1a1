"""The first step of a turn: what the customer means, what policy says, and what knowledge has."""

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities import follow_up, policy
from activities.confidence import ANSWER_AT, UNSURE_AT
from activities.embedding.port import Embedder, Vector
from activities.generation.extractive import best_passage
from activities.provider.errors import ProviderError
from activities.retrieve import retrieve
from activities.understanding.classify import core
from activities.understanding.port import Classifier
from models.contracts.enums import ConversationState, Intent, Language
from models.contracts.knowledge import Retrieval
from models.contracts.settings import TenantSettings
from models.contracts.turn import PREPARE, Coverage, Prepared, PrepareInput, TurnRules, Verdict
from models.repositories import messages
from runtime.database import Database
from runtime.outages import is_outage

log = structlog.get_logger(__name__)

GIVE_UP_AFTER = 5
"""Attempts at a message that break something here before the customer is given a person instead."""


class Prepare:
    """Holds what the step needs. `writes`: whether a model writes answers from passages."""

    def __init__(self, database: Database, embedder: Embedder, classifier: Classifier, space: int, *, writes: bool):
        self._database = database
        self._embedder = embedder
        self._classifier = classifier
        self._space = space
        self._writes = writes

    @activity.defn(name=PREPARE.name)
    async def prepare(self, given: PrepareInput) -> Prepared:
        """See PrepareInput and Prepared. Only an outage of the database is waited out for ever."""
        try:
            return await self._prepare(given)
        except Exception as error:
            if is_outage(error) or activity.info().attempt < GIVE_UP_AFTER:
                raise
            raise ApplicationError(
                "the message could not be prepared", type="Unpreparable", non_retryable=True
            ) from error

    async def _prepare(self, given: PrepareInput) -> Prepared:
        async with self._database.tenant(given.tenant_id) as tx:
            burst = await messages.unhandled(tx, given.conversation_id, given.message_ids)
        if burst is None:
            return Prepared(message_ids=())
        asked = core(burst.text)
        vector = await self._embed(asked)
        understanding = await self._classifier.understand(burst.text, vector, previous=given.language)
        topic = policy.match(burst.policy, burst.text)
        prepared = Prepared(
            message_ids=burst.ids,
            understanding=understanding,
            verdict=Verdict(topic.action) if topic else Verdict.NONE,
            rule=topic.name if topic else None,
            writes=self._writes,
            rules=turn_rules(burst.settings),
        )
        if given.state is ConversationState.MANAGER_ACTIVE or Intent.QUESTION not in understanding.intents:
            return prepared
        if vector is None:
            return prepared.model_copy(update={"degraded": True})
        found = await self._find(given, asked, vector, understanding.language)
        # The first is the one to quote; only here are similarities known.
        best = best_passage(asked, understanding.language, found.passages)
        ranked = sorted(found.passages, key=lambda passage: passage is not best)
        return prepared.model_copy(
            update={
                "coverage": coverage_of(found.confidence),
                "confidence": found.confidence,
                "passages": tuple(passage.chunk_id for passage in ranked),
            }
        )

    async def _embed(self, text: str) -> Vector | None:
        try:
            return await self._embedder.embed_query(text)
        except ProviderError as error:
            log.warning("embedding failed", cause=type(error).__name__)
            return None

    async def _find(self, given: PrepareInput, text: str, vector: Vector, language: Language) -> Retrieval:
        """Search for the question; a follow-up that finds nothing by itself is searched with what it follows."""
        async with self._database.tenant(given.tenant_id) as tx:
            found = await retrieve(tx, text, vector, self._space, language)
            if found.confidence >= ANSWER_AT or not follow_up.leans_on_context(text):
                return found
            before = await messages.previous_question(tx, given.conversation_id)
        if before is None:
            return found
        together = f"{before} {text}"
        again = await self._embed(together)
        if again is None:
            return found
        async with self._database.tenant(given.tenant_id) as tx:
            carried = await retrieve(tx, together, again, self._space, language)
        return max(found, carried, key=lambda retrieval: retrieval.confidence)


def coverage_of(confidence: float) -> Coverage:
    if confidence >= ANSWER_AT:
        return Coverage.COVERED
    return Coverage.UNSURE if confidence >= UNSURE_AT else Coverage.UNCOVERED


def turn_rules(settings: TenantSettings) -> TurnRules:
    return TurnRules(
        mute=settings.mute,
        mute_again=settings.mute_again,
        opt_out_memory=settings.opt_out_memory,
        clarifications=settings.clarifications,
    )
