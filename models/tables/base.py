"""The metadata that every table shares, and the columns that every tenant's table has."""

from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy import Column, Table
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.schema import SchemaItem

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def instant(name: str, *, nullable: bool = True) -> Column[object]:
    """A moment in time, always with its zone."""
    return Column(name, sa.DateTime(timezone=True), nullable=nullable)


def choice(
    name: str, words: type[StrEnum], *, default: StrEnum | None = None, nullable: bool = False
) -> Column[object]:
    """One word of a closed set, guarded by a check constraint (adding a word is a cheap migration)."""
    kind = sa.Enum(
        words,
        name=name,
        native_enum=False,
        create_constraint=True,
        length=32,
        values_callable=lambda members: [member.value for member in members],
    )
    return Column(name, kind, nullable=nullable, server_default=default.value if default else None)


def stamps() -> tuple[Column[object], Column[object]]:
    return (
        Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        Column(
            "updated_at",
            sa.DateTime(timezone=True),
            nullable=False,
            server_default=sa.func.now(),
            onupdate=sa.func.now(),
        ),
    )


def tenant_id() -> Column[object]:
    """Whose row it is. First in every key, so that no foreign key can reach across tenants."""
    return Column("tenant_id", UUID(as_uuid=True), sa.ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True)


def tenant_table(name: str, *items: SchemaItem) -> Table:
    """A table with key (tenant_id, id) and time stamps. Row-level security is forced on it by migration."""
    return Table(name, metadata, tenant_id(), Column("id", UUID(as_uuid=True), primary_key=True), *stamps(), *items)


def reference(name: str, *, nullable: bool = False) -> Column[object]:
    """The column of a reference within the tenant; pair it with `within_tenant`."""
    return Column(name, UUID(as_uuid=True), nullable=nullable)


def within_tenant(column: str, table: str, *, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    """A foreign key that cannot leave the tenant."""
    return sa.ForeignKeyConstraint(["tenant_id", column], [f"{table}.tenant_id", f"{table}.id"], ondelete=ondelete)
