"""Which adapter speaks with which provider, and where each provider is."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import httpx

from activities.channels.accounts import Accounts, Open
from activities.channels.chatflow.channel import open_chatflow
from activities.channels.email.channel import open_email
from activities.channels.telegram.channel import open_telegram
from activities.channels.whatsapp_cloud.channel import open_whatsapp_cloud
from models.contracts.channels import Provider
from models.repositories.vault import Vault
from runtime.database import Database
from runtime.egress.addresses import networks
from runtime.media.port import MediaStore
from runtime.settings import Settings

ADAPTERS: Mapping[Provider, Open] = {
    Provider.TELEGRAM: open_telegram,
    Provider.WHATSAPP_CLOUD: open_whatsapp_cloud,
    Provider.CHATFLOW: open_chatflow,
}
"""But for mailboxes, whose servers are wherever a tenant says: they get what may be reached (see open_accounts)."""

CLIENTS = 64
"""Each poller holds a connection while it waits for news, and a client looks through all of its connections at the
beginning and the end of every request: with one client a thousand pollers are ten times slower."""
CONNECTIONS_OF_A_CLIENT = 100


def urls(settings: Settings) -> Mapping[Provider, str]:
    """The installation's, not a tenant's: tokens go there."""
    return {
        Provider.TELEGRAM: settings.telegram_url,
        Provider.WHATSAPP_CLOUD: settings.whatsapp_url,
        Provider.CHATFLOW: settings.chatflow_url,
    }


@asynccontextmanager
async def open_accounts(
    settings: Settings, database: Database, vault: Vault, files: MediaStore
) -> AsyncIterator[Accounts]:
    """The accounts of this installation, with the connections that they share."""
    limits = httpx.Limits(
        max_connections=CONNECTIONS_OF_A_CLIENT, max_keepalive_connections=CONNECTIONS_OF_A_CLIENT, keepalive_expiry=30
    )
    # Certificates are read once for them all.
    trusted = httpx.create_ssl_context(trust_env=False)
    async with AsyncExitStack() as stack:
        clients = [
            # A provider that moves must not be sent tokens unasked, nor a proxy of the environment.
            await stack.enter_async_context(
                httpx.AsyncClient(limits=limits, verify=trusted, follow_redirects=False, trust_env=False)
            )
            for _ in range(CLIENTS)
        ]
        adapters = {**ADAPTERS, Provider.EMAIL: open_email(networks(settings.egress_allow))}
        yield Accounts(database, vault, clients, files, adapters, urls(settings))
