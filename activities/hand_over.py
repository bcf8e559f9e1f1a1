"""Hands stored messages that no conversation has accepted to their conversations (see ReconcileWorkflow)."""

from datetime import timedelta

import structlog
from temporalio import activity
from temporalio.client import Client

from models.contracts.conversation import InboundMessage
from models.contracts.ingest import HAND_OVER, HandedOver, HandOverInput
from models.processes import hand_over
from models.repositories import idempotency, messages, standings
from runtime.database import Database

log = structlog.get_logger(__name__)


class HandOver:
    """Holds what the step needs."""

    def __init__(self, database: Database, client: Client):
        self._database = database
        self._client = client

    @activity.defn(name=HAND_OVER.name)
    async def hand_over(self, given: HandOverInput) -> HandedOver:
        """Claim due messages, oldest first, and signal each. What fails is due again later, ever less often."""
        async with self._database.system() as system:
            claimed = await messages.claim_unaccepted(
                system, after=timedelta(seconds=given.after_seconds), limit=given.limit
            )
            await idempotency.forget_expired(system)
        for tenant_id, conversation_id, message_id in claimed:
            async with self._database.tenant(tenant_id) as tx:
                found = await standings.start_input(tx, conversation_id)
            if found is None:
                continue
            start, quiet = found
            await hand_over(self._client, start, InboundMessage(message_id=message_id, quiet_seconds=quiet))
            activity.heartbeat()
        if claimed:
            log.warning("stored messages handed over", count=len(claimed))
        return HandedOver(messages=len(claimed))
