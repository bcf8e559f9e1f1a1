"""Passages as they are read and quoted: a chunk together with its neighbours where it does not stand for itself.

A neighbour is the chunk before or after it in the same document under the same heading, so what is cited stays right.
"""

import re
from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa

from models.contracts.knowledge import Passage
from models.repositories import knowledge
from models.repositories.knowledge import among
from models.tables import chunks
from runtime.database import TenantTx

SHORT_CHARACTERS = 200
"""A chunk below this is what was left of a longer text: it is read with what stands before it."""

_FINISHED = re.compile(r"""[.!?…][)\]»”"'’]*\s*$""")


async def widened(tx: TenantTx, chunk_ids: Sequence[UUID]) -> list[Passage]:
    """Chunks by id, in the given order, each widened by its neighbours where needed (`joined`).

    A chunk that is asked for itself widens no other: nothing is read twice. Otherwise like `knowledge.passages`.
    """
    found = await knowledge.passages(tx, chunk_ids)
    beside = await _neighbours(tx, [passage.chunk_id for passage in found])
    return [
        passage.model_copy(
            update={"text": joined(beside.get((passage.chunk_id, -1)), passage.text, beside.get((passage.chunk_id, 1)))}
        )
        for passage in found
    ]


def joined(before: str | None, text: str, after: str | None) -> str:
    """`text` with what precedes it where it is short, and with what follows where it breaks off (a list is announced, a
    sentence goes on)."""
    parts = [text]
    if before is not None and len(text) < SHORT_CHARACTERS:
        parts.insert(0, before)
    if after is not None and not _FINISHED.search(text):
        parts.append(after)
    return "\n\n".join(parts)


async def _neighbours(tx: TenantTx, chunk_ids: Sequence[UUID]) -> dict[tuple[UUID, int], str]:
    """Texts of neighbours by chunk and by where they stand: -1 before it, 1 after it."""
    beside = chunks.alias("beside")
    rows = await tx.connection.execute(
        sa.select(chunks.c.id, (beside.c.ordinal - chunks.c.ordinal).label("place"), beside.c.text)
        .join(
            beside,
            sa.and_(
                beside.c.tenant_id == chunks.c.tenant_id,
                beside.c.document_id == chunks.c.document_id,
                beside.c.heading == chunks.c.heading,
                beside.c.ordinal.in_([chunks.c.ordinal - 1, chunks.c.ordinal + 1]),
            ),
        )
        .where(chunks.c.tenant_id == tx.tenant_id, among(chunks.c.id, chunk_ids), ~among(beside.c.id, chunk_ids))
    )
    return {(row.id, row.place): row.text for row in rows}
