"""The step in which a model writes an answer: within its time, checked against the passages, kept as a draft."""

import asyncio

from temporalio import activity

from activities.generation.port import Message
from activities.guards import orders
from activities.masking import mask
from activities.routes.metering import metered
from activities.turn.write import Write
from models.contracts.enums import Author
from models.contracts.turn import GENERATE, Generated, GenerateInput, Outcome
from models.contracts.usage import Spender
from models.repositories import assistants, drafts, messages, neighbours, policies, tenants
from runtime.database import Database

HISTORY = 8
"""Messages before the question that a model is shown: what "it" and "there" refer to."""


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

        def masked(text: str) -> str:
            return mask(text, settings.masking, spoken)

        history = [
            Message("user" if author is Author.CUSTOMER else "assistant", masked(text)) for author, text in before
        ]
        request = self._write.request(masked(question), given.language, passages, chosen, history)
        spender = Spender(tenant_id=given.tenant_id, conversation_id=given.conversation_id, assistant_id=chosen.id)
        beating = asyncio.create_task(heartbeat())
        try:
            async with metered(self._database, spender, settings.budgets):
                written = await self._write.write(request, chosen.assistant.route, question, policy.claims)
        finally:
            beating.cancel()
        if written.outcome is Outcome.WRITTEN and written.answer is not None:
            async with self._database.tenant(given.tenant_id) as tx:
                await drafts.put(tx, given.draft_id, given.conversation_id, written.answer.text, written.answer.usage)
        return Generated(outcome=written.outcome, causes=written.causes)


async def heartbeat() -> None:
    """Beat often enough that a cancellation arrives within a second or so."""
    timeout = activity.info().heartbeat_timeout
    interval = timeout.total_seconds() / 3 if timeout else 1.0
    while True:
        activity.heartbeat()
        await asyncio.sleep(interval)
