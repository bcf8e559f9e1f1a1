"""Files beside messages: told of, fetched into the media store or not wanted there, and shown with their message."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.contracts.channels import Attachment, FileState, MediaKind
from models.contracts.enums import Direction, EventType, Language, MessageStatus
from models.repositories import events, media_garbage
from models.tables import attachments, conversations, messages, tenants
from runtime.database import TenantTx
from runtime.ids import new_id
from runtime.media.content import shown_name

TOGETHER = 2_000
TRANSCRIBED = """'{"transcribed": true}'::jsonb"""


@dataclass(frozen=True, slots=True)
class File:
    """A file as people see it. `key` is where it lies in the media store, once it does; `reason` a word for why it never
    will; `size` in bytes."""

    id: UUID
    kind: MediaKind
    state: FileState
    name: str | None
    mime: str | None
    size: int | None
    seconds: float | None
    reason: str | None
    key: str | None


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file that lies in the media store, written under a reserved key (see media_garbage)."""

    key: str
    mime: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A file that is to be fetched now. `attempts` counts this one, `size` is what its provider tells; `language` is the
    conversation's. `from_customer`: beside what a customer said; managers write in channels too."""

    id: UUID
    message_id: UUID
    conversation_id: UUID
    kind: MediaKind
    ref: str
    size: int | None
    seconds: float | None
    attempts: int
    language: Language | None
    from_customer: bool


# Claimed by one at a time, and counted before it is tried: a file that kills whoever fetches it is given up like others.
CLAIM = (
    sa.text(
        """
        WITH due AS MATERIALIZED (
            SELECT f.id, c.language, m.direction = 'inbound' AS from_customer FROM attachments f
            JOIN conversations c ON c.tenant_id = f.tenant_id AND c.id = f.conversation_id
            JOIN messages m ON m.tenant_id = f.tenant_id AND m.id = f.message_id
            WHERE f.tenant_id = :tenant AND f.channel_account_id = :account AND f.state = 'waiting'
                AND (f.due_at IS NULL OR f.due_at <= now())
            ORDER BY f.id LIMIT 1 FOR UPDATE OF f SKIP LOCKED
        )
        UPDATE attachments a SET attempts = a.attempts + 1, due_at = now() + :lease, updated_at = now()
        FROM due WHERE a.tenant_id = :tenant AND a.id = due.id
        RETURNING a.id, a.message_id, a.conversation_id, a.kind, a.ref, a.size, a.seconds, a.attempts, due.language,
            due.from_customer
        """
    )
    .bindparams(
        sa.bindparam("tenant", type_=sa.Uuid()),
        sa.bindparam("account", type_=sa.Uuid()),
        sa.bindparam("lease", type_=sa.Interval()),
    )
    .columns(kind=attachments.c.kind.type, language=conversations.c.language.type)
)

# A column of a message: its files, in order, as `files_of` reads them.
FILES: sa.Label[Any] = sa.literal_column(
    """(
    SELECT jsonb_agg(jsonb_build_object('id', f.id, 'kind', f.kind, 'state', f.state, 'name', f.name, 'mime', f.mime,
        'size', f.size, 'seconds', f.seconds, 'reason', f.reason, 'key', f.key) ORDER BY f.position)
    FROM attachments f WHERE f.tenant_id = messages.tenant_id AND f.message_id = messages.id
    )"""
).label("files")


def files_of(column: list[dict[str, Any]] | None) -> tuple[File, ...]:
    """What FILES gives, as files."""
    return tuple(
        File(**each | {"id": UUID(each["id"]), "kind": MediaKind(each["kind"]), "state": FileState(each["state"])})
        for each in column or ()
    )


async def add(tx: TenantTx, conversation: UUID, message: UUID, account: UUID, given: Sequence[Attachment]) -> None:
    """Files that a provider tells of, to be fetched: wake the account's lane `media` when this is committed."""
    if not given:
        return
    await tx.connection.execute(
        sa.insert(attachments),
        [
            {
                "tenant_id": tx.tenant_id,
                "id": new_id(),
                "conversation_id": conversation,
                "message_id": message,
                "channel_account_id": account,
                "position": position,
                **each.model_dump(),
                "name": None if each.name is None else shown_name(each.name),
            }
            for position, each in enumerate(given)
        ],
    )


