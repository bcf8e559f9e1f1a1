"""Conversations: opened once per customer and account, read back to start their process."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from models.contracts.enums import ChannelKind, ConversationState, Language
from models.repositories.identity_codes import VERIFIED
from models.tables import channel_accounts, conversations, customers
from runtime.database import TenantTx
from runtime.ids import new_id


@dataclass(frozen=True, slots=True)
class Conversation:
    id: UUID
    channel: ChannelKind
    customer_id: UUID
    customer_name: str | None
    customer_external_id: str | None
    state: ConversationState
    language: Language | None
    version: int
    muted_until: datetime | None
    created_at: datetime
    last_message_at: datetime | None
    closed_at: datetime | None
    customer_verified: bool
    unreachable_code: str | None


CONVERSATION_COLUMNS = (
    conversations.c.id,
    channel_accounts.c.kind.label("channel"),
    conversations.c.customer_id,
    customers.c.name.label("customer_name"),
    customers.c.external_id.label("customer_external_id"),
    conversations.c.state,
    conversations.c.language,
    conversations.c.version,
    conversations.c.muted_until,
    conversations.c.created_at,
    conversations.c.last_message_at,
    conversations.c.closed_at,
    VERIFIED.label("customer_verified"),
    conversations.c.unreachable_code,
)

WITH_PARTIES = conversations.join(
    channel_accounts,
    sa.and_(
        channel_accounts.c.tenant_id == conversations.c.tenant_id,
        channel_accounts.c.id == conversations.c.channel_account_id,
    ),
).join(
    customers,
    sa.and_(customers.c.tenant_id == conversations.c.tenant_id, customers.c.id == conversations.c.customer_id),
)


async def open_(
    tx: TenantTx,
    *,
    channel: ChannelKind,
    external_id: str | None = None,
    name: str | None = None,
    language: Language | None = None,
    one_shot: bool = False,
    account: UUID | None = None,
    assistant: UUID | None = None,
    chat: str | None = None,
) -> tuple[UUID, bool]:
    """The conversation of a customer on `account`, else on the channel's default one, and whether it is new.

    A customer with an external id has one conversation per account, however many open it at once (a unique
    index decides); without one, each call is a new, anonymous customer, whose chat can be given a name that is new
    too. `assistant` answers from now on, in a conversation that was there already, too. Raises LookupError when there
    is no such account that takes messages.
    """
    accounts = sa.select(channel_accounts.c.id).where(
        channel_accounts.c.tenant_id == tx.tenant_id,
        channel_accounts.c.kind == channel,
        ~channel_accounts.c.disabled,
    )
    if account is not None:
        accounts = accounts.where(channel_accounts.c.id == account)
    account = await tx.connection.scalar(accounts.order_by(channel_accounts.c.created_at).limit(1))
    if account is None:
        raise LookupError(f"no {channel.value} account is set up")
    customer = await _customer(tx, external_id, name, language)
    found = await tx.connection.scalar(
        insert(conversations)
        .values(
            tenant_id=tx.tenant_id,
            id=new_id(),
            channel_account_id=account,
            customer_id=customer,
            chat_id=external_id or chat or str(customer),
            language=language,
            one_shot=one_shot,
            assistant_id=assistant,
        )
        .on_conflict_do_nothing()
        .returning(conversations.c.id)
    )
    if found is not None:
        return found, True
    existing = await tx.connection.scalar(
        sa.select(conversations.c.id).where(
            conversations.c.tenant_id == tx.tenant_id,
            conversations.c.channel_account_id == account,
            conversations.c.chat_id == external_id,
        )
    )
    assert existing is not None, "a conversation that conflicts exists"
    if assistant is not None:
        await tx.connection.execute(
            sa.update(conversations)
            .where(conversations.c.tenant_id == tx.tenant_id, conversations.c.id == existing)
            .values(assistant_id=assistant)
        )
    return existing, False


async def _customer(tx: TenantTx, external_id: str | None, name: str | None, language: Language | None) -> UUID:
    statement = insert(customers).values(
        tenant_id=tx.tenant_id, id=new_id(), external_id=external_id, name=name, language=language
    )
    if external_id is not None:
        # A no-op update returns the id of the row that is already there; a name given later is kept.
        statement = statement.on_conflict_do_update(
            index_elements=[customers.c.tenant_id, customers.c.external_id],
            set_={"name": sa.func.coalesce(statement.excluded.name, customers.c.name)},
        )
    found: UUID | None = await tx.connection.scalar(statement.returning(customers.c.id))
    assert found is not None, "an upsert returns a row"
    return found


async def get(tx: TenantTx, conversation: UUID) -> Conversation | None:
    row = (
        await tx.connection.execute(
            sa.select(*CONVERSATION_COLUMNS)
            .select_from(WITH_PARTIES)
            .where(conversations.c.tenant_id == tx.tenant_id, conversations.c.id == conversation)
        )
    ).one_or_none()
    return None if row is None else Conversation(**row._mapping)


async def list_recent(
    tx: TenantTx, *, state: ConversationState | None = None, before: UUID | None = None, limit: int = 50
) -> list[Conversation]:
    """Conversations, newest first (ids are time-ordered); `before` is the last id of the page before."""
    query = sa.select(*CONVERSATION_COLUMNS).select_from(WITH_PARTIES).where(conversations.c.tenant_id == tx.tenant_id)
    if state is not None:
        query = query.where(conversations.c.state == state)
    if before is not None:
        query = query.where(conversations.c.id < before)
    rows = await tx.connection.execute(query.order_by(conversations.c.id.desc()).limit(limit))
    return [Conversation(**row._mapping) for row in rows]
