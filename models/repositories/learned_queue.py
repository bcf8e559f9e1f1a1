"""The queue of learned answers as those who review it see it: who asked, who answered, who approved, how often used."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from models.contracts.enums import Language, LearnedStatus
from models.repositories import uses
from models.tables import documents, escalations, learned_answers, members
from runtime.database import TenantTx


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry. `times`: escalations that taught it; `contradicted`: one of them was answered differently; `uses`: answers
    of the last `uses.DAYS` days that cite it."""

    id: UUID
    status: LearnedStatus
    question: str
    answer: str
    language: Language
    tag: str | None
    times: int
    contradicted: bool
    escalation_id: UUID
    conversation_id: UUID
    answered_by: UUID | None
    answered_by_name: str | None
    reviewed_by: UUID | None
    reviewed_by_name: str | None
    reviewed_at: datetime | None
    source_id: UUID | None
    uses: int
    last_used_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Other:
    """Another answer to the same question, that piled up on the entry."""

    id: UUID
    answer: str
    differs: bool
    escalation_id: UUID
    conversation_id: UUID
    answered_by: UUID | None
    answered_by_name: str | None
    created_at: datetime


async def page(
    tx: TenantTx,
    *,
    status: LearnedStatus | None = None,
    contradicted: bool | None = None,
    after: UUID | None = None,
    limit: int = 50,
) -> list[Listed]:
    """Entries, the oldest first; `after` is the last id of the page before."""
    query, disagree = _listed(tx)
    if status is not None:
        query = query.where(learned_answers.c.status == status)
    if contradicted is not None:
        query = query.where(disagree if contradicted else ~disagree)
    if after is not None:
        query = query.where(learned_answers.c.id > after)
    rows = await tx.connection.execute(query.order_by(learned_answers.c.id).limit(limit))
    return [Listed(**row._mapping) for row in rows]


async def get(tx: TenantTx, learned: UUID) -> Listed | None:
    query, _ = _listed(tx)
    row = (await tx.connection.execute(query.where(learned_answers.c.id == learned))).one_or_none()
    return None if row is None else Listed(**row._mapping)


async def others(tx: TenantTx, learned: UUID, limit: int = 50) -> list[Other]:
    """What piled up on an entry, the latest first."""
    answerer = members.alias("answerer")
    rows = await tx.connection.execute(
        sa.select(
            *(learned_answers.c[name] for name in ("id", "answer", "differs", "escalation_id", "answered_by")),
            escalations.c.conversation_id,
            answerer.c.name.label("answered_by_name"),
            learned_answers.c.created_at,
        )
        .join(escalations, _within(escalations, learned_answers.c.escalation_id))
        .outerjoin(answerer, _within(answerer, learned_answers.c.answered_by))
        .where(learned_answers.c.tenant_id == tx.tenant_id, learned_answers.c.same_as == learned)
        .order_by(learned_answers.c.id.desc())
        .limit(limit)
    )
    return [Other(**row._mapping) for row in rows]


def _listed(tx: TenantTx) -> tuple[sa.Select[tuple[object, ...]], sa.ColumnElement[bool]]:
    """The entries, and whether one is contradicted."""
    used, piled = uses.by_document(tx), learned_answers.alias("piled")
    answerer, reviewer = members.alias("answerer"), members.alias("reviewer")
    on_it = sa.and_(piled.c.tenant_id == learned_answers.c.tenant_id, piled.c.same_as == learned_answers.c.id)
    disagree = sa.exists().where(on_it, piled.c.differs)
    figures = (
        sa.select(
            sa.func.coalesce(sa.func.sum(used.c.uses), 0).label("uses"),
            sa.func.max(used.c.last_used_at).label("last_used_at"),
        )
        .join(documents, documents.c.id == used.c.document_id)
        .where(
            documents.c.tenant_id == learned_answers.c.tenant_id,
            documents.c.source_id == learned_answers.c.source_id,
            documents.c.name == sa.cast(learned_answers.c.escalation_id, sa.Text),
        )
        .lateral("figures")
    )
    plain = ("id", "status", "question", "answer", "language", "tag", "escalation_id", "answered_by", "reviewed_by")
    query = (
        sa.select(
            *(learned_answers.c[name] for name in (*plain, "reviewed_at", "source_id", "created_at")),
            (1 + sa.select(sa.func.count()).select_from(piled).where(on_it).scalar_subquery()).label("times"),
            disagree.label("contradicted"),
            escalations.c.conversation_id,
            answerer.c.name.label("answered_by_name"),
            reviewer.c.name.label("reviewed_by_name"),
            figures.c.uses,
            figures.c.last_used_at,
        )
        .select_from(learned_answers)
        .join(escalations, _within(escalations, learned_answers.c.escalation_id))
        .outerjoin(answerer, _within(answerer, learned_answers.c.answered_by))
        .outerjoin(reviewer, _within(reviewer, learned_answers.c.reviewed_by))
        .join(figures, sa.true())
        .where(learned_answers.c.tenant_id == tx.tenant_id, learned_answers.c.same_as.is_(None))
    )
    return query, disagree


def _within(table: sa.FromClause, reference: sa.ColumnElement[object]) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.tenant_id == learned_answers.c.tenant_id, table.c.id == reference)
