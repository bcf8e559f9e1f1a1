"""One-time tokens: good for one purpose, once, for a while. Only hashes are kept."""

import hashlib
import secrets
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from models.contracts.people import TOKEN_LIVES, TokenPurpose
from models.tables import members, one_time_tokens
from runtime.database import SystemTx, TenantTx
from runtime.ids import new_id

TOKEN_BYTES = 32


async def issue(tx: TenantTx, member_id: UUID, purpose: TokenPurpose) -> str:
    """A new token, in place of the member's earlier one of this purpose. This is the only time it can be read."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    fresh = {"hash": _hash(token), "expires_at": sa.func.now() + TOKEN_LIVES[purpose]}
    statement = insert(one_time_tokens).values(
        tenant_id=tx.tenant_id, id=new_id(), member_id=member_id, purpose=purpose, **fresh
    )
    columns = one_time_tokens.c
    await tx.connection.execute(
        statement.on_conflict_do_update(
            index_elements=[columns.tenant_id, columns.member_id, columns.purpose],
            set_={**fresh, "created_at": sa.func.now(), "updated_at": sa.func.now()},
        )
    )
    return token


async def find_tenant(tx: SystemTx, token: str, purpose: TokenPurpose) -> UUID | None:
    """The tenant in which the token is good now."""
    found: UUID | None = await tx.connection.scalar(
        sa.text("SELECT find_token(:hash, :purpose)"), {"hash": _hash(token), "purpose": purpose.value}
    )
    return found


async def holder(tx: TenantTx, token: str, purpose: TokenPurpose) -> UUID | None:
    """The member whom the token was sent to. Using it up is another step: see `use`."""
    found: UUID | None = await tx.connection.scalar(
        sa.select(one_time_tokens.c.member_id).where(*_good(tx, token, purpose))
    )
    return found


async def use(tx: TenantTx, token: str, purpose: TokenPurpose) -> UUID | None:
    """Use the token up; the member whom it was sent to. Of many who try at once, one gets an answer, the others None.

    None for a member who was disabled meanwhile, too.
    """
    found: UUID | None = await tx.connection.scalar(
        sa.delete(one_time_tokens)
        .where(
            *_good(tx, token, purpose),
            members.c.tenant_id == one_time_tokens.c.tenant_id,
            members.c.id == one_time_tokens.c.member_id,
            ~members.c.disabled,
        )
        .returning(one_time_tokens.c.member_id)
    )
    return found


async def void(tx: TenantTx, member_id: UUID) -> None:
    """No token that was sent to the member is good any more."""
    await tx.connection.execute(
        sa.delete(one_time_tokens).where(
            one_time_tokens.c.tenant_id == tx.tenant_id, one_time_tokens.c.member_id == member_id
        )
    )


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _good(tx: TenantTx, token: str, purpose: TokenPurpose) -> tuple[sa.ColumnElement[bool], ...]:
    columns = one_time_tokens.c
    return (
        columns.tenant_id == tx.tenant_id,
        columns.hash == _hash(token),
        columns.purpose == purpose,
        columns.expires_at > sa.func.now(),
    )
