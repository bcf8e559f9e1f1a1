"""The shop that the tests of files share."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from temporalio.client import Client

from activities.channels.accounts import Accounts
from activities.channels.choice import ADAPTERS
from models.contracts.channels import Provider
from models.contracts.enums import ChannelKind
from models.payload_keys import connected
from models.pokes import Pokes
from models.repositories import (
    channel_accounts,
)
from models.repositories.arrivals import Owner
from models.repositories.vault import Vault
from runtime.crypto.roots import RootKeys
from runtime.database import Database
from runtime.embedded import Servers
from runtime.media.folder import FolderStore
from runtime.media.links import Links
from tests.fakes import site, transcription
from tests.fakes.site import Site
from tests.service.api.house import ROOT_KEYS, settings_of
from tests.service.media.shop import NUMBER, Shop


@pytest.fixture(scope="module")
async def client(servers: Servers) -> AsyncIterator[Client]:
    async with connected(settings_of(servers)) as client:
        yield client


@pytest.fixture(scope="module")
async def meta() -> AsyncIterator[Site]:
    async with site.serving() as meta:
        yield meta


@pytest.fixture
async def shop(database: Database, tenant: UUID, client: Client, meta: Site, tmp_path: Path) -> AsyncIterator[Shop]:
    vault = Vault(RootKeys.parse(ROOT_KEYS))
    settings = {"phone_number_id": NUMBER}
    credentials = {"access_token": "t", "app_secret": "s", "verify_token": "v"}
    async with database.tenant(tenant) as tx:
        account = await channel_accounts.create(
            tx, provider=Provider.WHATSAPP_CLOUD, name="Shop", branch_id=None, settings=settings
        )
        await channel_accounts.put_credentials(tx, vault, account, credentials)
    folder = tmp_path / "media"
    store = FolderStore(folder, Links("http://x", [b"k"]))
    async with httpx.AsyncClient(trust_env=False) as http, transcription.serving() as transcriber:
        accounts = Accounts(database, vault, [http], store, ADAPTERS, {Provider.WHATSAPP_CLOUD: meta.url})
        owner = Owner(account, ChannelKind.WHATSAPP)
        pokes = Pokes(client)
        yield Shop(tenant, owner, database, client, meta, store, folder, accounts, transcriber, pokes)
        await pokes.close()
