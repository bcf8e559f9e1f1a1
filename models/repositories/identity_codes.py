"""Codes by which a customer shows who they are: made, tried, used once. A code itself is never stored."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from models.contracts.enums import Language
from models.contracts.privacy import CodeOutcome
from models.repositories import tenants as tenant_repository
from models.repositories.vault import Vault
from models.tables import conversations, customers, escalations, identity_checks, identity_codes, messages, tenants
from runtime.database import TenantTx
from runtime.ids import new_id

DIGITS = 6
LIFE = timedelta(minutes=10)
TRIES = 5
AT_MOST = 5
PERIOD = timedelta(hours=1)
"""A customer is sent at most AT_MOST codes in PERIOD: with TRIES each, 25 guesses of a million an hour."""

MASKED = "[code]"
"""What is left of a message that was a code."""

WITH_CUSTOMER = conversations.join(
    customers,
    sa.and_(customers.c.tenant_id == conversations.c.tenant_id, customers.c.id == conversations.c.customer_id),
)
VERIFIED: sa.ColumnElement[bool] = sa.func.coalesce(
    sa.and_(customers.c.verified_in == conversations.c.id, customers.c.verified_until > sa.func.now()), sa.false()
)
"""Whether the customer of a conversation is verified in it: of a query over both (see WITH_CUSTOMER)."""


@dataclass(frozen=True, slots=True)
class Addressee:
    """Whom a code is for. `conversation_id`: where it was asked for."""

    customer_id: UUID
    conversation_id: UUID | None
    address: str
    name: str | None
    company: str
    language: Language


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of a code that was tried. `about`: the customer's message for which it was sent."""

    outcome: CodeOutcome
    customer_id: UUID
    code_id: UUID
    conversation_id: UUID | None
    about: UUID | None
    tries_left: int
    verified_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether the customer of a conversation is verified in it, and whether they can be sent a code."""

    verified: bool
    reachable: bool


async def standing(tx: TenantTx, conversation: UUID) -> Standing | None:
    row = (
        await tx.connection.execute(
            sa.select(
                VERIFIED.label("verified"),
                sa.and_(customers.c.email.is_not(None), _sent_lately(customers.c.id) < AT_MOST).label("reachable"),
            )
            .select_from(WITH_CUSTOMER)
            .where(conversations.c.tenant_id == tx.tenant_id, conversations.c.id == conversation)
        )
    ).one_or_none()
    return None if row is None else Standing(bool(row.verified), bool(row.reachable))


def verified(tx: TenantTx, conversation: UUID) -> sa.ScalarSelect[bool]:
    """Whether the customer is verified in `conversation` now, for a statement that writes it down."""
    return (
        sa.select(VERIFIED)
        .select_from(WITH_CUSTOMER)
        .where(conversations.c.tenant_id == tx.tenant_id, conversations.c.id == conversation)
        .scalar_subquery()
    )


async def ask(
    tx: TenantTx,
    customer: UUID,
    *,
    code_id: UUID | None = None,
    conversation: UUID | None = None,
    message: UUID | None = None,
) -> UUID | None:
    """Note that a code is to be sent; `make` makes it. None when the customer was sent too many lately.

    Asked for again under the same id it is the same one.
    """
    # Whoever asks holds the customer, so that two who ask at once are counted one after the other.
    await _hold(tx, customer)
    code_id = code_id or new_id()
    if await _get(tx, code_id) is not None:
        return code_id
    sent = await tx.connection.scalar(sa.select(_sent_lately(sa.literal(customer, sa.Uuid()), tx.tenant_id)))
    if sent is not None and sent >= AT_MOST:
        return None
    await tx.connection.execute(
        sa.insert(identity_codes).values(
            tenant_id=tx.tenant_id,
            id=code_id,
            customer_id=customer,
            conversation_id=conversation,
            message_id=message,
        )
    )
    return code_id


async def customer_of(tx: TenantTx, conversation: UUID) -> UUID | None:
    found: UUID | None = await tx.connection.scalar(
        sa.select(conversations.c.customer_id).where(
            conversations.c.tenant_id == tx.tenant_id, conversations.c.id == conversation
        )
    )
    return found


async def addressee(tx: TenantTx, code_id: UUID) -> Addressee | None:
    """Whom a code goes to; None when it was voided or used, or there is no address (any more)."""
    row = (
        await tx.connection.execute(
            sa.select(
                identity_codes.c.customer_id,
                identity_codes.c.conversation_id,
                customers.c.email.label("address"),
                customers.c.name,
                tenants.c.name.label("company"),
                sa.func.coalesce(conversations.c.language, customers.c.language, tenants.c.language).label("language"),
            )
            .select_from(
                identity_codes.join(
                    customers,
                    sa.and_(
                        customers.c.tenant_id == identity_codes.c.tenant_id,
                        customers.c.id == identity_codes.c.customer_id,
                    ),
                )
                .join(tenants, tenants.c.id == identity_codes.c.tenant_id)
                .outerjoin(
                    conversations,
                    sa.and_(
                        conversations.c.tenant_id == identity_codes.c.tenant_id,
                        conversations.c.id == identity_codes.c.conversation_id,
                    ),
                )
            )
            .where(
                identity_codes.c.tenant_id == tx.tenant_id,
                identity_codes.c.id == code_id,
                identity_codes.c.used_at.is_(None),
                identity_codes.c.voided_at.is_(None),
                customers.c.email.is_not(None),
            )
        )
    ).one_or_none()
    if row is None:
        return None
    return Addressee(row.customer_id, row.conversation_id, row.address, row.name, row.company, Language(row.language))


async def make(tx: TenantTx, vault: Vault, code_id: UUID) -> str:
    """The six digits, now and never again; made anew, those made before are void. So are the customer's other codes.

    The HMAC's key is sealed by the tenant's data key: whoever steals the rows cannot try all million codes on them.
    """
    code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
    key = secrets.token_bytes(32)
    columns = identity_codes.c
    customer = (
        sa.select(columns.customer_id).where(columns.tenant_id == tx.tenant_id, columns.id == code_id).scalar_subquery()
    )
    await tx.connection.execute(
        sa.update(identity_codes)
        .where(
            columns.tenant_id == tx.tenant_id,
            columns.customer_id == customer,
            columns.id != code_id,
            columns.used_at.is_(None),
            columns.voided_at.is_(None),
        )
        .values(voided_at=sa.func.now())
    )
    await tx.connection.execute(
        sa.update(identity_codes)
        .where(columns.tenant_id == tx.tenant_id, columns.id == code_id)
        .values(
            hash=_hash(key, code),
            sealed_key=await vault.seal(tx, key, context=_place(code_id)),
            expires_at=sa.func.now() + LIFE,
        )
    )
    return code


async def check_in(tx: TenantTx, vault: Vault, conversation: UUID, message: UUID, code: str) -> Checked | None:
    """Try the code that a customer's message is. The message's text is masked, whatever comes of it.

    None when no code was sent for this conversation lately. A message is tried once: see `messages.unhandled`.
    """
    newest = await _newest(tx, identity_codes.c.conversation_id == conversation)
    if newest is None:
        return None
    checked = await _try(tx, vault, newest, code, message)
    await tx.connection.execute(
        sa.update(messages).where(messages.c.tenant_id == tx.tenant_id, messages.c.id == message).values(text=MASKED)
    )
    return checked


async def check_of(tx: TenantTx, vault: Vault, customer: UUID, code: str) -> Checked | None:
    """Try a code that a customer gave elsewhere. None when none was sent to them lately."""
    newest = await _newest(tx, identity_codes.c.customer_id == customer)
    return None if newest is None else await _try(tx, vault, newest, code, None)


async def about(tx: TenantTx, message: UUID) -> UUID | None:
    """The customer's message for which the code was sent that `message` tried."""
    found: UUID | None = await tx.connection.scalar(
        sa.select(identity_codes.c.message_id)
        .join(
            identity_checks,
            sa.and_(
                identity_checks.c.tenant_id == identity_codes.c.tenant_id,
                identity_checks.c.code_id == identity_codes.c.id,
            ),
        )
        .where(identity_checks.c.tenant_id == tx.tenant_id, identity_checks.c.message_id == message)
    )
    return found


