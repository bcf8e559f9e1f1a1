"""The words of a source's chunks, kept to find those like a mistyped or inflected one (see migrations 0014).

Words of letters only: numbers, addresses and codes are looked up whole.
"""

from uuid import UUID

import sqlalchemy as sa

from models.tables import vocabulary
from runtime.database import TenantTx

# In order, so that two uploads at a time never wait for each other crosswise.
ADD = """
    INSERT INTO vocabulary (tenant_id, word, source_id)
    SELECT DISTINCT c.tenant_id, t.lexeme, d.source_id
    FROM documents d JOIN chunks c ON c.tenant_id = d.tenant_id AND c.document_id = d.id,
        unnest(to_tsvector('simple', c.heading || ' ' || c.text)) t
    WHERE d.tenant_id = :tenant AND {which} AND t.lexeme ~ '^[[:alpha:]]{{4,32}}$'
    ORDER BY 2 ON CONFLICT DO NOTHING
"""
ADD_DOCUMENT = sa.text(ADD.format(which="d.id = :document"))
ADD_SOURCE = sa.text(ADD.format(which="d.source_id = :source"))


async def add(tx: TenantTx, document: UUID) -> None:
    """Keep the words of a document's chunks."""
    await tx.connection.execute(ADD_DOCUMENT, {"tenant": tx.tenant_id, "document": document})


async def renew(tx: TenantTx, source: UUID) -> None:
    """Forget the words that only chunks had which are gone."""
    await tx.connection.execute(
        sa.delete(vocabulary).where(vocabulary.c.tenant_id == tx.tenant_id, vocabulary.c.source_id == source)
    )
    await tx.connection.execute(ADD_SOURCE, {"tenant": tx.tenant_id, "source": source})
