"""Knowledge gaps: questions that knowledge could not answer, noted, gathered by what they ask, and asked again.

The text of a question is its message's; here are only ids and vectors.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on, insert

from models.contracts.learning import GapReason, GapStatus
from models.tables import gap_questions, gaps, messages
from runtime.database import TenantTx
from runtime.ids import new_id

UNSETTLED = (GapStatus.OPEN, GapStatus.DRAFTED)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that was noted. `vector` is in the space that was asked for."""

    id: UUID
    conversation_id: UUID
    reason: GapReason
    text: str
    vector: list[float] | None = None


@dataclass(frozen=True, slots=True)
class Leader:
    """The question of a gap that was asked first."""

    question: Asked
    gap_id: UUID


# Noting and gathering -----------------------------------------------------------------------------


async def note(tx: TenantTx, message: UUID, conversation: UUID, reason: GapReason) -> None:
    """Note a question by its message, once; its first reason stays."""
    await tx.connection.execute(
        insert(gap_questions)
        .values(tenant_id=tx.tenant_id, id=new_id(), message_id=message, conversation_id=conversation, reason=reason)
        .on_conflict_do_nothing()
    )


async def unembedded(tx: TenantTx, space: int, limit: int) -> list[Asked]:
    """The next questions without a vector in `space`, the oldest first."""
    rows = await tx.connection.execute(
        _questions(tx).where(gap_questions.c.space_id.is_distinct_from(space)).order_by(gap_questions.c.id).limit(limit)
    )
    return [Asked(**row._mapping) for row in rows]


# A list goes over the wire as an array and becomes a vector there: the driver knows arrays.
PUT_VECTOR = sa.text(
    """
    UPDATE gap_questions SET space_id = :space, vector = CAST(CAST(:vector AS real[]) AS vector)
    WHERE tenant_id = :tenant AND id = :id
    """
).bindparams(sa.bindparam("space", type_=sa.SmallInteger), sa.bindparam("vector", type_=ARRAY(sa.REAL)))


async def put_question_vectors(tx: TenantTx, space: int, vectors: Sequence[tuple[UUID, list[float]]]) -> None:
    """Store questions' vectors, by id."""
    if vectors:
        await tx.connection.execute(
            PUT_VECTOR,
            [{"tenant": tx.tenant_id, "space": space, "id": id_, "vector": vector} for id_, vector in vectors],
        )


async def forget(tx: TenantTx, questions: Sequence[UUID]) -> None:
    """Drop questions that are none of the company's business."""
    await tx.connection.execute(
        sa.delete(gap_questions).where(
            gap_questions.c.tenant_id == tx.tenant_id, gap_questions.c.id.in_(list(questions))
        )
    )


async def ungathered(tx: TenantTx, space: int, limit: int) -> list[Asked]:
    """The next questions that belong to no gap yet, the oldest first."""
    rows = await tx.connection.execute(
        _questions(tx, with_vector=True)
        .where(gap_questions.c.gap_id.is_(None), gap_questions.c.space_id == space)
        .order_by(gap_questions.c.id)
        .limit(limit)
    )
    return [Asked(**row._mapping) for row in rows]


async def leaders(tx: TenantTx, space: int | None, *, limit: int) -> list[Leader]:
    """The first question of each gap, of the gaps that were asked about last; with its vector in `space`, if one is
    given, and only those that have one."""
    query = _questions(tx, with_vector=space is not None).add_columns(gap_questions.c.gap_id)
    query = query.where(gap_questions.c.gap_id.is_not(None))
    if space is not None:
        query = query.where(gap_questions.c.space_id == space)
    first = (
        query.ext(distinct_on(gap_questions.c.gap_id)).order_by(gap_questions.c.gap_id, gap_questions.c.id).subquery()
    )
    rows = await tx.connection.execute(sa.select(first).order_by(first.c.gap_id.desc()).limit(limit))
    return [_leader(row) for row in rows]


