"""Desks of managers: linked to a group by a code, as are people to members; and the topics of conversations in them."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from models.contracts.channels import Health, HealthState, Provider
from models.contracts.enums import Role
from models.tables import branches, channel_accounts, desk_people, desk_topics, desks, event_counters, members
from runtime.database import TenantTx
from runtime.ids import new_id

CODE_BYTES = 12
CODE_LIFE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Desk:
    """`chat_id` None: no group is linked yet."""

    id: UUID
    branch_id: UUID
    channel_account_id: UUID
    chat_id: str | None
    last_seq: int
    health: HealthState
    health_code: str | None
    health_advice: list[str]
    checked_at: datetime | None
    link_expires_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Topic:
    """Where a conversation stands in its desk; `card_of` is the escalation whose card stands there."""

    topic_id: str
    card_of: UUID | None
    card_message_id: str | None


@dataclass(frozen=True, slots=True)
class Colleague:
    """Who a person in a desk's group is here."""

    member_id: UUID
    name: str
    role: Role


class TakenError(Exception):
    """The branch has a desk, or the group is another desk's."""


COLUMNS = tuple(desks.c[name] for name in Desk.__dataclass_fields__)


async def list_all(tx: TenantTx) -> list[Desk]:
    """The oldest first. A branch has one at most."""
    rows = await tx.connection.execute(
        sa.select(*COLUMNS).where(desks.c.tenant_id == tx.tenant_id).order_by(desks.c.created_at, desks.c.id)
    )
    return [Desk(**row._mapping) for row in rows]


async def get(tx: TenantTx, desk: UUID) -> Desk | None:
    row = (await tx.connection.execute(sa.select(*COLUMNS).where(*_is(tx, desk)))).one_or_none()
    return None if row is None else Desk(**row._mapping)


async def of_account(tx: TenantTx, account: UUID) -> list[Desk]:
    """The desks of a bot."""
    rows = await tx.connection.execute(
        sa.select(*COLUMNS).where(desks.c.tenant_id == tx.tenant_id, desks.c.channel_account_id == account)
    )
    return [Desk(**row._mapping) for row in rows]


async def create(tx: TenantTx, account: UUID, branch_id: UUID | None) -> UUID:
    """A desk without a group, of the tenant's first branch when none is given.

    Raises LookupError with the name of what there is not, TakenError.
    """
    provider = await tx.connection.scalar(
        sa.select(channel_accounts.c.provider).where(
            channel_accounts.c.tenant_id == tx.tenant_id, channel_accounts.c.id == account
        )
    )
    if provider is not Provider.TELEGRAM:
        raise LookupError("channel_account_id")
    query = sa.select(branches.c.id).where(branches.c.tenant_id == tx.tenant_id)
    if branch_id is not None:
        query = query.where(branches.c.id == branch_id)
    branch = await tx.connection.scalar(query.order_by(branches.c.created_at, branches.c.id).limit(1))
    if branch is None:
        raise LookupError("branch_id")
    made: UUID | None = await tx.connection.scalar(
        insert(desks)
        .values(tenant_id=tx.tenant_id, id=new_id(), branch_id=branch, channel_account_id=account)
        .on_conflict_do_nothing()
        .returning(desks.c.id)
    )
    if made is None:
        raise TakenError
    return made


async def remove(tx: TenantTx, desk: UUID) -> bool:
    """Forget a desk with its topics and what waits for it. The group itself stays as it is."""
    done = await tx.connection.execute(sa.delete(desks).where(*_is(tx, desk)))
    return done.rowcount > 0


async def set_health(tx: TenantTx, desk: UUID, health: Health) -> bool:
    """What a check, or a call, has shown of the group. Whether that is news."""
    before = (
        await tx.connection.execute(
            sa.select(desks.c.health, desks.c.health_code).where(*_is(tx, desk)).with_for_update(key_share=True)
        )
    ).one_or_none()
    await tx.connection.execute(
        sa.update(desks)
        .where(*_is(tx, desk))
        .values(
            health=health.state,
            health_code=health.code,
            health_advice=list(health.advice),
            checked_at=sa.func.now(),
        )
    )
    return before is not None and (before.health, before.health_code) != (health.state, health.code)


