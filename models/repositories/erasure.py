"""Erasing: what is kept of a customer, table by table, and the account of what is gone.

A conversation is erased in one transaction, and its numbers are entered in the same one: killed in between, an
erasure goes on where it was and counts nothing twice.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert

from models.contracts.privacy import ErasureInput, ErasureStatus, ToErase
from models.repositories import desk_posts, learned, vocabulary
from models.tables import (
    attachments,
    conversations,
    customers,
    documents,
    drafts,
    erasures,
    escalations,
    events,
    gap_questions,
    identity_codes,
    learned_answers,
    messages,
    notices,
    previews,
    send_ledger,
)
from runtime.database import SystemTx, TenantTx
from runtime.ids import new_id

TOGETHER = 20
"""Conversations that are looked up at a time: their ids, and those of their escalations, stand in a history."""

# Answers in other conversations that quote a page made of this customer's words lose those words: the page's title is
# the customer's question.
UNQUOTE = sa.text(
    """
    UPDATE messages m SET
        text = replace(m.text, d.title, '…'),
        citations = (
            SELECT jsonb_agg(CASE WHEN c ->> 'document_id' = d.id::text
                THEN c || '{"title": null, "heading": null, "quote": null}' ELSE c END)
            FROM jsonb_array_elements(m.citations) c
        )
    FROM documents d
    WHERE m.tenant_id = :tenant AND d.tenant_id = :tenant AND d.id = :document
        AND m.citations @> jsonb_build_array(jsonb_build_object('document_id', d.id::text))
    """
).bindparams(sa.bindparam("tenant", type_=sa.Uuid()), sa.bindparam("document", type_=sa.Uuid()))

# Responses that are kept for repeated requests name what they are about.
FORGET_RESPONSES = sa.text(
    r"""
    DELETE FROM idempotency_keys k
    WHERE k.tenant_id = :tenant AND EXISTS (
        SELECT FROM regexp_matches(k.body::text, '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}', 'g') AS named (id)
        WHERE named.id[1] = ANY(:ids)
    )
    """
).bindparams(sa.bindparam("tenant", type_=sa.Uuid()), sa.bindparam("ids", type_=ARRAY(sa.Text())))

ENTER = sa.text(
    """
    UPDATE erasures SET updated_at = now(), removed = (
        SELECT coalesce(jsonb_object_agg(kind, total), '{}') FROM (
            SELECT kind, sum(n::bigint) AS total
            FROM (SELECT * FROM jsonb_each_text(removed) UNION ALL SELECT * FROM jsonb_each_text(:more)) AS entries (kind, n)
            GROUP BY kind
        ) AS sums
    )
    WHERE tenant_id = :tenant AND id = :erasure
    """
).bindparams(
    sa.bindparam("tenant", type_=sa.Uuid()),
    sa.bindparam("erasure", type_=sa.Uuid()),
    sa.bindparam("more", type_=JSONB()),
)


@dataclass(frozen=True, slots=True)
class Erasure:
    """`removed`: rows that are gone, by kind."""

    id: UUID
    customer_id: UUID
    status: ErasureStatus
    removed: dict[str, int]
    created_at: datetime
    finished_at: datetime | None


async def begin(tx: TenantTx, customer: UUID) -> tuple[UUID, bool] | None:
    """The id of the customer's erasure, and whether it is new. None when there never was such a customer.

    From now on nobody finds the customer any more: a message under the external id that was theirs is a new customer's.
    """
    found = await tx.connection.scalar(
        sa.select(customers.c.id)
        .where(customers.c.tenant_id == tx.tenant_id, customers.c.id == customer)
        .with_for_update()
    )
    existing: UUID | None = await tx.connection.scalar(
        sa.select(erasures.c.id).where(erasures.c.tenant_id == tx.tenant_id, erasures.c.customer_id == customer)
    )
    if existing is not None:
        return existing, False
    if found is None:
        return None
    erasure = new_id()
    await tx.connection.execute(insert(erasures).values(tenant_id=tx.tenant_id, id=erasure, customer_id=customer))
    await tx.connection.execute(
        sa.update(customers)
        .where(customers.c.tenant_id == tx.tenant_id, customers.c.id == customer)
        .values(
            external_id=None,
            name=None,
            email=None,
            phone=None,
            attributes={},
            verified_until=None,
            verified_in=None,
            erased_at=sa.func.now(),
        )
    )
    await tx.connection.execute(
        sa.update(conversations)
        .where(conversations.c.tenant_id == tx.tenant_id, conversations.c.customer_id == customer)
        .values(chat_id=sa.cast(conversations.c.id, sa.Text))
    )
    return erasure, True


async def get(tx: TenantTx, erasure: UUID) -> Erasure | None:
    row = (
        await tx.connection.execute(
            sa.select(
                *(erasures.c[name] for name in ("id", "customer_id", "status", "removed", "created_at", "finished_at"))
            ).where(erasures.c.tenant_id == tx.tenant_id, erasures.c.id == erasure)
        )
    ).one_or_none()
    return None if row is None else Erasure(**row._mapping)


async def find(tx: TenantTx, erasure: UUID) -> ToErase:
    """The next conversations of the customer, with their escalations."""
    found = (
        await tx.connection.scalars(
            sa.select(conversations.c.id)
            .join(
                erasures,
                sa.and_(
                    erasures.c.tenant_id == conversations.c.tenant_id,
                    erasures.c.customer_id == conversations.c.customer_id,
                ),
            )
            .where(conversations.c.tenant_id == tx.tenant_id, erasures.c.id == erasure)
            .order_by(conversations.c.id)
            .limit(TOGETHER)
        )
    ).all()
    asked = await tx.connection.scalars(
        sa.select(escalations.c.id).where(
            escalations.c.tenant_id == tx.tenant_id, escalations.c.conversation_id.in_(found)
        )
    )
    return ToErase(conversations=tuple(found), escalations=tuple(asked))


async def erase_conversation(tx: TenantTx, conversation: UUID) -> Counter[str]:
    """Erase a conversation with all that was made of it, knowledge included. Rows that are gone, by kind."""
    held = await tx.connection.scalar(
        sa.select(conversations.c.id)
        .where(conversations.c.tenant_id == tx.tenant_id, conversations.c.id == conversation)
        .with_for_update()
    )
    if held is None:
        return Counter()
    removed: Counter[str] = Counter()
    asked = (
        await tx.connection.scalars(
            sa.select(escalations.c.id).where(
                escalations.c.tenant_id == tx.tenant_id, escalations.c.conversation_id == conversation
            )
        )
    ).all()
    removed["knowledge_documents"] = await _forget_learned(tx, asked)
    await learned.release(tx, asked)
    ids = [str(each) for each in (conversation, *asked)]
    forgotten = await tx.connection.execute(FORGET_RESPONSES, {"tenant": tx.tenant_id, "ids": ids})
    removed["stored_responses"] = forgotten.rowcount
    of_escalations = {"notices": notices, "learned_answers": learned_answers}
    for kind, table in of_escalations.items():
        removed[kind] = await _delete(tx, table, table.c.escalation_id.in_(asked))
    await desk_posts.forget(tx, conversation)
    of_conversation = {
        "events": events,
        "sends": send_ledger,
        "drafts": drafts,
        "previews": previews,
        "gap_questions": gap_questions,
        "identity_codes": identity_codes,
        "escalations": escalations,
        # Their keys stay behind for the sweep (see media_garbage).
        "files": attachments,
        "messages": messages,
    }
    for kind, table in of_conversation.items():
        removed[kind] = await _delete(tx, table, table.c.conversation_id == conversation)
    removed["conversations"] = await _delete(tx, conversations, conversations.c.id == conversation)
    return +removed


async def enter(tx: TenantTx, erasure: UUID, removed: Counter[str]) -> None:
    """Add to the account, in the transaction that makes it true."""
    await tx.connection.execute(ENTER, {"tenant": tx.tenant_id, "erasure": erasure, "more": dict(removed)})


async def erase_customer(tx: TenantTx, erasure: UUID) -> Erasure | None:
    """Remove the customer, the last of it all. None when another conversation has come meanwhile."""
    found = await get(tx, erasure)
    assert found is not None, "an erasure that has a process has a record"
    held = await tx.connection.scalar(
        sa.select(customers.c.id)
        .where(customers.c.tenant_id == tx.tenant_id, customers.c.id == found.customer_id)
        .with_for_update()
    )
    if held is None:
        return found
    if await tx.connection.scalar(
        sa.select(conversations.c.id)
        .where(conversations.c.tenant_id == tx.tenant_id, conversations.c.customer_id == found.customer_id)
        .limit(1)
    ):
        return None
    removed = Counter(
        {
            "identity_codes": await _delete(tx, identity_codes, identity_codes.c.customer_id == found.customer_id),
            "stored_responses": (
                await tx.connection.execute(FORGET_RESPONSES, {"tenant": tx.tenant_id, "ids": [str(found.customer_id)]})
            ).rowcount,
            "customers": await _delete(tx, customers, customers.c.id == found.customer_id),
        }
    )
    await enter(tx, erasure, +removed)
    return await get(tx, erasure)


async def close(tx: TenantTx, erasure: UUID) -> Erasure | None:
    """The erasure is done. None when it was before."""
    closed = await tx.connection.execute(
        sa.update(erasures)
        .where(
            erasures.c.tenant_id == tx.tenant_id,
            erasures.c.id == erasure,
            erasures.c.status == ErasureStatus.RUNNING,
        )
        .values(status=ErasureStatus.DONE, finished_at=sa.func.now())
    )
    return await get(tx, erasure) if closed.rowcount else None


async def claim_running(tx: SystemTx, *, after: timedelta, limit: int) -> list[ErasureInput]:
    """Claim erasures that are older than `after` and not done, so that their processes are started (again)."""
    rows = await tx.connection.execute(
        sa.text("SELECT * FROM claim_running_erasures(:after, :at_most)"), {"after": after, "at_most": limit}
    )
    return [ErasureInput(tenant_id=row.tenant_id, erasure_id=row.erasure_id) for row in rows]


async def _forget_learned(tx: TenantTx, asked: Sequence[UUID]) -> int:
    """Remove the pages that were made of these escalations: all versions, with their chunks and vectors."""
    mine = (
        await tx.connection.execute(
            sa.select(documents.c.id, documents.c.source_id).where(
                documents.c.tenant_id == tx.tenant_id,
                documents.c.name.in_([str(each) for each in asked]),
                documents.c.source_id.in_(
                    sa.select(learned_answers.c.source_id).where(
                        learned_answers.c.tenant_id == tx.tenant_id, learned_answers.c.escalation_id.in_(asked)
                    )
                ),
            )
        )
    ).all()
    for each in mine:
        await tx.connection.execute(UNQUOTE, {"tenant": tx.tenant_id, "document": each.id})
    removed = await _delete(tx, documents, documents.c.id.in_([each.id for each in mine]))
    for source in {each.source_id for each in mine}:
        await vocabulary.renew(tx, source)
    return removed


async def _delete(tx: TenantTx, table: sa.Table, which: sa.ColumnElement[bool]) -> int:
    done = await tx.connection.execute(sa.delete(table).where(table.c.tenant_id == tx.tenant_id, which))
    return done.rowcount
