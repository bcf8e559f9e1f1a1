"""Deliveries of providers: what comes together is kept together, and each is judged by itself."""

import asyncio
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from models.contracts.channels import Provider
from models.contracts.enums import ChannelKind
from models.repositories import channel_accounts, inbox
from models.repositories.account_proofs import AccountProofs
from models.repositories.inbox import Delivery, Inbox
from models.repositories.vault import Vault
from models.tables import channel_inbox
from runtime.crypto.roots import RootKeys
from runtime.database import Database
from runtime.ids import new_id
from tests.service.api.house import ROOT_KEYS
from tests.service.conftest import new_tenant


async def bot_of(database: Database, tenant: UUID) -> UUID:
    async with database.tenant(tenant) as tx:
        return await channel_accounts.create(tx, provider=Provider.TELEGRAM, name=new_id().hex, branch_id=None)


async def waiting(database: Database, tenant: UUID, account: UUID) -> list[object]:
    async with database.tenant(tenant) as tx:
        where = channel_inbox.c.channel_account_id == account
        rows = await tx.connection.scalars(
            sa.select(channel_inbox.c.payload).where(where).order_by(channel_inbox.c.seq)
        )
        return [row["said"] for row in rows]


async def test_what_comes_together_is_kept_for_each_tenant_once_and_in_order(database: Database) -> None:
    tenants = [await new_tenant(database), await new_tenant(database)]
    bots = [await bot_of(database, tenant) for tenant in tenants]
    inbox_ = Inbox(database)
    given = [
        Delivery(tenants[who], bots[who], f"message/{number}", {"said": number})
        for number in (3, 1, 2, 1, 3)
        for who in (0, 1)
    ]
    kept = await asyncio.gather(*(inbox_.put(each) for each in given))
    assert kept == [True] * 6 + [False] * 4
    for tenant, bot in zip(tenants, bots, strict=True):
        assert await waiting(database, tenant, bot) == [3, 1, 2]


async def test_a_delivery_that_cannot_be_kept_takes_no_other_with_it(database: Database) -> None:
    tenant = await new_tenant(database)
    bot, gone = await bot_of(database, tenant), new_id()
    inbox_ = Inbox(database)
    found = await asyncio.gather(
        *(inbox_.put(Delivery(tenant, account, "message/1", {"said": 1})) for account in (bot, gone)),
        inbox_.put(Delivery(tenant, bot, "message/2", {"said": 2})),
        return_exceptions=True,
    )
    assert [found[0], found[2]] == [True, True]
    assert isinstance(found[1], IntegrityError)
    assert await waiting(database, tenant, bot) == [1, 2]
    async with database.tenant(tenant) as tx:
        assert not await inbox.put(tx, bot, "message/2", {"said": 2})


async def test_each_account_is_proved_by_its_own(database: Database) -> None:
    vault = Vault(RootKeys.parse(ROOT_KEYS))
    tenants = [await new_tenant(database), await new_tenant(database)]
    bots = [await bot_of(database, tenant) for tenant in tenants]
    words = []
    for tenant, bot in zip(tenants, bots, strict=True):
        async with database.tenant(tenant) as tx:
            words.append(new_id().bytes)
            await channel_accounts.rotate(tx, vault, bot, words[-1], overlap=timedelta(0))
    proofs = AccountProofs(database, vault)
    asked = [(bots[0], ChannelKind.TELEGRAM), (new_id(), ChannelKind.TELEGRAM)]
    asked += [(bots[1], ChannelKind.TELEGRAM), (bots[1], ChannelKind.WHATSAPP)]
    first, unknown, second, of_another_kind = await asyncio.gather(*(proofs.find(*each) for each in asked))
    assert unknown is None
    assert of_another_kind is None
    for proof, tenant, bot, word in zip((first, second), tenants, bots, words, strict=True):
        assert proof is not None
        assert (proof.tenant_id, proof.account_id, proof.secrets) == (tenant, bot, (word,))
