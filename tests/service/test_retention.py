"""Retention: old closed conversations go with all that hangs on them; what is open, or young, stays."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from temporalio.testing import ActivityEnvironment

from activities.media.sweep import Sweep
from activities.privacy.retain import Retain
from models.contracts.audit import AuditAction
from models.contracts.enums import ChannelKind, EscalationReason, EscalationStatus
from models.contracts.privacy import Retained, RetainInput, TenantsInput
from models.contracts.usage import CallOutcome, ModelCall, Purpose
from models.payload_keys import connected
from models.repositories import audit, conversations, intake, tenants, usage
from models.repositories.usage import Sum
from models.tables import audit_log, customers, drafts, escalations, events, messages, model_calls
from models.tables import conversations as table
from runtime.database import Database
from runtime.embedded import Servers
from runtime.ids import new_id
from runtime.media.folder import FolderStore
from runtime.media.links import Links
from tests.service.api.house import TEST_HOME, settings_of
from worker import schedules

NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
async def thirty_days(database: Database, tenant: UUID) -> None:
    async with database.tenant(tenant) as tx:
        settings = await tenants.get_settings(tx)
        await tenants.put_settings(tx, settings.model_copy(update={"retention_days": 30}))


async def conversation(
    database: Database,
    tenant: UUID,
    *,
    closed_days_ago: float | None,
    external_id: str | None = None,
    unanswered: bool = False,
) -> UUID:
    async with database.tenant(tenant) as tx:
        opened, _ = await conversations.open_(tx, channel=ChannelKind.API, external_id=external_id)
        await intake.accept(tx, opened, "Hello", None)
        if not unanswered:
            await tx.connection.execute(
                sa.update(messages).where(messages.c.conversation_id == opened).values(status="handled", turn=1)
            )
        if closed_days_ago is not None:
            closed = NOW - timedelta(days=closed_days_ago)
            await tx.connection.execute(
                sa.update(table).where(table.c.id == opened).values(state="closed", closed_at=closed)
            )
    return opened


async def left(database: Database, tenant: UUID) -> set[UUID]:
    async with database.tenant(tenant) as tx:
        return set(await tx.connection.scalars(sa.select(table.c.id)))


def retention_of(database: Database) -> Retain:
    return Retain(database, Sweep(database, FolderStore(TEST_HOME / "media", Links("", []))))


async def retain(database: Database, tenant: UUID) -> Retained:
    given = RetainInput(tenant_id=tenant, now=NOW)
    done: Retained = await ActivityEnvironment().run(retention_of(database).retain, given)
    return done


async def test_only_what_is_closed_for_long_enough_goes(database: Database, tenant: UUID) -> None:
    old = await conversation(database, tenant, closed_days_ago=30.1)
    young = await conversation(database, tenant, closed_days_ago=29.9)
    still_open = await conversation(database, tenant, closed_days_ago=None)
    waiting = await conversation(database, tenant, closed_days_ago=400, unanswered=True)
    escalated = await conversation(database, tenant, closed_days_ago=None)
    async with database.tenant(tenant) as tx:
        await tx.connection.execute(sa.update(table).where(table.c.id == escalated).values(state="pending"))
        await tx.connection.execute(
            sa.insert(escalations).values(
                tenant_id=tenant,
                id=new_id(),
                conversation_id=escalated,
                number=1,
                status=EscalationStatus.PENDING,
                reason=EscalationReason.MANUAL,
            )
        )
    assert (await retain(database, tenant)).conversations == 1
    assert await left(database, tenant) == {young, still_open, waiting, escalated}
    async with database.tenant(tenant) as tx:
        assert await tx.connection.scalar(sa.select(sa.func.count()).select_from(messages)) == 4
        assert old not in set(await tx.connection.scalars(sa.select(events.c.conversation_id)))
        entry = (await tx.connection.execute(sa.select(audit_log.c.action, audit_log.c.details))).one()
    assert entry.action == "retention.applied"
    assert entry.details == {"conversations": 1, "retention_days": 30}
    assert (await retain(database, tenant)).conversations == 0, "a day later there is nothing more"


async def test_a_customer_nobody_could_find_again_goes_too(database: Database, tenant: UUID) -> None:
    await conversation(database, tenant, closed_days_ago=31)
    await conversation(database, tenant, closed_days_ago=31, external_id="known")
    await retain(database, tenant)
    async with database.tenant(tenant) as tx:
        assert list(await tx.connection.scalars(sa.select(customers.c.external_id))) == ["known"]


async def test_more_than_one_batch(database: Database, tenant: UUID) -> None:
    for number in range(55):
        await conversation(database, tenant, closed_days_ago=31 + number)
    assert (await retain(database, tenant)).conversations == 55
    assert await left(database, tenant) == set()


async def test_without_a_number_everything_is_kept(database: Database, tenant: UUID) -> None:
    async with database.tenant(tenant) as tx:
        settings = await tenants.get_settings(tx)
        await tenants.put_settings(tx, settings.model_copy(update={"retention_days": None}))
    kept = await conversation(database, tenant, closed_days_ago=4000)
    await retain(database, tenant)
    assert await left(database, tenant) == {kept}


async def test_technical_rows_have_lives_of_their_own(database: Database, tenant: UUID) -> None:
    opened = await conversation(database, tenant, closed_days_ago=None)
    async with database.tenant(tenant) as tx:
        for days in (1, 8, 9):
            await tx.connection.execute(
                sa.insert(drafts).values(
                    tenant_id=tenant,
                    id=new_id(),
                    conversation_id=opened,
                    text="a draft",
                    created_at=NOW - timedelta(days=days),
                )
            )
        await tx.connection.execute(sa.update(events).values(created_at=NOW - timedelta(days=91)))
        await audit.record(tx, audit.SYSTEM, AuditAction.TENANT_CHANGED)
    assert (await retain(database, tenant)).technical == 3
    async with database.tenant(tenant) as tx:
        assert await tx.connection.scalar(sa.select(sa.func.count()).select_from(drafts)) == 1
        assert await tx.connection.scalar(sa.select(sa.func.count()).select_from(events)) == 0
        assert await tx.connection.scalar(sa.select(sa.func.count()).select_from(audit_log)) == 1
    assert await left(database, tenant) == {opened}


async def test_old_calls_of_models_become_sums_of_days(database: Database, tenant: UUID) -> None:
    opened = await conversation(database, tenant, closed_days_ago=None)
    day = NOW.replace(hour=12) - timedelta(days=92)
    async with database.tenant(tenant) as tx:
        for when, model, tokens in (
            (day, "large", 10),
            (day + timedelta(hours=1), "large", 20),
            (day + timedelta(hours=2), "small", 1),
            (day + timedelta(days=1), "large", 300),
            (NOW - timedelta(days=1), "large", 4000),
            (NOW - timedelta(days=1), "large", 4000),
        ):
            await tx.connection.execute(
                sa.insert(model_calls).values(
                    tenant_id=tenant,
                    id=new_id(),
                    created_at=when,
                    conversation_id=opened,
                    **ModelCall(
                        purpose=Purpose.ANSWER,
                        route="default",
                        endpoint="cloud",
                        model=model,
                        outcome=CallOutcome.OK,
                        prompt_tokens=tokens,
                        cost=tokens,
                    ).model_dump(),
                )
            )

    async def report() -> list[Sum]:
        async with database.tenant(tenant) as tx:
            return await usage.report(tx, since=day - timedelta(days=1), until=NOW, group_by="day")

    before = await report()
    assert [(each.calls, each.prompt_tokens) for each in before] == [(3, 31), (1, 300), (2, 8000)]
    assert (await retain(database, tenant)).technical == 1
    assert await report() == before
    async with database.tenant(tenant) as tx:
        rows = (await tx.connection.execute(sa.select(model_calls.c.calls, model_calls.c.conversation_id))).all()
    assert sorted(row.calls for row in rows) == [1, 1, 1, 1, 2]
    assert [row.conversation_id for row in rows if row.calls == 2] == [None]
    assert (await retain(database, tenant)).technical == 0


async def test_another_tenant_is_not_touched(database: Database, tenant: UUID) -> None:
    mine = await conversation(database, tenant, closed_days_ago=31)
    await retain(database, new_id())
    assert await left(database, tenant) == {mine}


async def test_every_tenant_comes_up_once(database: Database, tenant: UUID) -> None:
    step = retention_of(database)
    seen: list[UUID] = []
    after: UUID | None = None
    while True:
        page = (await step.next_tenants(TenantsInput(after=after, limit=2))).tenants
        if not page:
            break
        seen += page
        after = page[-1]
    assert tenant in seen
    assert seen == sorted(set(seen))


async def test_one_schedule_a_day_however_many_workers_say_so(servers: Servers) -> None:
    async with connected(settings_of(servers)) as client:
        for hour in (3, 3, 4):
            await schedules.ensure_retention(client, hour=hour)
        found = await client.get_schedule_handle(schedules.RETENTION_ID).describe()
        await client.get_schedule_handle(schedules.RETENTION_ID).delete()
    assert [each.hour[0].start for each in found.schedule.spec.calendars] == [4]
