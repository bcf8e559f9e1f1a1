"""The audit log on the wire. What is exported can be verified by whoever has it: see the guide."""

import csv
import io
import json
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import Field

from api.schemas.base import Moment, PageQuery, Request, Response
from models.contracts.audit import ActorKind, AuditAction
from models.repositories.audit import Entry

# Spreadsheets take a cell that begins so for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class AuditQuery(PageQuery):
    cursor: int | None = Field(None, ge=1, lt=2**63, description="`next` of the page before.")
    action: AuditAction | None = None
    actor_id: UUID | None = Field(None, description="A member, a key or a customer.")
    target_id: UUID | None = None
    since: Moment | None = Field(None, description="With a time zone.")
    until: Moment | None = Field(None, description="Exclusive, with a time zone.")


class AuditActor(Response):
    kind: ActorKind
    id: UUID | None = Field(description="The member, key or customer.")


class AuditEntry(Response):
    """Who did what to what, from where."""

    tenant_id: UUID
    seq: int = Field(description="Counts the tenant's entries, without a gap.")
    at: datetime = Field(description="To the microsecond: the hash is over all six digits.")
    actor: AuditActor
    ip: str | None
    user_agent: str | None
    action: str
    target_id: UUID | None
    details: dict[str, Any] = Field(description="Ids, names of fields, counts and states.")
    prev_hash: str = Field(description="The hash of the entry before, in hex.")
    hash: str

    @classmethod
    def of(cls, entry: Entry) -> "AuditEntry":
        return cls.model_validate(entry.exported())


class AuditFormat(StrEnum):
    NDJSON = "ndjson"
    CSV = "csv"


class ExportQuery(Request):
    format: AuditFormat = Field(AuditFormat.NDJSON, description="Only NDJSON can be verified.")


class Verification(Response):
    """Whether the log is as it was written."""

    intact: bool
    entries: int
    problem: str | None = Field(description="The first thing that does not hold.")
    head: str = Field(description="The last hash, in hex: keep it elsewhere, and nobody can rewrite what is before it.")


CSV_HEADER = ("seq", "at", "actor_kind", "actor_id", "ip", "user_agent", "action", "target_id", "details", "hash")


def csv_row(values: tuple[object, ...]) -> str:
    """One line of CSV that a spreadsheet shows and does not calculate."""
    line = io.StringIO()
    csv.writer(line).writerow([_cell(value) for value in values])
    return line.getvalue()


def ndjson_of(entry: Entry) -> str:
    return json.dumps(entry.exported(), ensure_ascii=False) + "\n"


def csv_of(entry: Entry) -> str:
    exported = entry.exported()
    exported |= {"actor_kind": exported["actor"]["kind"], "actor_id": exported["actor"]["id"]}
    return csv_row(tuple(exported[name] for name in CSV_HEADER))


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text