async def _newest(tx: TenantTx, of: sa.ColumnElement[bool]) -> sa.Row[tuple[object, ...]] | None:
    """The newest code that was made in the last hour and not used. Held until commit: tries are counted one by one."""
    columns = identity_codes.c
    return (
        await tx.connection.execute(
            sa.select(
                columns.id,
                columns.customer_id,
                columns.conversation_id,
                columns.message_id,
                columns.hash,
                columns.sealed_key,
                columns.tries,
                sa.or_(columns.voided_at.is_not(None), columns.expires_at < sa.func.now()).label("over"),
            )
            .where(
                columns.tenant_id == tx.tenant_id,
                of,
                columns.hash.is_not(None),
                columns.used_at.is_(None),
                columns.created_at > sa.func.now() - PERIOD,
            )
            .order_by(columns.created_at.desc())
            .limit(1)
            .with_for_update()
        )
    ).one_or_none()


async def _try(
    tx: TenantTx, vault: Vault, sent: "sa.Row[tuple[object, ...]]", code: str, message: UUID | None
) -> Checked:
    row = sent._mapping
    tries = int(row["tries"])
    until: datetime | None = None
    if row["over"]:
        outcome = CodeOutcome.EXPIRED
    elif tries >= TRIES:
        outcome = CodeOutcome.EXHAUSTED
    else:
        key = await vault.open(tx, row["sealed_key"], context=_place(row["id"]))
        right = hmac.compare_digest(row["hash"], _hash(key, code))
        tries += not right
        outcome = CodeOutcome.RIGHT if right else CodeOutcome.EXHAUSTED if tries >= TRIES else CodeOutcome.WRONG
        await tx.connection.execute(
            sa.update(identity_codes)
            .where(identity_codes.c.tenant_id == tx.tenant_id, identity_codes.c.id == row["id"])
            .values(tries=tries, used_at=sa.func.now() if right else None)
        )
        if right:
            until = await _verify(tx, row["customer_id"], row["conversation_id"])
    await tx.connection.execute(
        insert(identity_checks)
        .values(tenant_id=tx.tenant_id, id=new_id(), code_id=row["id"], message_id=message, outcome=outcome)
        .on_conflict_do_nothing()
    )
    return Checked(
        outcome=outcome,
        customer_id=row["customer_id"],
        code_id=row["id"],
        conversation_id=row["conversation_id"],
        about=row["message_id"],
        tries_left=0 if outcome is CodeOutcome.EXPIRED else TRIES - tries,
        verified_until=until,
    )


