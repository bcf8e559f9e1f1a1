"""Which origins tenants list in their settings."""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from runtime.database import Database

LISTED = sa.text("SELECT origin_is_listed(:origin, :tenant)").bindparams(
    sa.bindparam("tenant", type_=postgresql.UUID(as_uuid=True))
)


async def is_listed(database: Database, origin: str, tenant: UUID | None) -> bool:
    """Whether `tenant`, or with None any tenant that is not suspended, lets pages of `origin` call."""
    rows = await database.call(LISTED, {"origin": origin, "tenant": tenant})
    return bool(rows[0][0])
