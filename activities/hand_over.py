"""Hands on what was stored and not taken up: messages to their conversations, the rest to processes of its own.

See ReconcileWorkflow.
"""

from datetime import timedelta

import structlog
from temporalio import activity
from temporalio.client import Client

from models.contracts.conversation import InboundMessage
from models.contracts.ingest import HAND_OVER, HandedOver, HandOverInput
from models.contracts.tenant_life import ExportInput
from models.processes import deletion, erase, export, hand_over, lane, mail
from models.repositories import (
    erasure,
    idempotency,
    lanes,
    mails,
    messages,
    rate_limits,
    sessions,
    standings,
    tenant_deletion,
    tenant_exports,
)
from runtime.database import Database

POLLED_WITHIN = timedelta(minutes=3)
"""A poller says every minute that it is there, and so does who follows a desk."""

log = structlog.get_logger(__name__)


class HandOver:
    """Holds what the step needs."""

    def __init__(self, database: Database, client: Client):
        self._database = database
        self._client = client

    @activity.defn(name=HAND_OVER.name)
    async def hand_over(self, given: HandOverInput) -> HandedOver:
        """Claim due messages and mails, oldest first, and hand on each. What fails is due again later, ever less often."""
        async with self._database.system() as system:
            claimed = await messages.claim_unaccepted(
                system, after=timedelta(seconds=given.after_seconds), limit=given.limit
            )
            unsent = await mails.claim_unsent(system, after=timedelta(seconds=given.after_seconds), limit=given.limit)
            await mails.forget_old(system)
            unerased = await erasure.claim_running(
                system, after=timedelta(seconds=given.after_seconds), limit=given.limit
            )
            await idempotency.forget_expired(system)
            await sessions.forget_expired(system)
            await rate_limits.prune(system)
            await tenant_exports.forget_expired(system)
            whole = await tenant_deletion.unstarted(system, after=timedelta(seconds=given.after_seconds))
            idle = await lanes.idle(system, after=timedelta(seconds=given.after_seconds), limit=given.limit)
            idle += await lanes.unpolled(system, since=POLLED_WITHIN)
            idle += await lanes.unfollowed(system, since=POLLED_WITHIN)
        for tenant_id, conversation_id, message_id in claimed:
            async with self._database.tenant(tenant_id) as tx:
                found = await standings.start_input(tx, conversation_id)
            if found is None:
                continue
            start, quiet = found
            await hand_over(self._client, start, InboundMessage(message_id=message_id, quiet_seconds=quiet))
            activity.heartbeat()
        for each in unsent:
            await mail(self._client, each)
            activity.heartbeat()
        for begun in unerased:
            await erase(self._client, begun)
            activity.heartbeat()
        for work in whole:
            await (export(self._client, work) if isinstance(work, ExportInput) else deletion(self._client, work))
            activity.heartbeat()
        for unattended in idle:
            await lane(self._client, unattended)
            activity.heartbeat()
        if claimed or unsent:
            log.warning("stored messages handed over", count=len(claimed), mails=len(unsent))
        return HandedOver(messages=len(claimed), mails=len(unsent), lanes=len(idle))