async def _verify(tx: TenantTx, customer: UUID, conversation: UUID | None) -> datetime:
    """The customer is who they say, for as long as the tenant wants, in that conversation; its manager sees it."""
    life = timedelta(minutes=(await tenant_repository.get_settings(tx)).verified_minutes)
    until: datetime | None = await tx.connection.scalar(
        sa.update(customers)
        .where(customers.c.tenant_id == tx.tenant_id, customers.c.id == customer)
        .values(verified_until=sa.func.now() + life, verified_in=conversation)
        .returning(customers.c.verified_until)
    )
    assert until is not None, "a code has a customer"
    await tx.connection.execute(
        sa.update(escalations)
        .where(
            escalations.c.tenant_id == tx.tenant_id,
            escalations.c.conversation_id == conversation,
            escalations.c.closed_at.is_(None),
        )
        .values(customer_verified=True)
    )
    return until


async def _hold(tx: TenantTx, customer: UUID) -> None:
    await tx.connection.execute(
        sa.select(customers.c.id)
        .where(customers.c.tenant_id == tx.tenant_id, customers.c.id == customer)
        .with_for_update(key_share=True)
    )


async def _get(tx: TenantTx, code_id: UUID) -> UUID | None:
    found: UUID | None = await tx.connection.scalar(
        sa.select(identity_codes.c.id).where(identity_codes.c.tenant_id == tx.tenant_id, identity_codes.c.id == code_id)
    )
    return found


def _sent_lately(
    customer: sa.ColumnElement[UUID], tenant: sa.ColumnElement[UUID] | UUID = customers.c.tenant_id
) -> sa.ScalarSelect[int]:
    return (
        sa.select(sa.func.count())
        .where(
            identity_codes.c.tenant_id == tenant,
            identity_codes.c.customer_id == customer,
            identity_codes.c.created_at > sa.func.now() - PERIOD,
        )
        .scalar_subquery()
    )


def _place(code_id: UUID) -> str:
    return f"identity-code/{code_id}"


def _hash(key: bytes, code: str) -> bytes:
    return hmac.digest(key, code.encode(), hashlib.sha256)
