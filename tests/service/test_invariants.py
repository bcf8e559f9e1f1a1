"""Broken states that no code can write: the database refuses them, at the latest at commit."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from models.contracts.enums import (
    Author,
    ChannelKind,
    ConversationState,
    Direction,
    EscalationReason,
    EscalationStatus,
    MessageStatus,
    Role,
)
from models.repositories import conversations as repository
from models.repositories import tenants
from models.tables import conversations, escalations, messages, metadata
from runtime.database import Database, TenantTx
from runtime.ids import new_id
from tests.service.conftest import new_tenant

BOT, PENDING, MANAGER, CLOSED = ConversationState
WAITING, ACTIVE, RESOLVED, *_ = EscalationStatus


class Case:
    """A tenant with two members and an open conversation; writes as the application role."""

    def __init__(self, database: Database, tenant: UUID) -> None:
        self.database, self.tenant = database, tenant
        self.conversation = self.member = new_id()

    async def prepare(self) -> "Case":
        async with self.database.tenant(self.tenant) as tx:
            self.member = (await tenants.add_member(tx, name="Aigerim", role=Role.AGENT)).id
            self.conversation, _ = await repository.open_(tx, channel=ChannelKind.API)
        return self

    async def state(self, tx: TenantTx, state: ConversationState, **more: Any) -> None:
        closed_at = sa.func.now() if state is ConversationState.CLOSED else None
        await tx.connection.execute(
            sa.update(conversations)
            .where(conversations.c.id == self.conversation)
            .values({"state": state, "closed_at": closed_at, **more})
        )

    async def escalation(self, tx: TenantTx, status: EscalationStatus, number: int = 1, **more: Any) -> UUID:
        escalation = new_id()
        values = {
            "tenant_id": self.tenant,
            "id": escalation,
            "conversation_id": self.conversation,
            "number": number,
            "status": status,
            "reason": EscalationReason.MANUAL,
            "closed_at": None if status.open else sa.func.now(),
            "taken_by": self.member if status is EscalationStatus.ACTIVE else None,
        }
        await tx.connection.execute(sa.insert(escalations).values(values | more))
        return escalation

    async def raw_status(self, tx: TenantTx, status: str) -> None:
        """A status that the code has no word for."""
        escalation = await self.escalation(tx, RESOLVED)
        await tx.connection.execute(
            sa.text("UPDATE escalations SET status = :status WHERE id = :id"), {"status": status, "id": escalation}
        )

    async def message(self, tx: TenantTx, **more: Any) -> None:
        values = {
            "tenant_id": self.tenant,
            "id": new_id(),
            "conversation_id": self.conversation,
            "direction": Direction.INBOUND,
            "author": Author.CUSTOMER,
            "status": MessageStatus.STORED,
            "text": "Hello",
        }
        await tx.connection.execute(sa.insert(messages).values(values | more))


@pytest.fixture
async def case(database: Database, tenant: UUID) -> Case:
    return await Case(database, tenant).prepare()


async def test_states_that_agree_are_written(case: Case) -> None:
    async with case.database.tenant(case.tenant) as tx:
        await case.state(tx, PENDING)
        escalation = await case.escalation(tx, WAITING)
    async with case.database.tenant(case.tenant) as tx:
        await case.state(tx, MANAGER)
        taken = {"status": ACTIVE, "taken_by": case.member}
        await tx.connection.execute(sa.update(escalations).where(escalations.c.id == escalation).values(taken))
    async with case.database.tenant(case.tenant) as tx:
        await case.state(tx, CLOSED)
        ended = {"status": RESOLVED, "closed_at": sa.func.now()}
        await tx.connection.execute(sa.update(escalations).where(escalations.c.id == escalation).values(ended))


Attempt = Callable[[Case, TenantTx], Awaitable[object]]


async def both(*steps: Awaitable[object]) -> None:
    for step in steps:
        await step


DISAGREE: dict[str, Attempt] = {
    "pending without an escalation": lambda case, tx: case.state(tx, PENDING),
    "manager_active without an escalation": lambda case, tx: case.state(tx, MANAGER),
    "pending with a taken one": lambda case, tx: both(case.state(tx, PENDING), case.escalation(tx, ACTIVE)),
    "manager_active with one that waits": lambda case, tx: both(case.state(tx, MANAGER), case.escalation(tx, WAITING)),
    "bot_active with one that waits": lambda case, tx: case.escalation(tx, WAITING),
    "bot_active with a taken one": lambda case, tx: case.escalation(tx, ACTIVE),
    "closed with one that waits": lambda case, tx: both(case.state(tx, CLOSED), case.escalation(tx, WAITING)),
    "pending with a finished one": lambda case, tx: both(case.state(tx, PENDING), case.escalation(tx, RESOLVED)),
}


@pytest.mark.parametrize("attempt", DISAGREE.values(), ids=DISAGREE.keys())
async def test_a_conversation_and_its_escalation_agree_at_commit(case: Case, attempt: Attempt) -> None:
    with pytest.raises(IntegrityError, match="but its open escalations are"):
        async with case.database.tenant(case.tenant) as tx:
            await attempt(case, tx)
    async with case.database.tenant(case.tenant) as tx:
        found = await repository.get(tx, case.conversation)
    assert found is not None
    assert found.state is BOT, "nothing of it was kept"


REFUSED: dict[str, tuple[str, Attempt]] = {
    "two open escalations": (
        "uq_escalations_one_open",
        lambda case, tx: both(case.escalation(tx, WAITING), case.escalation(tx, WAITING, number=2)),
    ),
    "two escalations of one number": (
        "uq_escalations_tenant_id_conversation_id_number",
        lambda case, tx: both(case.escalation(tx, RESOLVED), case.escalation(tx, RESOLVED)),
    ),
    "active without who has it": (
        "ck_escalations_active_has_a_manager",
        lambda case, tx: case.escalation(tx, ACTIVE, taken_by=None),
    ),
    "finished without a time": (
        "ck_escalations_finished_has_a_time",
        lambda case, tx: case.escalation(tx, RESOLVED, closed_at=None),
    ),
    "open with an end": (
        "ck_escalations_finished_has_a_time",
        lambda case, tx: case.escalation(tx, WAITING, closed_at=sa.func.now()),
    ),
    "an unknown status": ("ck_escalations_status", lambda case, tx: case.raw_status(tx, "lost")),
    "closed without a time": (
        "ck_conversations_closed_has_a_time",
        lambda case, tx: case.state(tx, CLOSED, closed_at=None),
    ),
    "a customer's message that was sent": (
        "ck_messages_inbound_is_stored_or_handled",
        lambda case, tx: case.message(tx, status=MessageStatus.SENT),
    ),
    "handled in no turn": (
        "ck_messages_handled_has_a_turn",
        lambda case, tx: case.message(tx, status=MessageStatus.HANDLED),
    ),
    "a bot's message that came in": (
        "ck_messages_customers_write_inbound",
        lambda case, tx: case.message(tx, author=Author.BOT),
    ),
    "a manager's message of nobody": (
        "ck_messages_managers_have_a_member",
        lambda case, tx: case.message(
            tx, author=Author.MANAGER, direction=Direction.OUTBOUND, status=MessageStatus.DRAFT
        ),
    ),
}


@pytest.mark.parametrize(("constraint", "attempt"), REFUSED.values(), ids=REFUSED.keys())
async def test_a_row_that_contradicts_itself_is_refused(case: Case, constraint: str, attempt: Attempt) -> None:
    with pytest.raises(IntegrityError, match=constraint):
        async with case.database.tenant(case.tenant) as tx:
            await attempt(case, tx)


async def test_one_providers_message_is_one_message(case: Case) -> None:
    async with case.database.tenant(case.tenant) as tx:
        await case.message(tx, provider_message_id="m-1")
        with pytest.raises(IntegrityError, match="uq_messages_provider_message_id"):
            await case.message(tx, provider_message_id="m-1")


async def test_nothing_refers_to_another_tenants_rows(case: Case, database: Database) -> None:
    """Foreign keys are checked beyond row-level security: what keeps them inside is the tenant in every key."""
    other = await Case(database, await new_tenant(database)).prepare()
    for attempt in (
        lambda tx: case.escalation(tx, RESOLVED, conversation_id=other.conversation),
        lambda tx: case.escalation(tx, RESOLVED, closed_by=other.member),
        lambda tx: case.message(tx, conversation_id=other.conversation),
    ):
        with pytest.raises(IntegrityError, match="violates foreign key constraint"):
            async with database.tenant(case.tenant) as tx:
                await attempt(tx)


def test_every_reference_between_tenants_tables_carries_the_tenant() -> None:
    for table in metadata.sorted_tables:
        for key in table.foreign_key_constraints:
            if "tenant_id" in key.referred_table.columns:
                assert "tenant_id" in key.column_keys, f"{table.name}: {key.column_keys}"
