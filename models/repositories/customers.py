"""Customers: read, corrected by staff, and handed out whole to whom they belong."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.contracts.enums import Language
from models.tables import (
    attachments,
    conversations,
    customers,
    documents,
    escalations,
    events,
    identity_checks,
    identity_codes,
    learned_answers,
    messages,
    send_ledger,
)
from runtime.database import TenantTx


@dataclass(frozen=True, slots=True)
class Customer:
    """`verified_in`: the conversation in which they have shown who they are; None when another system asked."""

    id: UUID
    external_id: str | None
    name: str | None
    language: Language | None
    email: str | None
    phone: str | None
    verified_until: datetime | None
    verified_in: UUID | None
    conversations: int
    created_at: datetime
    updated_at: datetime


EXPORTED: Mapping[str, tuple[sa.Table, frozenset[str]]] = {
    "messages": (messages, frozenset()),
    "attachments": (attachments, frozenset({"ref"})),
    "escalations": (escalations, frozenset()),
    "sends": (send_ledger, frozenset()),
    "events": (events, frozenset()),
    "identity_codes": (identity_codes, frozenset({"hash", "sealed_key"})),
}
"""Tables that are exported by conversation, and columns that are nobody's to know."""


def _query(tx: TenantTx) -> sa.Select[tuple[object, ...]]:
    spoken = (
        sa.select(sa.func.count())
        .where(conversations.c.tenant_id == customers.c.tenant_id, conversations.c.customer_id == customers.c.id)
        .scalar_subquery()
    )
    names = "id external_id name language email phone verified_until verified_in created_at updated_at".split()
    return sa.select(*(customers.c[name] for name in names), spoken.label("conversations")).where(
        customers.c.tenant_id == tx.tenant_id, customers.c.erased_at.is_(None)
    )


async def get(tx: TenantTx, customer: UUID) -> Customer | None:
    """None also when the customer's erasure was asked for."""
    row = (await tx.connection.execute(_query(tx).where(customers.c.id == customer))).one_or_none()
    return None if row is None else Customer(**row._mapping)


async def list_(
    tx: TenantTx, *, external_id: str | None = None, before: UUID | None = None, limit: int = 50
) -> list[Customer]:
    """Customers, the newest first (ids are time-ordered); `before` is the last id of the page before."""
    query = _query(tx)
    if external_id is not None:
        query = query.where(customers.c.external_id == external_id)
    if before is not None:
        query = query.where(customers.c.id < before)
    rows = await tx.connection.execute(query.order_by(customers.c.id.desc()).limit(limit))
    return [Customer(**row._mapping) for row in rows]


async def update(tx: TenantTx, customer: UUID, changes: Mapping[str, str | None]) -> bool:
    """Set name, email or phone; whether there is such a customer.

    A new address makes what the old one has shown worth nothing: codes are void, and nobody is verified.
    """
    values: dict[str, Any] = dict(changes)
    if "email" in changes:
        values |= {"verified_until": None, "verified_in": None}
        await tx.connection.execute(
            sa.update(identity_codes)
            .where(
                identity_codes.c.tenant_id == tx.tenant_id,
                identity_codes.c.customer_id == customer,
                identity_codes.c.used_at.is_(None),
                identity_codes.c.voided_at.is_(None),
            )
            .values(voided_at=sa.func.now())
        )
    changed = await tx.connection.scalar(
        sa.update(customers)
        .where(customers.c.tenant_id == tx.tenant_id, customers.c.id == customer, customers.c.erased_at.is_(None))
        .values(**values)
        .returning(customers.c.id)
    )
    return changed is not None


async def export(tx: TenantTx, customer: UUID) -> dict[str, Any] | None:
    """All that is kept of a customer: the profile, and rows by kind. None when there is no such customer."""
    profile = await _rows(tx, customers, customers.c.id == customer, customers.c.erased_at.is_(None))
    if not profile:
        return None
    spoken = await _rows(tx, conversations, conversations.c.customer_id == customer)
    mine = [each["id"] for each in spoken]
    found: dict[str, Any] = {"customer": profile[0], "conversations": spoken}
    for kind, (table, withheld) in EXPORTED.items():
        of_customer: sa.ColumnElement[bool] = table.c.conversation_id.in_(mine)
        if "customer_id" in table.c:
            of_customer = table.c.customer_id == customer
        found[kind] = await _rows(tx, table, of_customer, withheld=withheld)
    asked = [each["id"] for each in found["escalations"]]
    found["learned_answers"] = await _rows(
        tx, learned_answers, learned_answers.c.escalation_id.in_(asked), withheld=frozenset({"vector", "space_id"})
    )
    pages = sa.and_(
        documents.c.name.in_([str(each) for each in asked]),
        documents.c.source_id.in_([each["source_id"] for each in found["learned_answers"]]),
    )
    found["knowledge_documents"] = await _rows(tx, documents, pages)
    codes = [each["id"] for each in found["identity_codes"]]
    found["identity_checks"] = await _rows(tx, identity_checks, identity_checks.c.code_id.in_(codes))
    return found


async def _rows(
    tx: TenantTx, table: sa.Table, *which: sa.ColumnElement[bool], withheld: frozenset[str] = frozenset()
) -> list[dict[str, Any]]:
    _, key = table.primary_key.columns
    shown = [column for column in table.columns if column.name not in {"tenant_id", "run", *withheld}]
    rows = await tx.connection.execute(sa.select(*shown).where(table.c.tenant_id == tx.tenant_id, *which).order_by(key))
    return [dict(row._mapping) for row in rows]
