"""What is exported and deleted with a tenant: everything, unless a reason stands beside it."""

import re

import sqlalchemy as sa

from models.repositories.whole_tenant import (
    COLUMNS_NOT_EXPORTED,
    NOT_DELETED,
    NOT_EXPORTED,
    deleted_tables,
    exported_columns,
    exported_tables,
)
from models.tables import metadata

OF_TENANTS = {table.name for table in metadata.sorted_tables if "tenant_id" in table.columns}
SECRET = re.compile(r"hash|secret|sealed|token|password|wrapped|code$|totp")
# Their names say secret; what is in them is none.
HARMLESS = {
    "audit_log.hash": "proves the log",
    "audit_log.prev_hash": "proves the log",
    "channel_accounts.health_code": "a word for what is wrong",
    "channel_deliveries.digest": "tells two deliveries apart",
    "chunks.content_hash": "tells versions apart",
    "conversations.unreachable_code": "a word for what is wrong",
    "desks.health_code": "a word for what is wrong",
    "documents.content_hash": "tells versions apart",
    "documents.file_hash": "tells whether a file has changed",
    "model_calls.completion_tokens": "counts what a model wrote",
    "model_calls.prompt_tokens": "counts what a model read",
    "model_spend.tokens": "counts what models read and wrote",
    "model_spend.tokens_warned_on": "the day of a warning",
}


def test_every_table_of_a_tenant_is_exported_or_left_out_for_a_reason() -> None:
    assert {table.name for table in exported_tables()} | NOT_EXPORTED.keys() == OF_TENANTS | {"tenants"}
    assert NOT_EXPORTED.keys() <= OF_TENANTS
    assert all(NOT_EXPORTED.values())


def test_no_column_that_may_be_a_secret_is_exported() -> None:
    """A new one is named, in COLUMNS_NOT_EXPORTED or above."""
    suspicious = {
        f"{table.name}.{column.name}"
        for table in exported_tables()
        for column in exported_columns(table)
        if isinstance(column.type, sa.LargeBinary) or SECRET.search(column.name)
    }
    assert suspicious == HARMLESS.keys()


def test_what_is_left_out_exists() -> None:
    there = {f"{table.name}.{column.name}" for table in exported_tables() for column in table.columns}
    assert there >= COLUMNS_NOT_EXPORTED.keys()
    assert all(COLUMNS_NOT_EXPORTED.values())


def test_every_table_is_emptied_before_those_it_refers_to() -> None:
    order = [table.name for table in deleted_tables()]
    assert set(order) == OF_TENANTS - NOT_DELETED.keys()
    assert order[0] == "data_keys"
    for table in deleted_tables():
        for key in table.foreign_keys:
            referred = key.column.table.name
            if referred in order and referred != table.name:
                assert order.index(table.name) < order.index(referred), (table.name, referred)
