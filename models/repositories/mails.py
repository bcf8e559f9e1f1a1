"""Mails to members, from the wish to send one until it is sent. What stands in them is written when they are sent."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa

from models.contracts.enums import Language
from models.contracts.mail import MailInput
from models.contracts.people import MailPurpose
from models.tables import mails, members, tenants
from runtime.database import SystemTx, TenantTx
from runtime.ids import new_id

RETENTION = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What a mail is made of."""

    id: UUID
    purpose: MailPurpose
    member_id: UUID
    address: str
    name: str
    joined: bool
    company: str
    slug: str
    language: Language


async def request(
    tx: TenantTx, member_id: UUID, purpose: MailPurpose, *, at_most_every: timedelta | None = None
) -> MailInput | None:
    """Have a mail sent: start its process when the transaction is done, or leave that to reconcile.

    None when one of the purpose was asked for within `at_most_every`: nobody's mailbox is filled by strangers.
    """
    columns = mails.c
    if at_most_every is not None and await tx.connection.scalar(
        sa.select(columns.id)
        .where(
            columns.tenant_id == tx.tenant_id,
            columns.member_id == member_id,
            columns.purpose == purpose,
            columns.created_at > sa.func.now() - at_most_every,
        )
        .limit(1)
    ):
        return None
    mail_id = new_id()
    await tx.connection.execute(
        sa.insert(mails).values(tenant_id=tx.tenant_id, id=mail_id, member_id=member_id, purpose=purpose)
    )
    return MailInput(tenant_id=tx.tenant_id, mail_id=mail_id)


async def claim_unsent(tx: SystemTx, *, after: timedelta, limit: int) -> list[MailInput]:
    """Claim mails that nobody has sent for `after`, the oldest first; each claim doubles the wait before the next."""
    rows = await tx.connection.execute(
        sa.text("SELECT * FROM claim_unsent_mails(:after, :at_most)"), {"after": after, "at_most": limit}
    )
    return [MailInput(tenant_id=row.tenant_id, mail_id=row.mail_id) for row in rows]


async def begin(tx: TenantTx, mail_id: UUID) -> Outgoing | None:
    """An attempt to send: what the mail is made of. None when it was sent, or has nobody to go to any more."""
    attempted = await tx.connection.scalar(
        sa.update(mails).where(*_unsent(tx, mail_id)).values(attempts=mails.c.attempts + 1).returning(mails.c.id)
    )
    if attempted is None:
        return None
    row = (
        await tx.connection.execute(
            sa.select(
                mails.c.id,
                mails.c.purpose,
                members.c.id.label("member_id"),
                members.c.email.label("address"),
                members.c.name,
                members.c.joined_at.is_not(None).label("joined"),
                tenants.c.name.label("company"),
                tenants.c.slug,
                tenants.c.language,
            )
            .select_from(mails)
            .join(members, sa.and_(members.c.tenant_id == mails.c.tenant_id, members.c.id == mails.c.member_id))
            .join(tenants, tenants.c.id == mails.c.tenant_id)
            .where(
                mails.c.tenant_id == tx.tenant_id,
                mails.c.id == mail_id,
                members.c.email.is_not(None),
                ~members.c.disabled,
            )
        )
    ).one_or_none()
    return None if row is None else Outgoing(**row._mapping)


async def sent(tx: TenantTx, mail_id: UUID) -> None:
    await tx.connection.execute(sa.update(mails).where(*_unsent(tx, mail_id)).values(sent_at=sa.func.now()))


async def failed(tx: TenantTx, mail_id: UUID) -> None:
    """It will never be sent."""
    await tx.connection.execute(sa.update(mails).where(*_unsent(tx, mail_id)).values(failed_at=sa.func.now()))


async def forget_old(tx: SystemTx) -> None:
    """Delete every tenant's mails that are past their retention, and tokens that have expired."""
    await tx.connection.execute(sa.text("SELECT forget_mails_and_tokens(:older_than)"), {"older_than": RETENTION})


def _unsent(tx: TenantTx, mail_id: UUID) -> tuple[sa.ColumnElement[bool], ...]:
    columns = mails.c
    return (
        columns.tenant_id == tx.tenant_id,
        columns.id == mail_id,
        columns.sent_at.is_(None),
        columns.failed_at.is_(None),
    )
