"""What a provider's customers say and do, as records: each chat is one conversation, each message is stored once."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from models.contracts.channels import Chat, ChatKind, MessageArrived, MessageDeleted, MessageEdited, Person
from models.contracts.enums import Author, ChannelKind, Direction, EventType, SendStatus
from models.repositories import attachments, desks, events, intake, sends
from models.repositories.intake import Accepted
from models.tables import conversations, customers, messages, send_ledger
from runtime.database import TenantTx
from runtime.ids import new_id

LOOKED_THROUGH = 20
"""Conversations: the last message to an account is in one of those that were written in last, by whomever."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The account that something arrived at."""

    account: UUID
    kind: ChannelKind


@dataclass(frozen=True, slots=True)
class Heard:
    """A customer's message to an account."""

    conversation_id: UUID
    message_id: UUID
    at: datetime


async def last_heard(tx: TenantTx, account: UUID) -> Heard | None:
    """The last message to an account; None: nobody has written to it yet."""
    recent = (
        sa.select(conversations.c.id)
        .where(conversations.c.tenant_id == tx.tenant_id, conversations.c.channel_account_id == account)
        .order_by(conversations.c.last_message_at.desc().nulls_last())
        .limit(LOOKED_THROUGH)
        .subquery()
    )
    latest = (
        sa.select(messages.c.id, messages.c.created_at)
        .where(
            messages.c.tenant_id == tx.tenant_id,
            messages.c.conversation_id == recent.c.id,
            messages.c.direction == Direction.INBOUND,
        )
        .order_by(messages.c.seq.desc())
        .limit(1)
        .lateral()
    )
    row = (
        await tx.connection.execute(
            sa.select(recent.c.id, latest.c.id, latest.c.created_at)
            .join_from(recent, latest, sa.true())
            .order_by(latest.c.created_at.desc())
            .limit(1)
        )
    ).one_or_none()
    return None if row is None else Heard(*row)


async def conversation_of(tx: TenantTx, owner: Owner, chat: Chat, sender: Person) -> UUID:
    """The chat's conversation; opened when somebody writes there for the first time, however many do so at once.

    A person is one customer at all accounts of a channel. A group is a customer of its own.
    """
    mine = (
        conversations.c.tenant_id == tx.tenant_id,
        conversations.c.channel_account_id == owner.account,
        conversations.c.chat_id == chat.id,
    )
    found: UUID | None = await tx.connection.scalar(sa.select(conversations.c.id).where(*mine))
    if found is not None:
        return found
    customer = await _customer(tx, owner, chat, sender)
    await tx.connection.execute(
        insert(conversations)
        .values(
            tenant_id=tx.tenant_id,
            id=new_id(),
            channel_account_id=owner.account,
            customer_id=customer,
            chat_id=chat.id,
            chat_kind=chat.kind,
        )
        .on_conflict_do_nothing()
    )
    opened: UUID | None = await tx.connection.scalar(sa.select(conversations.c.id).where(*mine))
    assert opened is not None, "a conversation that conflicts exists"
    return opened


async def _customer(tx: TenantTx, owner: Owner, chat: Chat, sender: Person) -> UUID:
    group = chat.kind is ChatKind.GROUP
    statement = insert(customers).values(
        tenant_id=tx.tenant_id,
        id=new_id(),
        external_id=f"{owner.kind.value}:{chat.id if group else sender.id}",
        name=None if group else sender.name,
    )
    # A no-op update returns the id of the row that is already there; a name that staff has corrected is kept.
    statement = statement.on_conflict_do_update(
        index_elements=[customers.c.tenant_id, customers.c.external_id],
        set_={"name": sa.func.coalesce(customers.c.name, statement.excluded.name)},
    )
    found: UUID | None = await tx.connection.scalar(statement.returning(customers.c.id))
    assert found is not None, "an upsert returns a row"
    return found


