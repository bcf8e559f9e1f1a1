"""What belongs to a tenant, by the metadata: a table that is new tomorrow is exported and deleted without being named here."""

from collections.abc import Mapping

from sqlalchemy import Column, Table

from models.tables import metadata

NOT_DELETED: Mapping[str, str] = {
    "media_garbage": "files that are still to be deleted",
    "tenant_deletions": "tells that the tenant was deleted",
}
"""Tables with a tenant's id that stay when the tenant is gone, and why."""

NOT_EXPORTED: Mapping[str, str] = {
    "audit_heads": "only the last entry of audit_log, kept against tampering",
    "chunk_bands": "numbers computed from chunks, to find those that are alike",
    "credentials": "hashes of passwords",
    "data_keys": "encryption keys",
    "embeddings": "numbers computed from chunks, by a model",
    "idempotency_keys": "copies of responses, kept for a day",
    "media_garbage": "files that are still to be deleted",
    "one_time_tokens": "tokens of mails on their way",
    "previews": "answers that are being written this second",
    "recovery_codes": "proofs of people's second factors",
    "second_factors": "secrets of people's second factors",
    "sessions": "proofs of being signed in",
    "tenant_deletions": "only there when the tenant is being deleted",
    "tenant_export_parts": "the export itself",
    "tenant_exports": "the export itself",
    "tenant_spaces": "where in here its vectors are",
    "vocabulary": "the words of chunks once more, as an index",
}
"""Tables that an export leaves out, and why."""

COLUMNS_NOT_EXPORTED: Mapping[str, str] = {
    "api_keys.hash": "proof of a key",
    "api_keys.previous_hash": "proof of a key",
    "channel_credentials.sealed": "what a provider gave",
    "channel_secrets.sealed": "what providers and we sign with",
    "chunks.words": "the text once more, as an index",
    "desk_people.link_hash": "proof of a code",
    "desks.link_hash": "proof of a code",
    "gap_questions.vector": "numbers computed from a message, by a model",
    "identity_codes.hash": "proof of a code",
    "identity_codes.sealed_key": "encryption key of a code",
    "ingest_files.content": "a file that waits to be read; what it says is exported once it is",
    "learned_answers.vector": "numbers computed from the question, by a model",
    "tenant_secrets.sealed": "what was given to be kept secret",
}
"""Columns that an export leaves out, and why. What proves the audit log (its hashes) is exported."""


def tables() -> list[Table]:
    """Every table of a tenant, referenced ones first."""
    return [table for table in metadata.sorted_tables if table.name == "tenants" or "tenant_id" in table.columns]


def exported_tables() -> list[Table]:
    return [table for table in tables() if table.name not in NOT_EXPORTED]


def exported_columns(table: Table) -> list[Column[object]]:
    return [column for column in table.columns if f"{table.name}.{column.name}" not in COLUMNS_NOT_EXPORTED]


def deleted_tables() -> list[Table]:
    """In the order in which they can be emptied: no row goes before those that refer to it.

    Keys are first, since nothing refers to them: what they have encrypted is unreadable from then on. The tenant's
    own row is not among them; it goes last.
    """
    found = [table for table in reversed(tables()) if table.name not in NOT_DELETED and table.name != "tenants"]
    return sorted(found, key=lambda table: table.name != "data_keys")
