"""The audit log: who did what to what, from where. Written in the transaction that makes it true."""

import getpass
import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.contracts.audit import ActorKind, AuditAction
from models.tables import audit_heads, audit_log
from runtime.database import TenantTx

BEGINNING = hashlib.sha256(b"").digest()
"""What the first entry of every tenant is chained to."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acted, and from where. `id`: the member, key or customer; None for the others."""

    kind: ActorKind
    id: UUID | None = None
    ip: str | None = None
    user_agent: str | None = None


SYSTEM = Actor(ActorKind.SYSTEM)
OPERATOR = Actor(ActorKind.OPERATOR)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, with what chains it to the one before. `details`: ids, names of fields, counts and states."""

    tenant_id: UUID
    seq: int
    at: datetime
    actor: Actor
    action: str
    target_id: UUID | None
    details: dict[str, Any]
    prev_hash: bytes
    hash: bytes

    def expected_hash(self) -> bytes:
        """The hash that these contents have, computed here and not by the database.

        SHA-256 over the hash before and a JSON array, printed as Postgres prints jsonb: `, ` and `: ` between
        items, keys by length and then by bytes.
        """
        fields = [
            str(self.tenant_id),
            self.seq,
            _to_the_microsecond(self.at),
            self.actor.kind.value,
            None if self.actor.id is None else str(self.actor.id),
            self.actor.ip,
            self.actor.user_agent,
            self.action,
            None if self.target_id is None else str(self.target_id),
            dict(sorted(self.details.items(), key=lambda item: (len(item[0].encode()), item[0].encode()))),
        ]
        return hashlib.sha256(self.prev_hash + json.dumps(fields, ensure_ascii=False).encode()).digest()

    def exported(self) -> dict[str, Any]:
        """The entry as JSON that leaves the system: all that its hash is over, and the hash."""
        return {
            "tenant_id": str(self.tenant_id),
            "seq": self.seq,
            "at": _to_the_microsecond(self.at),
            "actor": {"kind": self.actor.kind.value, "id": self.actor.id and str(self.actor.id)},
            "ip": self.actor.ip,
            "user_agent": self.actor.user_agent,
            "action": self.action,
            "target_id": self.target_id and str(self.target_id),
            "details": self.details,
            "prev_hash": self.prev_hash.hex(),
            "hash": self.hash.hex(),
        }

    @classmethod
    def imported(cls, found: dict[str, Any]) -> "Entry":
        """An entry from its exported form. Raises ValueError, KeyError or TypeError when it is none."""
        who = found["actor"]
        return cls(
            tenant_id=UUID(found["tenant_id"]),
            seq=int(found["seq"]),
            at=datetime.fromisoformat(found["at"]),
            actor=Actor(ActorKind(who["kind"]), who["id"] and UUID(who["id"]), found["ip"], found["user_agent"]),
            action=found["action"],
            target_id=found["target_id"] and UUID(found["target_id"]),
            details=found["details"],
            prev_hash=bytes.fromhex(found["prev_hash"]),
            hash=bytes.fromhex(found["hash"]),
        )


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry that was written: its number (0: none) and hash."""

    seq: int
    hash: bytes


async def record(
    tx: TenantTx, by: Actor, action: AuditAction, target: UUID | None = None, **details: str | int | bool | None
) -> None:
    """Append an entry. `details` are ids, names of fields, counts and states: never a text, secret or token.

    Do it late in a transaction: it holds the tenant's chain until commit. An operator's entries name the account of
    the operating system.
    """
    if by.kind is ActorKind.OPERATOR:
        details["os_user"] = _os_user()
    await tx.connection.execute(
        sa.insert(audit_log).values(
            tenant_id=tx.tenant_id,
            # The trigger gives the number, the time and the hashes; the columns only must not be null.
            seq=0,
            at=sa.func.now(),
            prev_hash=b"",
            hash=b"",
            actor_kind=by.kind,
            actor_id=by.id,
            ip=by.ip,
            user_agent=None if by.user_agent is None else by.user_agent[:300],
            action=action.value,
            target_id=target,
            details=details,
        )
    )


async def page(
    tx: TenantTx,
    *,
    action: AuditAction | None = None,
    actor: UUID | None = None,
    target: UUID | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[Entry]:
    """Entries, the newest first; `before` is the last number of the page before, `until` is exclusive."""
    query = _entries(tx)
    for column, value in ((audit_log.c.action, action), (audit_log.c.actor_id, actor), (audit_log.c.target_id, target)):
        if value is not None:
            query = query.where(column == value)
    if since is not None:
        query = query.where(audit_log.c.at >= since)
    if until is not None:
        query = query.where(audit_log.c.at < until)
    if before is not None:
        query = query.where(audit_log.c.seq < before)
    rows = await tx.connection.execute(query.order_by(audit_log.c.seq.desc()).limit(limit))
    return [_entry(row) for row in rows]


async def after(tx: TenantTx, seq: int, *, limit: int) -> list[Entry]:
    """Entries numbered above `seq`, the oldest first: how the log is exported and verified, a batch at a time."""
    query = _entries(tx).where(audit_log.c.seq > seq)
    rows = await tx.connection.execute(query.order_by(audit_log.c.seq).limit(limit))
    return [_entry(row) for row in rows]


async def head(tx: TenantTx) -> Head:
    row = (
        await tx.connection.execute(
            sa.select(audit_heads.c.seq, audit_heads.c.hash).where(audit_heads.c.tenant_id == tx.tenant_id)
        )
    ).one_or_none()
    return Head(0, BEGINNING) if row is None else Head(row.seq, row.hash)


class Chain:
    """Follows a log from its first entry. `problem` says what does not hold first; None while everything does."""

    def __init__(self) -> None:
        self.last = Head(0, BEGINNING)
        self.problem: str | None = None

    def follow(self, entries: Iterable[Entry]) -> None:
        """Look at the next entries."""
        for entry in entries:
            if self.problem is None:
                self.problem = self._broken_by(entry)
                self.last = Head(entry.seq, entry.hash)

    def end(self, head: Head) -> None:
        """That was all, and `head` is what was written last."""
        if self.problem is None and self.last != head:
            self.problem = f"entries {self.last.seq + 1} to {head.seq} are missing"

    def _broken_by(self, entry: Entry) -> str | None:
        if entry.seq != self.last.seq + 1:
            return f"entry {self.last.seq + 1} is missing"
        if entry.prev_hash != self.last.hash:
            return f"entry {entry.seq} does not follow entry {self.last.seq}"
        return None if entry.hash == entry.expected_hash() else f"entry {entry.seq} was changed"


def _entries(tx: TenantTx) -> "sa.Select[tuple[object, ...]]":
    # The hash is over the address as Postgres prints it; Python prints some otherwise (::ffff:10.0.0.1).
    columns = [sa.func.host(column).label("ip") if column is audit_log.c.ip else column for column in audit_log.c]
    return sa.select(*columns).where(audit_log.c.tenant_id == tx.tenant_id)


def _entry(row: sa.Row[Any]) -> Entry:
    return Entry(
        tenant_id=row.tenant_id,
        seq=row.seq,
        at=row.at,
        actor=Actor(ActorKind(row.actor_kind), row.actor_id, row.ip, row.user_agent),
        action=row.action,
        target_id=row.target_id,
        details=row.details,
        prev_hash=row.prev_hash,
        hash=row.hash,
    )


def _os_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # In a container that has a number for its user, and no name.
        return str(os.getuid())


def _to_the_microsecond(at: datetime) -> str:
    """With all six digits: the hash is over them."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
