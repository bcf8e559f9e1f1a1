"""The first step of a turn: what the customer means, what policy says, and what knowledge has."""

from contextlib import nullcontext
from uuid import UUID

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities import identity
from activities.channels.typing import Typing
from activities.routes.metering import metered
from activities.turn.consider import Asked, Consider, asks, coverage_of
from activities.turn.manners import flooding, known, unread, wordless
from activities.turn.write import Write
from models.contracts.enums import ConversationState
from models.contracts.policy import Topic
from models.contracts.turn import PREPARE, Prepared, PrepareInput, Verdict
from models.contracts.usage import Spender
from models.repositories import messages
from models.repositories.messages import Burst
from models.repositories.vault import Vault
from runtime.database import Database
from runtime.outages import is_outage

GIVE_UP_AFTER = 5
"""Attempts at a message that break something here before the customer is given a person instead."""


class Prepare:
    """Holds what the step needs."""

    def __init__(self, database: Database, consider: Consider, write: Write, vault: Vault, typing: Typing):
        self._database = database
        self._consider = consider
        self._write = write
        self._vault = vault
        self._typing = typing

    @activity.defn(name=PREPARE.name)
    async def prepare(self, given: PrepareInput) -> Prepared:
        """See PrepareInput and Prepared. Only an outage of the database is waited out for ever."""
        quiet = given.state is ConversationState.MANAGER_ACTIVE
        try:
            with nullcontext() if quiet else self._typing.shown(given.tenant_id, given.conversation_id):
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
            return known(burst).model_copy(update={"verdict": tried[0], "about": tried[1]})
        if flooding(burst):
            return unread(burst, given.language)
        if not burst.text.strip():
            return wordless(burst, given.language)
        spender = Spender(
            tenant_id=given.tenant_id, conversation_id=given.conversation_id, assistant_id=burst.chosen.id
        )
        async with metered(self._database, spender, burst.settings.budgets):
            return await self._considered(given, burst)

    async def _considered(self, given: PrepareInput, burst: Burst) -> Prepared:
        asked = Asked(
            tenant_id=given.tenant_id,
            text=burst.text,
            settings=burst.settings,
            policy=burst.policy,
            spoken=burst.language,
            chosen=burst.chosen,
            previous=given.language,
            conversation_id=given.conversation_id,
        )
        understood = await self._consider.understand(asked)
        topic, understanding = understood.topic, understood.understanding
        prepared = known(burst).model_copy(
            update={
                "understanding": understanding,
                "verdict": await self._verdict(given, topic),
                "rule": topic.name if topic else None,
                "writes": self._write.writes(burst.chosen.assistant.route),
            }
        )
        if given.state is ConversationState.MANAGER_ACTIVE or not asks(understanding):
            return prepared
        found = await self._consider.find(asked, understood)
        if found is None:
            return prepared.model_copy(update={"degraded": True})
        return prepared.model_copy(
            update={
                "coverage": coverage_of(found.confidence, burst.chosen.assistant),
                "confidence": found.confidence,
                "passages": tuple(passage.chunk_id for passage in found.passages),
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
