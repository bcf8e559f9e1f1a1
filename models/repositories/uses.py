"""How often answers of the last while have cited a document."""

import sqlalchemy as sa

from runtime.database import TenantTx

DAYS = 90

USES = """
    SELECT CAST(c ->> 'document_id' AS uuid) AS document_id, count(*) AS uses, max(m.created_at) AS last_used_at
    FROM messages m CROSS JOIN LATERAL jsonb_array_elements(m.citations) c
    WHERE m.tenant_id = :tenant AND m.kind IN ('answer', 'quote')
        AND m.created_at > now() - :days * interval '1 day' AND c ->> 'document_id' IS NOT NULL
    GROUP BY 1
"""


def by_document(tx: TenantTx) -> sa.CTE:
    """`uses` and `last_used_at` by `document_id`. Versions of a document count apart."""
    return (
        sa.text(USES)
        .bindparams(
            sa.bindparam("tenant", tx.tenant_id, type_=sa.Uuid()), sa.bindparam("days", DAYS, type_=sa.Integer())
        )
        .columns(
            sa.column("document_id", sa.Uuid()),
            sa.column("uses", sa.Integer()),
            sa.column("last_used_at", sa.DateTime(timezone=True)),
        )
        .cte("uses")
    )
