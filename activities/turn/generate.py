"""The step in which a model writes an answer: within its time, checked against the passages, kept as a draft. Whoever
listens to the conversation sees what is checked of it meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext

from temporalio import activity

from activities.generation.port import Message
from activities.guards import orders
from activities.masking import mask
from activities.routes.metering import metered
from activities.turn.preview import Preview
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

    def __init__(self, database: Database, write: Write):
        self._database = database
        self._write = write

    @activity.defn(name=GENERATE.name)
    async def generate(self, given: GenerateInput) -> Generated:
        """Every failure of the model is an outcome, not an error: the turn goes on without."""
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

        async def permitted(text: str) -> bool:
            return not await self._write.faults(text, request, question, policy.claims)

        preview = self._preview(given, conversation, permitted)
        try:
            async with metered(self._database, spender, settings.budgets), preview or nullcontext():
                heard = None if preview is None else preview.heard
                written = await self._write.write(request, chosen.assistant.route, question, policy.claims, heard)
                if preview is not None and written.outcome is Outcome.WRITTEN:
                    preview.keep()
        finally:
            beating.cancel()
        if written.outcome is Outcome.WRITTEN and written.answer is not None:
            async with self._database.tenant(given.tenant_id) as tx:
                await drafts.put(tx, given.draft_id, given.conversation_id, written.answer.text, written.answer.usage)
        return Generated(outcome=written.outcome, causes=written.causes)

    def _preview(
        self, given: GenerateInput, conversation: Conversation | None, permitted: Callable[[str], Awaitable[bool]]
    ) -> Preview | None:
        """None where nobody listens."""
        if conversation is None or conversation.channel not in LISTENED_TO:
            return None
        version = conversation.version

        async def show(text: str) -> None:
            async with self._database.tenant(given.tenant_id, flushed=False) as tx:
                await previews.put(tx, given.conversation_id, given.draft_id, version, text)

        async def withdraw() -> None:
            async with self._database.tenant(given.tenant_id, flushed=False) as tx:
                await previews.withdraw(tx, given.conversation_id, given.draft_id)

        return Preview(permitted, show, withdraw)


async def heartbeat() -> None:
    """Beat often enough that a cancellation arrives within a second or so."""
    timeout = activity.info().heartbeat_timeout
    interval = timeout.total_seconds() / 3 if timeout else 1.0
    while True:
        activity.heartbeat()
        await asyncio.sleep(interval)