async def well(tx: TenantTx, desk: UUID) -> None:
    """A post went into the group: whatever was wrong is not, any more."""
    await tx.connection.execute(
        sa.update(desks)
        .where(*_is(tx, desk), desks.c.health != HealthState.OK)
        .values(health=HealthState.OK, health_code=None, health_advice=[], checked_at=sa.func.now())
    )


# Linking ------------------------------------------------------------------------------------------


async def new_link(tx: TenantTx, desk: UUID) -> str:
    """A code that makes the group it is written in this desk's: once, for CODE_LIFE, in place of any before it."""
    code = secrets.token_urlsafe(CODE_BYTES)
    await tx.connection.execute(sa.update(desks).where(*_is(tx, desk)).values(**_fresh(code)))
    return code


async def link(tx: TenantTx, account: UUID, code: str, chat: str) -> UUID | None:
    """Use up a code of one of the bot's desks: `chat` is that desk's group from now on, and what happens from now on is
    posted there. None when the code is not good. Raises TakenError when the group is another desk's."""
    found = (
        await tx.connection.execute(
            sa.select(desks.c.id, desks.c.chat_id)
            .where(
                desks.c.tenant_id == tx.tenant_id,
                desks.c.channel_account_id == account,
                desks.c.link_hash == _hash(code),
                desks.c.link_expires_at > sa.func.now(),
            )
            .with_for_update(key_share=True)
        )
    ).one_or_none()
    if found is None:
        return None
    if any(each.chat_id == chat and each.id != found.id for each in await of_account(tx, account)):
        raise TakenError
    linked: dict[str, Any] = {"link_hash": None, "link_expires_at": None}
    if found.chat_id != chat:
        last = sa.select(event_counters.c.last_seq).where(event_counters.c.tenant_id == tx.tenant_id).scalar_subquery()
        linked |= {"chat_id": chat, "last_seq": sa.func.coalesce(last, 0)}
        await tx.connection.execute(
            sa.delete(desk_topics).where(desk_topics.c.tenant_id == tx.tenant_id, desk_topics.c.desk_id == found.id)
        )
    await tx.connection.execute(sa.update(desks).where(*_is(tx, found.id)).values(**linked))
    desk: UUID = found.id
    return desk


async def moved(tx: TenantTx, account: UUID, chat: str, to: str) -> None:
    """The group goes on under another name."""
    await tx.connection.execute(
        sa.update(desks)
        .where(desks.c.tenant_id == tx.tenant_id, desks.c.channel_account_id == account, desks.c.chat_id == chat)
        .values(chat_id=to)
    )


async def new_person_link(tx: TenantTx, member: UUID) -> str:
    """A code that makes whoever writes it to a bot this member: once, for CODE_LIFE. Until then nothing changes."""
    code = secrets.token_urlsafe(CODE_BYTES)
    statement = insert(desk_people).values(tenant_id=tx.tenant_id, id=new_id(), member_id=member, **_fresh(code))
    await tx.connection.execute(
        statement.on_conflict_do_update(
            index_elements=[desk_people.c.tenant_id, desk_people.c.member_id],
            set_={**_fresh(code), "updated_at": sa.func.now()},
        )
    )
    return code


async def link_person(tx: TenantTx, code: str, person: str) -> Colleague | None:
    """Use up a code; whoever `person` was before, they are its member now. None when the code is not good."""
    columns = desk_people.c
    found: UUID | None = await tx.connection.scalar(
        sa.select(columns.member_id)
        .where(
            columns.tenant_id == tx.tenant_id, columns.link_hash == _hash(code), columns.link_expires_at > sa.func.now()
        )
        .with_for_update()
    )
    if found is None:
        return None
    await tx.connection.execute(
        sa.update(desk_people)
        .where(columns.tenant_id == tx.tenant_id, columns.person == person, columns.member_id != found)
        .values(person=None)
    )
    await tx.connection.execute(
        sa.update(desk_people)
        .where(columns.tenant_id == tx.tenant_id, columns.member_id == found)
        .values(person=person, link_hash=None, link_expires_at=None)
    )
    return await colleague(tx, person)


