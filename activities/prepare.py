"""The first step of a turn: what the customer means, what policy says, and what knowledge has."""

from uuid import UUID

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities import follow_up, identity, policy
from activities.confidence import ANSWER_AT, UNSURE_AT
from activities.embedding.port import Embedder, Vector
from activities.generation.extractive import best_passage
from activities.masking import mask
from activities.provider.errors import ProviderError
from activities.retrieve import Retriever
from activities.understanding.classify import core
from activities.understanding.language import detect
from activities.understanding.port import Classifier
from models.contracts.enums import ConversationState, Intent, Language
from models.contracts.knowledge import Retrieval
from models.contracts.policy import Topic
from models.contracts.settings import TenantSettings
from models.contracts.turn import PREPARE, Coverage, Prepared, PrepareInput, TurnRules, Verdict
from models.repositories import messages
from models.repositories.messages import Burst
from models.repositories.vault import Vault
from runtime.database import Database
from runtime.outages import is_outage

log = structlog.get_logger(__name__)

GIVE_UP_AFTER = 5
"""Attempts at a message that break something here before the customer is given a person instead."""


class Prepare:
    """Holds what the step needs. `writes`: whether a model writes answers from passages."""

    def __init__(
        self,
        database: Database,
        embedder: Embedder,
        classifier: Classifier,
        retriever: Retriever,
        vault: Vault,
        *,
        writes: bool,
    ):
        self._database = database
        self._vault = vault
        self._embedder = embedder
        self._classifier = classifier
        self._retriever = retriever
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
        if (tried := await self._try_codes(given, burst)) is not None:
            verdict, about = tried
            return Prepared(message_ids=burst.ids, verdict=verdict, rules=turn_rules(burst.settings), about=about)
        # What leaves for a model or a server is masked; what is looked up here is not.
        outgoing = mask(burst.text, burst.settings.masking, burst.language)
        asked = core(burst.text)
        vector = await self._embed(core(outgoing))
        understanding = await self._classifier.understand(outgoing, vector, previous=given.language)
        if outgoing != burst.text:
            understanding = understanding.model_copy(update={"language": detect(burst.text, given.language)})
        topic = policy.match(burst.policy, burst.text)
        prepared = Prepared(
            message_ids=burst.ids,
            understanding=understanding,
            verdict=await self._verdict(given, topic),
            rule=topic.name if topic else None,
            writes=self._writes,
            rules=turn_rules(burst.settings),
        )
        if given.state is ConversationState.MANAGER_ACTIVE or Intent.QUESTION not in understanding.intents:
            return prepared
        if vector is None:
            return prepared.model_copy(update={"degraded": True})
        try:
            found = await self._find(given, burst, asked, vector, understanding.language)
        except ProviderError as error:
            log.warning("search failed", cause=type(error).__name__)
            return prepared.model_copy(update={"degraded": True})
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

    async def _try_codes(self, given: PrepareInput, burst: Burst) -> tuple[Verdict, UUID | None] | None:
        """What the codes among the messages say; None when there are none, which costs nothing to find out."""
        if not burst.code_awaited and all(said.tried is None for said in burst.said):
            return None
        async with self._database.tenant(given.tenant_id) as tx:
            tried = await identity.try_codes(tx, self._vault, given.conversation_id, burst)
            if tried is None or tried[0] is not Verdict.IDENTIFY:
                return tried
            return await identity.verdict_on(tx, given.conversation_id), tried[1]

    async def _verdict(self, given: PrepareInput, topic: Topic | None) -> Verdict:
        if topic is None:
            return Verdict.NONE
        if topic.action != "identify":
            return Verdict(topic.action)
        async with self._database.tenant(given.tenant_id) as tx:
            return await identity.verdict_on(tx, given.conversation_id)

    async def _embed(self, text: str) -> Vector | None:
        try:
            return await self._embedder.embed_query(text)
        except ProviderError as error:
            log.warning("embedding failed", cause=type(error).__name__)
            return None

    async def _find(
        self, given: PrepareInput, burst: Burst, text: str, vector: Vector, language: Language
    ) -> Retrieval:
        """Search for the question; a follow-up that finds nothing by itself is searched with what it follows."""

        def masked(said: str) -> str:
            return mask(said, burst.settings.masking, burst.language)

        found = await self._retriever.find(
            given.tenant_id, text, language, outgoing=core(masked(burst.text)), usual=vector
        )
        if found.confidence >= ANSWER_AT or not follow_up.leans_on_context(text):
            return found
        async with self._database.tenant(given.tenant_id) as tx:
            before = await messages.previous_question(tx, given.conversation_id)
        if before is None:
            return found
        together = f"{before} {text}"
        try:
            carried = await self._retriever.find(given.tenant_id, together, language, outgoing=masked(together))
        except ProviderError as error:
            log.warning("search failed", cause=type(error).__name__)
            return found
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
