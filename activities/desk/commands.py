"""What people at a desk have done, by buttons and in words: a manager's command, a review. Each has its effect once,
however often it is repeated with the same id."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from temporalio.client import Client, RPCTimeoutOrCancelledError
from temporalio.service import RPCError

from models import processes
from models.contracts.audit import ActorKind, AuditAction
from models.contracts.conversation import Actor, CommandInput, Refusal
from models.contracts.desk import Said
from models.contracts.enums import Command, LearnedStatus
from models.contracts.ingest import IngestInput
from models.contracts.permissions import ROLES, Permission
from models.processes import CommandRefusedError
from models.repositories import audit, escalations, knowledge, learned, standings
from models.repositories.desks import Colleague
from runtime.database import Database

PATIENCE = timedelta(seconds=5)
"""How long a conversation may take to decide: whoever pressed a button is answered soon after."""
REPLY_TRIES = 3
"""Nobody waits for an answer to what they wrote. A worker's death takes less than so many times PATIENCE."""
OUTAGES = (RPCError, RPCTimeoutOrCancelledError, TimeoutError)

_REFUSED = {
    "taken": Said.HELD_BY,
    "finished": Said.FINISHED,
    "closed": Said.FINISHED,
    "not_found": Said.FINISHED,
    "not_allowed": Said.NOT_ALLOWED,
    "busy": Said.UNDECIDED,
}

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Room:
    """What the knowledge of a tenant may have: bytes, and passages."""

    bytes: int
    chunks: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Why it was not done. `member_id`: who stands in the way."""

    said: Said
    member_id: UUID | None = None


class Commands:
    """Holds what carrying them out needs."""

    def __init__(self, database: Database, client: Client, room: Room) -> None:
        self._database = database
        self._client = client
        self._room = room

    async def carry_out(
        self,
        tenant: UUID,
        command: Command,
        by: Colleague,
        escalation: UUID,
        update_id: str,
        draft: UUID | None = None,
    ) -> Refused | None:
        """Have the conversation carry out a command on an escalation once, however often it is asked to; None: it did."""
        if Permission.ESCALATIONS_WORK not in ROLES[by.role]:
            return Refused(Said.NOT_ALLOWED)
        async with self._database.tenant(tenant) as tx:
            found = await escalations.get(tx, escalation)
            started = None if found is None else await standings.start_input(tx, found.conversation_id)
        if found is None or started is None or not found.status.open:
            return Refused(Said.FINISHED)
        actor = Actor(member_id=by.member_id, role=by.role)
        given = CommandInput(by=actor, escalation_id=escalation, message_id=draft)
        for _ in range(REPLY_TRIES if command is Command.REPLY else 1):
            try:
                async with asyncio.timeout(PATIENCE.total_seconds()):
                    await processes.command(self._client, command, given, started[0], update_id, PATIENCE)
            except CommandRefusedError as error:
                return _refused(error.refusal)
            except OUTAGES as error:
                log.warning("command undecided", command=command, cause=type(error).__name__)
            else:
                return None
        return Refused(Said.UNDECIDED)

    async def approve(self, tenant: UUID, entry_id: UUID, by: Colleague) -> Refused | None:
        """Make a proposed answer knowledge; one that is already is seen to again."""
        if (refused := may_review(by)) is not None:
            return refused
        async with self._database.tenant(tenant) as tx:
            entry = await learned.get_for_update(tx, entry_id)
            if entry is None or entry.status is LearnedStatus.REJECTED:
                return Refused(Said.REVIEWED)
            if entry.status is LearnedStatus.APPROVED:
                staged = await learned.publish(tx, entry)
            else:
                held = await knowledge.held(tx)
                if held.bytes + len(entry.answer.encode()) > self._room.bytes or held.chunks >= self._room.chunks:
                    return Refused(Said.NO_ROOM)
                await audit.record(tx, _audited(by), AuditAction.LEARNED_APPROVED, entry_id)
                staged = await learned.approve(tx, entry, by.member_id)
        start = IngestInput(tenant_id=tenant, source_id=staged.source_id, job_id=staged.job_id)
        try:
            await processes.ingest(self._client, start)
        except OUTAGES as error:
            log.warning("ingest not started", job_id=staged.job_id, cause=type(error).__name__)
            return Refused(Said.UNDECIDED)
        return None

    async def edit(self, tenant: UUID, entry_id: UUID, answer: str, by: Colleague) -> Refused | None:
        """Change what a proposed answer says; the question stays."""
        if (refused := may_review(by)) is not None:
            return refused
        async with self._database.tenant(tenant) as tx:
            entry = await learned.get_for_update(tx, entry_id)
            if entry is None or entry.status is not LearnedStatus.PROPOSED:
                return Refused(Said.REVIEWED)
            await learned.edit(tx, entry, question=entry.question, answer=answer)
            await audit.record(tx, _audited(by), AuditAction.LEARNED_EDITED, entry_id)
        return None

    async def reject(self, tenant: UUID, entry_id: UUID, by: Colleague) -> Refused | None:
        """Keep a proposed answer out of knowledge."""
        if (refused := may_review(by)) is not None:
            return refused
        async with self._database.tenant(tenant) as tx:
            entry = await learned.get_for_update(tx, entry_id)
            if entry is None or entry.status is not LearnedStatus.PROPOSED:
                return Refused(Said.REVIEWED)
            await learned.reject(tx, entry, by.member_id)
            await audit.record(tx, _audited(by), AuditAction.LEARNED_REJECTED, entry_id)
        return None


def may_review(by: Colleague) -> Refused | None:
    """None: they may decide about proposed answers."""
    return None if Permission.KNOWLEDGE_WRITE in ROLES[by.role] else Refused(Said.NOT_ALLOWED)


def _refused(refusal: Refusal) -> Refused:
    said = _REFUSED.get(refusal.reason, Said.NOT_POSSIBLE)
    holder = None if refusal.escalation is None else refusal.escalation.taken_by
    return Refused(said, holder if said is Said.HELD_BY else None)


def _audited(by: Colleague) -> audit.Actor:
    return audit.Actor(ActorKind.MEMBER, by.member_id)