async def store(tx: TenantTx, owner: Owner, message: MessageArrived, *, text: str) -> Accepted:
    """Store a message with its files, once; what waited for the customer to write may go from now on."""
    conversation = await conversation_of(tx, owner, message.chat, message.sender)
    accepted = await intake.accept(tx, conversation, text, message.id)
    if accepted is None:
        # Erased in between: it is opened anew.
        raise LookupError("the conversation was erased")
    if accepted.new:
        await _release(tx, owner, conversation)
        if extras := _extras(message):
            await tx.connection.execute(
                sa.update(messages)
                .where(messages.c.tenant_id == tx.tenant_id, messages.c.id == accepted.message_id)
                .values(extras=extras)
            )
        await attachments.add(tx, conversation, accepted.message_id, owner.account, message.attachments)
    return accepted


def _extras(message: MessageArrived) -> dict[str, object]:
    told = {"place", "contact", "album", "reply_to", "unsupported", "thread", "subject"}
    shown = message.model_dump(mode="json", include=told)
    return {name: value for name, value in shown.items() if value not in (None, [])}


async def _release(tx: TenantTx, owner: Owner, conversation: UUID) -> None:
    await tx.connection.execute(
        sa.update(send_ledger)
        .where(
            send_ledger.c.tenant_id == tx.tenant_id,
            send_ledger.c.channel_account_id == owner.account,
            send_ledger.c.conversation_id == conversation,
            send_ledger.c.status == SendStatus.QUEUED,
            sa.or_(send_ledger.c.due_at == sends.HELD, send_ledger.c.error == sends.WINDOW_CLOSED),
        )
        .values(due_at=None, error=None)
    )
    await set_reachable(tx, conversation, code=None)


async def edited(tx: TenantTx, owner: Owner, edit: MessageEdited) -> None:
    """The customer changed what they had written."""
    await _change(tx, owner, edit.chat, edit.id, {"text": edit.text, "edited_at": sa.func.now()})


async def deleted(tx: TenantTx, owner: Owner, deletion: MessageDeleted) -> None:
    """The customer took back what they had written. The words stay: somebody may have acted on them."""
    await _change(tx, owner, deletion.chat, deletion.id, {"deleted_at": sa.func.now()})


async def _change(tx: TenantTx, owner: Owner, chat: Chat, name: str, values: dict[str, object]) -> None:
    changed = (
        await tx.connection.execute(
            sa.update(messages)
            .where(
                messages.c.tenant_id == tx.tenant_id,
                messages.c.provider_message_id == name,
                messages.c.author == Author.CUSTOMER,
                messages.c.conversation_id.in_(_conversations(tx, owner, chat.id)),
            )
            .values(values)
            .returning(messages.c.id, messages.c.conversation_id)
        )
    ).one_or_none()
    if changed is not None:
        said = {"message_id": str(changed.id), "author": Author.CUSTOMER.value, "changed": True}
        await events.append_all(tx, [(EventType.MESSAGE, said)], changed.conversation_id)


async def moved(tx: TenantTx, owner: Owner, chat: str, to: str) -> None:
    """The chat goes on under another name, be it a conversation's or a desk's. Where that has a conversation already, both
    stay as they are."""
    await desks.moved(tx, owner.account, chat, to)
    taken = _conversations(tx, owner, to)
    await tx.connection.execute(
        sa.update(conversations)
        .where(conversations.c.id.in_(_conversations(tx, owner, chat)), conversations.c.tenant_id == tx.tenant_id)
        .where(~sa.exists(taken))
        .values(chat_id=to)
    )


async def reach_changed(tx: TenantTx, owner: Owner, chat: Chat, *, code: str | None) -> None:
    """Nobody can be written to in the chat, and `code` says why; None: they can, again."""
    found: UUID | None = await tx.connection.scalar(_conversations(tx, owner, chat.id))
    if found is not None:
        await set_reachable(tx, found, code=code)


async def set_reachable(tx: TenantTx, conversation: UUID, *, code: str | None) -> None:
    await tx.connection.execute(
        sa.update(conversations)
        .where(
            conversations.c.tenant_id == tx.tenant_id,
            conversations.c.id == conversation,
            conversations.c.unreachable_code.is_distinct_from(code),
        )
        .values(unreachable_at=None if code is None else sa.func.now(), unreachable_code=code)
    )


def _conversations(tx: TenantTx, owner: Owner, chat: str) -> sa.Select[Any]:
    return sa.select(conversations.c.id).where(
        conversations.c.tenant_id == tx.tenant_id,
        conversations.c.channel_account_id == owner.account,
        conversations.c.chat_id == chat,
    )
