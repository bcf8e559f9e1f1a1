"""Learned answers: what managers answered, proposed as knowledge, reviewed, published and taken back.

An escalation teaches one answer. Those to the same question pile up on the first, which is the entry that is reviewed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert

from models.contracts.enums import EventType, Language, LearnedStatus
from models.documents import TITLE_CHARACTERS
from models.repositories import events, ingestion, staging
from models.repositories.lessons import Lesson
from models.repositories.staging import StagedDocument
from models.tables import learned_answers
from runtime.characters import beginning
from runtime.database import TenantTx
from runtime.ids import new_id

SOURCE = "Learned answers"
"""Where approved answers are kept. Those of a branch with a knowledge tag have a source of their own."""

COMPARED = 1_000
"""Entries of a language with which a new answer is compared, the latest."""


@dataclass(frozen=True, slots=True)
class Known:
    """An entry that a new answer may pile up on. `vector` is its question's."""

    id: UUID
    status: LearnedStatus
    question: str
    answer: str
    vector: list[float]


@dataclass(frozen=True, slots=True)
class Staged:
    """The source and the job that make what was approved knowledge."""

    source_id: UUID
    job_id: UUID


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as far as what is done with it depends on it."""

    id: UUID
    escalation_id: UUID
    status: LearnedStatus
    question: str
    answer: str
    language: Language
    tag: str | None
    source_id: UUID | None

    def document(self) -> StagedDocument:
        """Its versions are joined by the escalation's id: whoever erases its customer finds it by that."""
        return StagedDocument(
            name=str(self.escalation_id),
            title=beginning(self.question, TITLE_CHARACTERS),
            text=self.answer,
            media_type="text/plain",
            language=self.language,
        )


ENTRY_COLUMNS = tuple(learned_answers.c[name] for name in Entry.__dataclass_fields__)


async def lock_queue(tx: TenantTx) -> None:
    """Until the transaction ends nobody else adds to the queue: two answers to one question make one entry."""
    await tx.connection.execute(
        sa.text("SELECT pg_advisory_xact_lock(hashtextextended('learned_answers', 0) # hashtextextended(:tenant, 0))"),
        {"tenant": str(tx.tenant_id)},
    )


async def of_escalation(tx: TenantTx, escalation: UUID) -> Entry | None:
    """What the escalation has taught already."""
    found = await tx.connection.execute(
        sa.select(*ENTRY_COLUMNS).where(
            learned_answers.c.tenant_id == tx.tenant_id, learned_answers.c.escalation_id == escalation
        )
    )
    row = found.one_or_none()
    return None if row is None else Entry(**row._mapping)


async def get_for_update(tx: TenantTx, learned: UUID) -> Entry | None:
    """An entry of the queue, locked. None for what piled up on another."""
    found = await tx.connection.execute(sa.select(*ENTRY_COLUMNS).where(*_entry(tx, learned)).with_for_update())
    row = found.one_or_none()
    return None if row is None else Entry(**row._mapping)


# Finding the entry that an answer belongs to ------------------------------------------------------


async def known(tx: TenantTx, language: Language, space: int) -> list[Known]:
    """Entries that are proposed or approved, with their questions' vectors in `space`."""
    rows = await tx.connection.execute(
        sa.select(
            *(learned_answers.c[name] for name in ("id", "status", "question", "answer")),
            sa.cast(learned_answers.c.vector, ARRAY(sa.REAL)).label("vector"),
        )
        .where(*_compared(tx, language), learned_answers.c.space_id == space)
        .order_by(learned_answers.c.id.desc())
        .limit(COMPARED)
    )
    return [Known(**row._mapping) for row in rows]


async def without_vector(tx: TenantTx, language: Language, space: int, limit: int) -> list[tuple[UUID, str]]:
    """The latest entries whose questions have no vector in `space`: id and question."""
    rows = await tx.connection.execute(
        sa.select(learned_answers.c.id, learned_answers.c.question)
        .where(*_compared(tx, language), learned_answers.c.space_id.is_distinct_from(space))
        .order_by(learned_answers.c.id.desc())
        .limit(limit)
    )
    return [(row.id, row.question) for row in rows]


# A list goes over the wire as an array and becomes a vector there. One whose question was edited meanwhile stays without.
PUT_VECTOR = sa.text(
    """
    UPDATE learned_answers SET space_id = :space, vector = CAST(CAST(:vector AS real[]) AS vector)
    WHERE tenant_id = :tenant AND id = :id AND question = :question
    """
).bindparams(sa.bindparam("space", type_=sa.SmallInteger), sa.bindparam("vector", type_=ARRAY(sa.REAL)))


async def put_vectors(tx: TenantTx, space: int, vectors: Sequence[tuple[UUID, str, list[float]]]) -> None:
    """Store questions' vectors, by id and question."""
    if vectors:
        await tx.connection.execute(
            PUT_VECTOR,
            [
                {"tenant": tx.tenant_id, "space": space, "id": learned, "question": question, "vector": vector}
                for learned, question, vector in vectors
            ],
        )


# Proposing ----------------------------------------------------------------------------------------


