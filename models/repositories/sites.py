"""Sites with the widget, and which of their conversations a visitor has."""

from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from models.contracts.accounts import WebSettings
from models.contracts.enums import ChannelKind, Language
from models.tables import channel_accounts, conversations, tenants
from runtime.database import TenantTx


@dataclass(frozen=True, slots=True)
class Site:
    """A channel account of the kind `web`; `language` is its tenant's."""

    tenant_id: UUID
    account_id: UUID
    settings: WebSettings
    language: Language


async def get(tx: TenantTx, account_id: UUID) -> Site | None:
    """None when there is no such account of this kind, it is disabled, or its tenant suspended."""
    row = (
        await tx.connection.execute(
            sa.select(channel_accounts.c.settings, tenants.c.language)
            .join(tenants, tenants.c.id == channel_accounts.c.tenant_id)
            .where(
                channel_accounts.c.tenant_id == tx.tenant_id,
                channel_accounts.c.id == account_id,
                channel_accounts.c.kind == ChannelKind.WEB,
                ~channel_accounts.c.disabled,
                ~tenants.c.suspended,
            )
        )
    ).one_or_none()
    if row is None:
        return None
    return Site(tx.tenant_id, account_id, WebSettings.model_validate(row.settings), row.language)


async def conversation(tx: TenantTx, account_id: UUID, chat: str) -> UUID | None:
    """The conversation that the account has in a chat; None when there is none, or it was erased."""
    found: UUID | None = await tx.connection.scalar(
        sa.select(conversations.c.id).where(
            conversations.c.tenant_id == tx.tenant_id,
            conversations.c.channel_account_id == account_id,
            conversations.c.chat_id == chat,
        )
    )
    return found