async def colleague(tx: TenantTx, person: str) -> Colleague | None:
    """The member who a person is, unless they have left."""
    row = (
        await tx.connection.execute(
            sa.select(members.c.id, members.c.name, members.c.role)
            .join(
                desk_people,
                sa.and_(desk_people.c.tenant_id == members.c.tenant_id, desk_people.c.member_id == members.c.id),
            )
            .where(members.c.tenant_id == tx.tenant_id, desk_people.c.person == person, ~members.c.disabled)
        )
    ).one_or_none()
    return None if row is None else Colleague(row.id, row.name, row.role)


async def owners(tx: TenantTx) -> list[tuple[str, str]]:
    """The tenant's owners who are linked: person and name."""
    rows = await tx.connection.execute(
        sa.select(desk_people.c.person, members.c.name)
        .join(members, sa.and_(members.c.tenant_id == desk_people.c.tenant_id, members.c.id == desk_people.c.member_id))
        .where(
            desk_people.c.tenant_id == tx.tenant_id,
            desk_people.c.person.is_not(None),
            members.c.role == Role.OWNER,
            ~members.c.disabled,
        )
        .order_by(members.c.id)
    )
    return [(row.person, row.name) for row in rows]


# Topics -------------------------------------------------------------------------------------------


async def topic(tx: TenantTx, desk: UUID, conversation: UUID) -> Topic | None:
    row = (
        await tx.connection.execute(
            sa.select(desk_topics.c.topic_id, desk_topics.c.card_of, desk_topics.c.card_message_id).where(
                *_in(tx, desk, conversation)
            )
        )
    ).one_or_none()
    return None if row is None else Topic(*row)


async def conversation_of(tx: TenantTx, desk: UUID, topic_id: str) -> UUID | None:
    """Whose topic it is; None for those that people made."""
    found: UUID | None = await tx.connection.scalar(
        sa.select(desk_topics.c.conversation_id).where(
            desk_topics.c.tenant_id == tx.tenant_id,
            desk_topics.c.desk_id == desk,
            desk_topics.c.topic_id == topic_id,
        )
    )
    return found


async def put_topic(tx: TenantTx, desk: UUID, conversation: UUID, topic_id: str) -> None:
    """The conversation's topic, in place of any that it had."""
    values: dict[str, Any] = {"desk_id": desk, "topic_id": topic_id, "card_of": None, "card_message_id": None}
    statement = insert(desk_topics).values(tenant_id=tx.tenant_id, id=new_id(), conversation_id=conversation, **values)
    await tx.connection.execute(
        statement.on_conflict_do_update(
            index_elements=[desk_topics.c.tenant_id, desk_topics.c.conversation_id],
            set_={**values, "updated_at": sa.func.now()},
        )
    )


async def forget_topic(tx: TenantTx, desk: UUID, conversation: UUID) -> None:
    """It was deleted in the group."""
    await tx.connection.execute(sa.delete(desk_topics).where(*_in(tx, desk, conversation)))


async def put_card(tx: TenantTx, desk: UUID, conversation: UUID, of: UUID | None, message: str | None) -> None:
    """The card that stands in the topic; None: it was deleted there."""
    await tx.connection.execute(
        sa.update(desk_topics).where(*_in(tx, desk, conversation)).values(card_of=of, card_message_id=message)
    )


def _fresh(code: str) -> dict[str, Any]:
    return {"link_hash": _hash(code), "link_expires_at": sa.func.now() + CODE_LIFE}


def _hash(code: str) -> bytes:
    return hashlib.sha256(code.encode()).digest()


def _is(tx: TenantTx, desk: UUID) -> tuple[sa.ColumnElement[bool], ...]:
    return desks.c.tenant_id == tx.tenant_id, desks.c.id == desk


def _in(tx: TenantTx, desk: UUID, conversation: UUID) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        desk_topics.c.tenant_id == tx.tenant_id,
        desk_topics.c.desk_id == desk,
        desk_topics.c.conversation_id == conversation,
    )
