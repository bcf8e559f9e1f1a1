"""Knowledge gaps as those who fill them see them: ranked by who asks, drafted from what managers answered, settled."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from models.contracts.enums import Language
from models.contracts.learning import GapReason, GapStatus
from models.repositories.gaps import DRAFTS, is_its_message
from models.tables import gap_questions, gaps, messages
from runtime.database import TenantTx


@dataclass(frozen=True, slots=True)
class Gap:
    """`question` is the one that was asked first; None when all that asked are erased. `customers` counts people."""

    id: UUID
    status: GapStatus
    question: str | None
    language: Language | None
    customers: int
    times: int
    last_asked_at: datetime | None
    learned_id: UUID | None
    closed_at: datetime | None
    closed_by: UUID | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Example:
    """One time that it was asked."""

    message_id: UUID
    conversation_id: UUID
    text: str
    language: Language | None
    reason: GapReason
    created_at: datetime


DRAFT_ONE = sa.text(
    f"""
    UPDATE gaps g SET status = 'drafted', learned_id = d.learned_id, closed_at = NULL, closed_by = NULL, updated_at = now()
    FROM ({DRAFTS.format(which="q.gap_id = :gap")}) d
    WHERE g.tenant_id = :tenant AND g.id = d.gap_id RETURNING g.id
    """  # noqa: S608  # constants
).bindparams(sa.bindparam("gap", type_=sa.Uuid()))

RANKED = """
    WITH asked AS (
        SELECT q.gap_id, count(DISTINCT c.customer_id) AS customers, count(*) AS times, max(m.created_at) AS last_asked_at,
            (array_agg(q.message_id ORDER BY q.id))[1] AS first_message
        FROM gap_questions q
        JOIN conversations c ON c.tenant_id = q.tenant_id AND c.id = q.conversation_id
        JOIN messages m ON m.tenant_id = q.tenant_id AND m.id = q.message_id
        WHERE q.tenant_id = :tenant AND q.gap_id IS NOT NULL GROUP BY q.gap_id
    ),
    ranked AS (
        SELECT g.id, g.status, m.text AS question, m.language, coalesce(a.customers, 0) AS customers,
            coalesce(a.times, 0) AS times, a.last_asked_at, g.learned_id, g.closed_at, g.closed_by, g.created_at,
            coalesce(a.last_asked_at, g.created_at) AS recent
        FROM gaps g LEFT JOIN asked a ON a.gap_id = g.id
        LEFT JOIN messages m ON m.tenant_id = g.tenant_id AND m.id = a.first_message
        WHERE g.tenant_id = :tenant
    )
    SELECT id, status, question, language, customers, times, last_asked_at, learned_id, closed_at, closed_by, created_at
    FROM ranked
"""
PAGE = sa.text(
    f"""
    {RANKED}
    WHERE (CAST(:status AS text) IS NULL OR status = :status)
        AND (CAST(:after AS uuid) IS NULL
            OR (customers, recent, id) < (SELECT customers, recent, id FROM ranked WHERE id = :after))
    ORDER BY customers DESC, recent DESC, id DESC LIMIT :at_most
    """  # noqa: S608  # constants
).bindparams(sa.bindparam("after", type_=sa.Uuid()), sa.bindparam("status", type_=sa.Text()))
ONE = sa.text(RANKED + " WHERE id = :gap").bindparams(sa.bindparam("gap", type_=sa.Uuid()))


async def page(
    tx: TenantTx, *, status: GapStatus | None = None, after: UUID | None = None, limit: int = 50
) -> list[Gap]:
    """Gaps by how many customers asked, then by when; `after` is the last id of the page before."""
    given = {"tenant": tx.tenant_id, "status": status, "after": after, "at_most": limit}
    return [_gap(row) for row in await tx.connection.execute(PAGE, given)]


async def get(tx: TenantTx, gap: UUID) -> Gap | None:
    row = (await tx.connection.execute(ONE, {"tenant": tx.tenant_id, "gap": gap})).one_or_none()
    return None if row is None else _gap(row)


async def examples(tx: TenantTx, gap: UUID, limit: int) -> list[Example]:
    """The latest times that it was asked."""
    rows = await tx.connection.execute(
        sa.select(
            messages.c.id.label("message_id"),
            messages.c.conversation_id,
            messages.c.text,
            messages.c.language,
            gap_questions.c.reason,
            messages.c.created_at,
        )
        .join(gap_questions, is_its_message())
        .where(gap_questions.c.tenant_id == tx.tenant_id, gap_questions.c.gap_id == gap)
        .order_by(gap_questions.c.id.desc())
        .limit(limit)
    )
    return [Example(**row._mapping) for row in rows]


async def draft(tx: TenantTx, gap: UUID) -> bool:
    """Take what a manager answered to one of its questions as the draft; False when nobody has."""
    return await tx.connection.scalar(DRAFT_ONE, {"tenant": tx.tenant_id, "gap": gap}) is not None


async def close(tx: TenantTx, gap: UUID, by: UUID) -> bool:
    """Whether there is such a gap."""
    return await _set(tx, gap, status=GapStatus.CLOSED, closed_at=sa.func.now(), closed_by=by)


async def ignore(tx: TenantTx, gap: UUID) -> bool:
    """Whether there is such a gap. It stays ignored, whoever asks."""
    return await _set(tx, gap, status=GapStatus.IGNORED, closed_at=None, closed_by=None)


async def _set(tx: TenantTx, gap: UUID, **values: object) -> bool:
    done = await tx.connection.execute(
        sa.update(gaps).where(gaps.c.tenant_id == tx.tenant_id, gaps.c.id == gap).values(**values)
    )
    return done.rowcount > 0


def _gap(row: sa.Row[tuple[object, ...]]) -> Gap:
    given = row._mapping
    language = given["language"]
    return Gap(
        **{**given, "status": GapStatus(given["status"]), "language": None if language is None else Language(language)}
    )