async def propose(
    tx: TenantTx, escalation: UUID, taught: Lesson, *, same_as: UUID | None = None, differs: bool = False
) -> UUID | None:
    """Store what an escalation taught, as an entry or piled up on one; None when it is stored already."""
    learned: UUID | None = await tx.connection.scalar(
        insert(learned_answers)
        .values(
            tenant_id=tx.tenant_id,
            id=new_id(),
            escalation_id=escalation,
            same_as=same_as,
            differs=differs,
            question=taught.question,
            answer=taught.answer,
            language=taught.language,
            status=LearnedStatus.PROPOSED,
            answered_by=taught.answered_by,
            tag=taught.tag,
        )
        .on_conflict_do_nothing()
        .returning(learned_answers.c.id)
    )
    return learned


async def pile_up(tx: TenantTx, entry: UUID, on: UUID, *, differs: bool) -> None:
    """Put an entry, with what has piled up on it, under another."""
    of_entry = sa.or_(learned_answers.c.id == entry, learned_answers.c.same_as == entry)
    await tx.connection.execute(
        sa.update(learned_answers)
        .where(learned_answers.c.tenant_id == tx.tenant_id, of_entry)
        .values(same_as=on, differs=sa.or_(learned_answers.c.differs, sa.literal(differs)))
    )


async def announce(tx: TenantTx, learned: UUID, escalation: UUID, status: LearnedStatus, conversation: UUID) -> None:
    """Tell subscribers. Last in its transaction, like every event."""
    data = {"learned_id": str(learned), "escalation_id": str(escalation), "status": status.value}
    await events.append(tx, EventType.LEARNED, data, conversation)


# Reviewing ----------------------------------------------------------------------------------------


async def approve(tx: TenantTx, entry: Entry, by: UUID | None) -> Staged:
    """Make a locked entry knowledge, by the way that all documents take."""
    staged = await publish(tx, entry)
    await _review(tx, entry.id, LearnedStatus.APPROVED, by, source_id=staged.source_id)
    return staged


async def publish(tx: TenantTx, entry: Entry) -> Staged:
    """Stage a locked entry as it is now; what is staged already is not staged again."""
    name, tags = (SOURCE, None) if entry.tag is None else (f"{SOURCE}: {entry.tag}", [entry.tag])
    return Staged(*await staging.stage(tx, name, tags, [entry.document()]))


async def reject(tx: TenantTx, entry: Entry, by: UUID) -> None:
    await _review(tx, entry.id, LearnedStatus.REJECTED, by)


async def edit(tx: TenantTx, entry: Entry, *, question: str, answer: str) -> Entry:
    """Change a locked entry's words; those of one that is approved must be published after it."""
    changed: dict[str, object] = {"question": question, "answer": answer}
    if question != entry.question:
        changed |= {"space_id": None, "vector": None}
    row = await tx.connection.execute(
        sa.update(learned_answers).where(*_entry(tx, entry.id)).values(**changed).returning(*ENTRY_COLUMNS)
    )
    return Entry(**row.one()._mapping)


async def undo(tx: TenantTx, entry: Entry) -> None:
    """Put a locked entry back into the queue; if it was knowledge, it is none from the end of this transaction on."""
    if entry.status is LearnedStatus.APPROVED and entry.source_id is not None:
        await ingestion.withdraw(tx, entry.source_id, [str(entry.escalation_id)])
    await _review(tx, entry.id, LearnedStatus.PROPOSED, None)


async def _review(tx: TenantTx, learned: UUID, status: LearnedStatus, by: UUID | None, **changed: object) -> None:
    """The source stays when an answer is taken back: its archived versions are erased by it."""
    at = None if status is LearnedStatus.PROPOSED else sa.func.now()
    await tx.connection.execute(
        sa.update(learned_answers)
        .where(*_entry(tx, learned))
        .values(status=status, reviewed_by=by, reviewed_at=at, **changed)
    )


# Erasing ------------------------------------------------------------------------------------------

RELEASE = sa.text(
    """
    WITH heirs AS (
        SELECT DISTINCT ON (f.same_as) f.id, f.same_as
        FROM learned_answers f JOIN learned_answers e ON e.tenant_id = f.tenant_id AND e.id = f.same_as
        WHERE f.tenant_id = :tenant AND e.escalation_id = ANY(:asked) AND f.escalation_id <> ALL(:asked)
        ORDER BY f.same_as, f.id
    )
    UPDATE learned_answers f SET same_as = nullif(h.id, f.id), differs = f.differs AND f.id <> h.id, updated_at = now()
    FROM heirs h
    WHERE f.tenant_id = :tenant AND f.same_as = h.same_as AND f.escalation_id <> ALL(:asked)
    """
).bindparams(sa.bindparam("tenant", type_=sa.Uuid()), sa.bindparam("asked", type_=ARRAY(sa.Uuid())))


async def release(tx: TenantTx, escalations: Sequence[UUID]) -> None:
    """Before what these escalations taught is deleted: what piled up on it comes up for review by itself."""
    await tx.connection.execute(RELEASE, {"tenant": tx.tenant_id, "asked": list(escalations)})


def _entry(tx: TenantTx, learned: UUID) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        learned_answers.c.tenant_id == tx.tenant_id,
        learned_answers.c.id == learned,
        learned_answers.c.same_as.is_(None),
    )


def _compared(tx: TenantTx, language: Language) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        learned_answers.c.tenant_id == tx.tenant_id,
        learned_answers.c.same_as.is_(None),
        learned_answers.c.status.in_([LearnedStatus.PROPOSED, LearnedStatus.APPROVED]),
        learned_answers.c.language == language,
    )
