"""The last step of a turn, and of a command: write it down. The reply's text is made here, from references."""

from datetime import UTC, datetime

import structlog
from temporalio import activity

from activities import phrases
from activities.generation.extractive import excerpt
from activities.guards import orders
from activities.learning import note_gaps
from activities.turn import wording
from models.contracts.conversation import Record, Reply
from models.contracts.enums import Occasion, ReplyKind
from models.contracts.knowledge import Passage
from models.contracts.lanes import Lane
from models.contracts.turn import RECORD, Recorded, RecordInput
from models.pokes import Pokes
from models.repositories import (
    assistants,
    drafts,
    knowledge,
    messages,
    neighbours,
    policies,
    records,
    standings,
    tenants,
)
from models.repositories.records import Outgoing
from runtime.database import Database, TenantTx
from runtime.outages import is_refusal

log = structlog.get_logger(__name__)

CITED = 3
"""Passages named as the source of a written answer, best first."""


class Recorder:
    """Holds what the step needs."""

    def __init__(self, database: Database, pokes: Pokes):
        self._database = database
        self._pokes = pokes

    @activity.defn(name=RECORD.name)
    async def record(self, given: RecordInput) -> Recorded:
        """Write one step in one transaction; written again by a retry, it changes nothing.

        A command that the database refuses is void. The gateway checks whom a command names; an operator's signal may
        name nobody, and tried for ever it would hold up everything behind it.
        """
        try:
            async with self._database.tenant(given.tenant_id) as tx:
                reply = await compose(tx, given, given.record.reply) if given.record.reply else None
                await note_gaps.note(tx, given.conversation_id, given.record)
                applied = await records.apply(tx, given.conversation_id, given.run, given.record, reply)
            if applied.queued_at is not None:
                self._pokes.poke(given.tenant_id, applied.queued_at, Lane.OUT)
            return applied.recorded
        except Exception as error:
            command = given.record.command
            if command is None or not is_refusal(error):
                raise
            log.warning("command refused by the records", command=command.value, cause=type(error).__name__)
        async with self._database.tenant(given.tenant_id) as tx:
            return Recorded(standing=await standings.standing(tx, given.conversation_id))


async def compose(tx: TenantTx, given: RecordInput, reply: Reply) -> Outgoing:
    """The words of a reply."""
    record = given.record
    now = record.standing.spoke_at or datetime.now(UTC)
    match reply.kind:
        case ReplyKind.QUOTE | ReplyKind.ANSWER | ReplyKind.CLARIFY:
            found = await _from_knowledge(tx, record, reply)
            if reply.occasion is not Occasion.RETURNED:
                return found
            zone = (await tenants.get_settings(tx)).business_hours.time_zone
            return Outgoing(wording.greeted(found.text, reply, zone, now), found.citations)
        case ReplyKind.GREETING if reply.occasion is not Occasion.GOES_ON and (
            own := (await assistants.of_conversation(tx, given.conversation_id)).greeting(reply.language)
        ):
            return Outgoing(own, [])
        case _:
            policy = await policies.in_force(tx)
            zone = (await tenants.get_settings(tx)).business_hours.time_zone
            return Outgoing(wording.greeted(wording.say(reply, policy, zone, now), reply, zone, now), [])


async def _from_knowledge(tx: TenantTx, record: Record, reply: Reply) -> Outgoing:
    text = await drafts.get(tx, reply.draft) if reply.draft else None
    if text is None:
        return await _quote(tx, record, reply)
    passages = await knowledge.passages(tx, reply.passages[:CITED])
    return Outgoing(text, [citation(passage) for passage in passages])


async def _quote(tx: TenantTx, record: Record, reply: Reply) -> Outgoing:
    """A passage's words. With a question back too: to see what may be the answer costs the customer less than to guess
    what is unclear about the question."""
    passage = next(iter(orders.readable(await neighbours.widened(tx, reply.passages[:1]))), None)
    if passage is None:
        # The page was deleted or changed between search and reply; saying so honestly beats quoting what is gone.
        return Outgoing(phrases.phrase(ReplyKind.CLARIFY, reply.language), [])
    frame = phrases.shown if reply.kind is ReplyKind.CLARIFY else phrases.quote
    text = excerpt(await messages.text_of(tx, record.handled), passage.text)
    return Outgoing(frame(reply.language, passage.title, text), [citation(passage, text)])


def citation(passage: Passage, quote: str | None = None) -> dict[str, object]:
    """A source as clients see it: where it stands, and the words quoted from it, if any."""
    return {
        "document_id": str(passage.document_id),
        "title": passage.title,
        "heading": passage.heading,
        "uri": passage.uri,
        "quote": quote,
    }