async def claim(tx: TenantTx, account: UUID, *, lease: timedelta) -> Waiting | None:
    """The account's next file that is due. Nobody else gets it before the lease is over."""
    row = (
        await tx.connection.execute(CLAIM, {"tenant": tx.tenant_id, "account": account, "lease": lease})
    ).one_or_none()
    return None if row is None else Waiting(**row._mapping)


async def next_due(tx: TenantTx, account: UUID) -> datetime | None:
    """When the account's next file is to be fetched; None: none waits."""
    found: datetime | None = await tx.connection.scalar(
        sa.select(sa.func.min(sa.func.coalesce(attachments.c.due_at, sa.func.now()))).where(
            attachments.c.tenant_id == tx.tenant_id,
            attachments.c.channel_account_id == account,
            attachments.c.state == FileState.WAITING,
        )
    )
    return found


async def keep(tx: TenantTx, attachment: UUID, new: NewFile) -> bool:
    """The file was fetched. False when it is not wanted any more: it was erased, or another attempt was quicker."""
    values = {"state": FileState.STORED, "key": new.key, "mime": new.mime, "size": new.size, "sha256": new.sha256}
    settled = await _settle(tx, attachment, values)
    if settled is None:
        await media_garbage.discard(tx, new.key)
        return False
    await media_garbage.take_out(tx, new.key)
    await events.append(tx, EventType.ATTACHMENT, *settled)
    return True


async def refuse(tx: TenantTx, attachment: UUID, reason: str) -> bool:
    """The file will not be fetched; `reason` is a word. False when it does not wait (any more)."""
    settled = await _settle(tx, attachment, {"state": FileState.REFUSED, "reason": reason})
    if settled is None:
        return False
    await events.append(tx, EventType.ATTACHMENT, *settled)
    return True


async def postpone(tx: TenantTx, attachment: UUID, until: datetime, *, counted: bool) -> None:
    """Fetch it later. An attempt that failed for a reason of our own is not `counted`."""
    await tx.connection.execute(
        sa.update(attachments)
        .where(*_waiting(tx, attachment))
        .values(due_at=until, attempts=attachments.c.attempts - (0 if counted else 1))
    )


async def hear(tx: TenantTx, message: UUID, text: str) -> None:
    """A customer's voice message: its words become its text, unless it has one."""
    heard = sa.func.coalesce(messages.c.extras, sa.text("'{}'::jsonb")).op("||")(sa.text(TRANSCRIBED))
    await tx.connection.execute(
        sa.update(messages)
        .where(
            messages.c.tenant_id == tx.tenant_id,
            messages.c.id == message,
            messages.c.text == "",
            messages.c.direction == Direction.INBOUND,
        )
        .values(text=text, extras=heard)
    )


async def awaits_turn(tx: TenantTx, message: UUID) -> bool:
    """Whether no turn has handled the customer's message yet."""
    status = await tx.connection.scalar(
        sa.select(messages.c.status).where(messages.c.tenant_id == tx.tenant_id, messages.c.id == message)
    )
    return status is MessageStatus.STORED


async def held(tx: TenantTx) -> int:
    """Bytes that the tenant has in the media store."""
    found = await tx.connection.scalar(
        sa.select(sa.func.sum(attachments.c.size)).where(
            attachments.c.tenant_id == tx.tenant_id, attachments.c.state == FileState.STORED
        )
    )
    return int(found or 0)


async def upload(tx: TenantTx, conversation: UUID, kind: MediaKind, name: str, new: NewFile) -> UUID | None:
    """A file that is to be sent with a message of this conversation; its id. None when there is no such conversation."""
    account = await _account(tx, conversation)
    if account is None:
        return None
    await media_garbage.take_out(tx, new.key)
    file = new_id()
    await tx.connection.execute(
        sa.insert(attachments).values(
            tenant_id=tx.tenant_id,
            id=file,
            conversation_id=conversation,
            channel_account_id=account,
            position=0,
            kind=kind,
            state=FileState.STORED,
            name=name,
            key=new.key,
            mime=new.mime,
            size=new.size,
            sha256=new.sha256,
        )
    )
    return file


