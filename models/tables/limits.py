"""How often somebody has come lately: counters that every replica shares and that a crash may forget."""

import sqlalchemy as sa
from sqlalchemy import Column, Table

from models.tables.base import instant, metadata

# UNLOGGED: written at every request, worth nothing after a crash. No tenant's table: the application role reaches it
# through functions only, and `key` is a hash.
rate_limits = Table(
    "rate_limits",
    metadata,
    Column("key", sa.LargeBinary, primary_key=True),
    Column("hits", sa.Integer, nullable=False),
    instant("ends_at", nullable=False),
    prefixes=["UNLOGGED"],
    postgresql_with={"fillfactor": 50},
)