async def unsettled_leaders(tx: TenantTx, after: UUID | None, limit: int) -> list[Leader]:
    """The first question of each gap that is open or drafted, by the gaps' ids."""
    query = (
        _questions(tx)
        .add_columns(gap_questions.c.gap_id)
        .join(gaps, sa.and_(gaps.c.tenant_id == gap_questions.c.tenant_id, gaps.c.id == gap_questions.c.gap_id))
        .where(gaps.c.status.in_(UNSETTLED))
        .ext(distinct_on(gap_questions.c.gap_id))
        .order_by(gap_questions.c.gap_id, gap_questions.c.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(gap_questions.c.gap_id > after)
    return [_leader(row) for row in await tx.connection.execute(query)]


async def assign(tx: TenantTx, groups: Mapping[UUID, UUID], known: Mapping[UUID, UUID]) -> int:
    """Put questions into the gaps of their leaders (`known`: gaps by leading question), making those that are new;
    how many are. A gap that was closed and is asked about again is open again."""
    gap_of = dict(known)
    made = [leader for question, leader in groups.items() if question == leader]
    for leader in made:
        gap_of[leader] = new_id()
    if made:
        await tx.connection.execute(
            sa.insert(gaps), [{"tenant_id": tx.tenant_id, "id": gap_of[leader]} for leader in made]
        )
    for question, leader in groups.items():
        await tx.connection.execute(
            sa.update(gap_questions)
            .where(gap_questions.c.tenant_id == tx.tenant_id, gap_questions.c.id == question)
            .values(gap_id=gap_of[leader])
        )
    joined = [gap_of[leader] for question, leader in groups.items() if question != leader]
    await tx.connection.execute(
        sa.update(gaps)
        .where(gaps.c.tenant_id == tx.tenant_id, gaps.c.id.in_(joined), gaps.c.status == GapStatus.CLOSED)
        .values(status=GapStatus.OPEN, closed_at=None, closed_by=None)
    )
    return len(made)


# What managers answered to one of a gap's questions: the entry of the queue that it went to.
DRAFTS = """
    SELECT DISTINCT ON (q.gap_id) q.gap_id, coalesce(l.same_as, l.id) AS learned_id
    FROM gap_questions q
    JOIN escalations x ON x.tenant_id = q.tenant_id AND x.message_id = q.message_id
    JOIN learned_answers l ON l.tenant_id = x.tenant_id AND l.escalation_id = x.id AND l.status <> 'rejected'
    WHERE q.tenant_id = :tenant AND {which}
    ORDER BY q.gap_id, l.id DESC
"""
DRAFT_OPEN = sa.text(
    f"""
    UPDATE gaps g SET status = 'drafted', learned_id = d.learned_id, updated_at = now()
    FROM ({DRAFTS.format(which="q.gap_id IS NOT NULL")}) d
    WHERE g.tenant_id = :tenant AND g.id = d.gap_id AND g.status = 'open'
    """  # noqa: S608  # constants
)


async def draft_all(tx: TenantTx) -> int:
    """Give every open gap what a manager has answered to one of its questions; how many there were to give it to."""
    return (await tx.connection.execute(DRAFT_OPEN, {"tenant": tx.tenant_id})).rowcount


async def settle(tx: TenantTx, gap: UUID) -> bool:
    """Close a gap that knowledge has an answer for now; whether it was open."""
    closed = await tx.connection.execute(
        sa.update(gaps)
        .where(gaps.c.tenant_id == tx.tenant_id, gaps.c.id == gap, gaps.c.status.in_(UNSETTLED))
        .values(status=GapStatus.CLOSED, closed_at=sa.func.now(), closed_by=None)
    )
    return closed.rowcount > 0


def _questions(tx: TenantTx, *, with_vector: bool = False) -> sa.Select[tuple[object, ...]]:
    columns = [
        gap_questions.c.id,
        gap_questions.c.conversation_id,
        gap_questions.c.reason,
        messages.c.text,
        *([sa.cast(gap_questions.c.vector, ARRAY(sa.REAL)).label("vector")] if with_vector else []),
    ]
    return (
        sa.select(*columns)
        .select_from(gap_questions.join(messages, is_its_message()))
        .where(gap_questions.c.tenant_id == tx.tenant_id)
    )


def is_its_message() -> sa.ColumnElement[bool]:
    return sa.and_(messages.c.tenant_id == gap_questions.c.tenant_id, messages.c.id == gap_questions.c.message_id)


def _leader(row: sa.Row[tuple[object, ...]]) -> Leader:
    given = dict(row._mapping)
    gap = given.pop("gap_id")
    return Leader(Asked(**given), gap)
