"""What other documents of the tenant say in the same words, or nearly (see activities/ingestion/likeness.py)."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert

from models.tables import chunk_bands
from runtime.database import TenantTx


@dataclass(frozen=True, slots=True)
class Sharing:
    """A passage that has a band in common with others."""

    band: int
    likeness: str
    heading: str
    text: str


# Versions before and after are no others: they say what this one says for as long as it is there.
OTHERS = """
    JOIN documents d ON d.tenant_id = c.tenant_id AND d.id = c.document_id AND d.archived_at IS NULL
    JOIN documents mine ON mine.tenant_id = c.tenant_id AND mine.id = :document
        AND (mine.source_id, mine.name) <> (d.source_id, d.name)
"""
KNOWN = sa.text(
    f"""
    SELECT DISTINCT c.likeness FROM chunks c {OTHERS}
    WHERE c.tenant_id = :tenant AND c.likeness = ANY(:asked)
    """  # noqa: S608  # a constant
).bindparams(sa.bindparam("asked", type_=ARRAY(sa.Text)))
# One of a band is enough: those that share it are mostly alike themselves.
SHARING = sa.text(
    f"""
    SELECT DISTINCT ON (b.band) b.band, c.likeness, c.heading, c.text
    FROM chunk_bands b JOIN chunks c ON c.tenant_id = b.tenant_id AND c.id = b.chunk_id {OTHERS}
    WHERE b.tenant_id = :tenant AND b.band = ANY(:bands)
    ORDER BY b.band, c.id
    """  # noqa: S608  # a constant
).bindparams(sa.bindparam("bands", type_=ARRAY(sa.BigInteger)))


async def known(tx: TenantTx, document: UUID, asked: Sequence[str]) -> set[str]:
    """Those of the likenesses `asked` that passages of other documents have."""
    rows = await tx.connection.scalars(KNOWN, {"tenant": tx.tenant_id, "document": document, "asked": list(asked)})
    return set(rows.all())


async def sharing(tx: TenantTx, document: UUID, bands: Sequence[int]) -> list[Sharing]:
    """A passage of another document for each of the bands that has one."""
    rows = await tx.connection.execute(SHARING, {"tenant": tx.tenant_id, "document": document, "bands": list(bands)})
    return [Sharing(**row._mapping) for row in rows]


async def put_bands(tx: TenantTx, bands: Sequence[tuple[UUID, int]]) -> None:
    """Store the bands of chunks, by chunk id."""
    if bands:
        await tx.connection.execute(
            insert(chunk_bands).on_conflict_do_nothing(),
            [{"tenant_id": tx.tenant_id, "chunk_id": chunk, "band": band} for chunk, band in bands],
        )