async def attach(tx: TenantTx, conversation: UUID, message: UUID, uploaded: Sequence[UUID]) -> None:
    """Send uploaded files with a message, in this order. Raises LookupError with the id of one that is not there, or
    was sent already."""
    for position, attachment in enumerate(uploaded):
        done = await tx.connection.execute(
            sa.update(attachments)
            .where(
                attachments.c.tenant_id == tx.tenant_id,
                attachments.c.id == attachment,
                attachments.c.conversation_id == conversation,
                attachments.c.message_id.is_(None),
            )
            .values(message_id=message, position=position)
        )
        if not done.rowcount:
            raise LookupError(str(attachment))


async def detach(tx: TenantTx, draft: UUID) -> None:
    """The draft will not be sent; its files can be with another message, those that still wait excepted. Files of what
    was sent stay with it."""
    unsent = sa.select(messages.c.id).where(
        messages.c.tenant_id == tx.tenant_id, messages.c.id == draft, messages.c.status == MessageStatus.DRAFT
    )
    await tx.connection.execute(
        sa.update(attachments)
        .where(
            attachments.c.tenant_id == tx.tenant_id,
            attachments.c.message_id.in_(unsent),
            attachments.c.state == FileState.STORED,
        )
        .values(message_id=None, position=0)
    )


async def of_message(tx: TenantTx, message: UUID) -> tuple[File, ...]:
    """A message's files, in order."""
    column = await tx.connection.scalar(
        sa.select(FILES).where(messages.c.tenant_id == tx.tenant_id, messages.c.id == message)
    )
    return files_of(column)


async def under(tx: TenantTx, key: str) -> File | None:
    """The file that lies under this key. None: there is none (any more), or its tenant is suspended."""
    row = (
        await tx.connection.execute(
            sa.select(*(attachments.c[name] for name in File.__dataclass_fields__))
            .join(tenants, tenants.c.id == attachments.c.tenant_id)
            .where(
                attachments.c.tenant_id == tx.tenant_id,
                attachments.c.key == key,
                ~tenants.c.suspended,
            )
        )
    ).one_or_none()
    return None if row is None else File(**row._mapping)


async def forget_unsent(tx: TenantTx, before: datetime) -> int:
    """Forget files that were uploaded before then and never sent, some at a time; how many there were."""
    oldest = (
        sa.select(attachments.c.id)
        .where(
            attachments.c.tenant_id == tx.tenant_id,
            attachments.c.message_id.is_(None),
            attachments.c.created_at < before,
        )
        .limit(TOGETHER)
    )
    done = await tx.connection.execute(
        sa.delete(attachments).where(attachments.c.tenant_id == tx.tenant_id, attachments.c.id.in_(oldest))
    )
    return done.rowcount


async def _account(tx: TenantTx, conversation: UUID) -> UUID | None:
    account: UUID | None = await tx.connection.scalar(
        sa.select(conversations.c.channel_account_id).where(
            conversations.c.tenant_id == tx.tenant_id, conversations.c.id == conversation
        )
    )
    return account


async def _settle(tx: TenantTx, attachment: UUID, values: dict[str, object]) -> tuple[dict[str, str], UUID] | None:
    """Say what became of a file that waits; what subscribers are told, and in which conversation. None when it does not
    wait (any more). What its provider called it is forgotten: it may be the file itself (a `data:` address)."""
    row = (
        await tx.connection.execute(
            sa.update(attachments)
            .where(*_waiting(tx, attachment))
            .values(**values, due_at=None, ref=None)
            .returning(
                attachments.c.conversation_id, attachments.c.message_id, attachments.c.state, attachments.c.reason
            )
        )
    ).one_or_none()
    if row is None:
        return None
    told = {"attachment_id": str(attachment), "message_id": str(row.message_id), "state": row.state.value}
    return told | ({} if row.reason is None else {"reason": row.reason}), row.conversation_id


def _waiting(tx: TenantTx, attachment: UUID) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        attachments.c.tenant_id == tx.tenant_id,
        attachments.c.id == attachment,
        attachments.c.state == FileState.WAITING,
    )
