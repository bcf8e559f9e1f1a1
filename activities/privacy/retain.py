"""The steps of retention: which tenants there are, and what each keeps no longer."""

from datetime import timedelta

import structlog
from temporalio import activity

from activities.media.sweep import Sweep
from models.contracts.audit import AuditAction
from models.contracts.privacy import NEXT_TENANTS, RETAIN, Retained, RetainInput, Tenants, TenantsInput
from models.repositories import attachments, audit, retention, tenants, usage_history
from models.repositories.audit import SYSTEM
from runtime.database import Database

CALLS_ONE_BY_ONE = timedelta(days=90)
"""How long each call of a model has a row of its own; older ones are summed by the day."""

UNSENT = timedelta(days=1)
"""How long a file that was uploaded waits for the message that it is sent with."""

log = structlog.get_logger(__name__)


class Retain:
    """Holds what the steps need."""

    def __init__(self, database: Database, sweep: Sweep):
        self._database = database
        self._sweep = sweep

    @activity.defn(name=NEXT_TENANTS.name)
    async def next_tenants(self, given: TenantsInput) -> Tenants:
        async with self._database.system() as tx:
            return Tenants(tenants=tuple(await retention.tenants_after(tx, given.after, given.limit)))

    @activity.defn(name=RETAIN.name)
    async def retain(self, given: RetainInput) -> Retained:
        """Erase old closed conversations one by one, then technical rows some thousand at a time."""
        conversations = await self._conversations(given)
        technical = await self._sum_up_usage(given) + await self._unsent_files(given)
        for table, life in retention.LIVES.items():
            while True:
                async with self._database.tenant(given.tenant_id) as tx:
                    gone = await retention.forget_technical(tx, table, given.now - life)
                activity.heartbeat()
                technical += gone
                if gone < retention.ROWS_TOGETHER:
                    break
        await self._sweep.all()
        if conversations or technical:
            log.info("retention", tenant_id=given.tenant_id, conversations=conversations, technical=technical)
        return Retained(conversations=conversations, technical=technical)

    async def _unsent_files(self, given: RetainInput) -> int:
        gone = 0
        while True:
            async with self._database.tenant(given.tenant_id) as tx:
                forgotten = await attachments.forget_unsent(tx, given.now - UNSENT)
            activity.heartbeat()
            gone += forgotten
            if forgotten < attachments.TOGETHER:
                return gone

    async def _sum_up_usage(self, given: RetainInput) -> int:
        """A day at a time; how many rows that leaves out."""
        async with self._database.tenant(given.tenant_id) as tx:
            days = await usage_history.unsummed(tx, given.now - CALLS_ONE_BY_ONE)
        gone = 0
        for day in days:
            async with self._database.tenant(given.tenant_id) as tx:
                gone += await usage_history.sum_up(tx, day)
            activity.heartbeat()
        return gone

    async def _conversations(self, given: RetainInput) -> int:
        async with self._database.tenant(given.tenant_id) as tx:
            days = (await tenants.get_settings(tx)).retention_days
        if days is None:
            return 0
        before, erased = given.now - timedelta(days=days), 0
        while True:
            async with self._database.tenant(given.tenant_id) as tx:
                due = await retention.due(tx, before)
            gone = 0
            for each in due:
                async with self._database.tenant(given.tenant_id) as tx:
                    gone += await retention.erase_closed(tx, each, before)
                activity.heartbeat()
            erased += gone
            if not gone:
                break
            async with self._database.tenant(given.tenant_id) as tx:
                await audit.record(
                    tx, SYSTEM, AuditAction.RETENTION_APPLIED, None, conversations=gone, retention_days=days
                )
        return erased
