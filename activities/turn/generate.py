"""The step in which a model writes an answer: within its time, checked against the passages, kept as a draft. Whoever
listens to the conversation sees what is checked of it meanwhile."""

import asyncio
from dataclasses import dataclass

from temporalio import activity

from activities.channels.typing import STILL, Typing
from activities.generation.port import Message
from activities.guards import orders
from activities.masking import mask
from activities.routes.metering import metered
from activities.turn.preview import Screen
from activities.turn.write import Write
from models.contracts.enums import Author, ChannelKind
from models.contracts.turn import GENERATE, Generated, GenerateInput, Outcome
from models.contracts.usage import Spender
from models.repositories import assistants, conversations, drafts, messages, neighbours, policies, previews, tenants
from models.repositories.conversations import Conversation
from runtime.database import Database

HISTORY = 8
"""Messages before the question that a model is shown: what "it" and "there" refer to."""

LISTENED_TO = frozenset({ChannelKind.API, ChannelKind.WEB})
"""Channels whose customers get events. The others are sent messages, which cannot be taken back."""


class Generate:
    """Holds what the step needs."""

    def __init__(self, database: Database, write: Write, typing: Typing):
        self._database = database
        self._write = write
        self._typing = typing

    @activity.defn(name=GENERATE.name)
    async def generate(self, given: GenerateInput) -> Generated:
        """Every failure of the model is an outcome, not an error: the turn goes on without."""
        # The step before has shown it once.
        with self._typing.shown(given.tenant_id, given.conversation_id, after=STILL):
            return await self._generated(given)

    async def _generated(self, given: GenerateInput) -> Generated:
        async with self._database.tenant(given.tenant_id) as tx:
            question = await messages.text_of(tx, given.message_ids)
            before = await messages.said_before(tx, given.conversation_id, given.message_ids, limit=HISTORY)
            passages = orders.readable(await neighbours.widened(tx, given.passages))
            settings, spoken = await tenants.settings_and_language(tx)
            policy = await policies.in_force(tx)
            chosen = await assistants.of_conversation(tx, given.conversation_id)
            conversation = await conversations.get(tx, given.conversation_id)

        def masked(text: str) -> str:
            return mask(text, settings.masking, spoken)

        history = [
            Message("user" if author is Author.CUSTOMER else "assistant", masked(text)) for author, text in before
        ]
        request = self._write.request(masked(question), given.language, passages, chosen, history)
        spender = Spender(tenant_id=given.tenant_id, conversation_id=given.conversation_id, assistant_id=chosen.id)
        beating = asyncio.create_task(heartbeat())
        screen = self._screen(given, conversation)
        try:
            async with metered(self._database, spender, settings.budgets):
                written = await self._write.write(request, chosen.assistant.route, question, policy.claims, screen)
        finally:
            beating.cancel()
        if written.outcome is Outcome.WRITTEN and written.answer is not None:
            async with self._database.tenant(given.tenant_id) as tx:
                await drafts.put(tx, given.draft_id, given.conversation_id, written.answer.text, written.answer.usage)
        return Generated(outcome=written.outcome, causes=written.causes)

    def _screen(self, given: GenerateInput, conversation: Conversation | None) -> Screen | None:
        """None where nobody listens."""
        if conversation is None or conversation.channel not in LISTENED_TO:
            return None
        return Listeners(self._database, given, conversation.version)


@dataclass(frozen=True)
class Listeners:
    """The screen of whoever listens to a conversation, until its next step."""

    database: Database
    given: GenerateInput
    version: int

    async def show(self, text: str) -> None:
        given = self.given
        async with self.database.tenant(given.tenant_id, flushed=False) as tx:
            await previews.put(tx, given.conversation_id, given.draft_id, self.version, text)

    async def withdraw(self) -> None:
        given = self.given
        async with self.database.tenant(given.tenant_id, flushed=False) as tx:
            await previews.withdraw(tx, given.conversation_id, given.draft_id)


async def heartbeat() -> None:
    """Beat often enough that a cancellation arrives within a second or so."""
    timeout = activity.info().heartbeat_timeout
    interval = timeout.total_seconds() / 3 if timeout else 1.0
    while True:
        activity.heartbeat()
        await asyncio.sleep(interval)
