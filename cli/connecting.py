"""The gateway's means to reach channels' providers, put together above both rooms."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import structlog
from pydantic import BaseModel

from activities.channels.accounts import Accounts, Opened
from activities.channels.choice import open_accounts
from activities.channels.port import AccountError, ChannelError, Forums, Hooked, RefusedError
from api.connecting import OpenConnector
from models.contracts.channels import Chat, ChatKind, Health, HealthState, Provider
from models.repositories import channel_accounts, desk_posts, desks
from models.repositories.channel_accounts import TakenError
from models.repositories.vault import Vault
from runtime import secrets
from runtime.database import Database
from runtime.media.choice import media_store
from runtime.media.links import Links
from runtime.settings import Settings

IN_USE = (
    "Another account here is this one already, and two would take each other's messages: remove or disable this one."
)

AWAY = "The provider does not answer; what is to be sent waits. See that this machine reaches the internet."
NO_DELIVERY = (
    "The provider does not deliver to the address of this installation: it must be https, and reachable from the internet. "
    "Its operator sets it (MAINSTAY_PUBLIC_URL). Or let the account poll, which needs no address."
)

log = structlog.get_logger(__name__)


class Connecting:
    """Looks at accounts as their lanes do. `origin`: where providers find this installation."""

    def __init__(self, database: Database, vault: Vault, accounts: Accounts, origin: str) -> None:
        self._database = database
        self._vault = vault
        self._accounts = accounts
        self._origin = origin

    async def look(self, provider: Provider, settings: BaseModel, credentials: BaseModel) -> Health:
        return await self._accounts.of(provider, settings, credentials).check()

    async def connect(self, tenant_id: UUID, account_id: UUID, *, take_over: bool = False) -> Health:
        provider = None
        try:
            opened = await self._accounts.open(tenant_id, account_id)
            provider = None if opened is None else opened.provider
            health = await self._connected(tenant_id, account_id, opened, take_over=take_over)
        except AccountError as error:
            health = Health(state=HealthState.DEAD, code=error.code, advice=("Give the account its credentials.",))
        except RefusedError as error:
            health = Health(state=HealthState.DEAD, code=error.code, advice=(NO_DELIVERY,))
        except ChannelError as error:
            health = Health(state=HealthState.AWAY, code=error.code, advice=(AWAY,))
        try:
            await self._note(tenant_id, account_id, provider, health)
        except TakenError:
            # Its provider was away when it was made.
            health = Health(state=HealthState.DEAD, code="in_use", advice=(IN_USE,))
            await self._note(tenant_id, account_id, provider, health)
        return health

    async def _note(self, tenant_id: UUID, account_id: UUID, provider: Provider | None, health: Health) -> None:
        async with self._database.tenant(tenant_id) as tx:
            await channel_accounts.set_health(tx, account_id, health)
            if health.external_id is not None:
                facts = _facts(health) if provider is Provider.TELEGRAM else {}
                await channel_accounts.found_out(tx, account_id, external_id=health.external_id, facts=facts)

    async def check_desk(self, tenant_id: UUID, desk_id: UUID) -> None:
        async with self._database.tenant(tenant_id) as tx:
            desk = await desks.get(tx, desk_id)
        if desk is None or desk.chat_id is None:
            return
        try:
            opened = await self._accounts.open(tenant_id, desk.channel_account_id)
        except AccountError as error:
            health = Health(state=HealthState.DEAD, code=error.code, advice=("Give the bot its token.",))
        else:
            if opened is None or not isinstance(opened.channel, Forums):
                health = Health(state=HealthState.DEAD, code="disabled", advice=("Enable the bot's account.",))
            else:
                health = await opened.channel.check_desk(Chat(id=desk.chat_id, kind=ChatKind.GROUP))
        async with self._database.tenant(tenant_id) as tx:
            await desks.set_health(tx, desk_id, health)
            await desk_posts.release(tx, desk_id)

    async def _connected(self, tenant_id: UUID, account_id: UUID, opened: Opened | None, *, take_over: bool) -> Health:
        if opened is None:
            return Health(state=HealthState.UNCHECKED, code="disabled")
        if isinstance(opened.channel, Hooked):
            if getattr(opened.settings, "receive", None) == "webhook":
                async with self._database.tenant(tenant_id) as tx:
                    words = await channel_accounts.secrets(tx, self._vault, account_id)
                url = f"{self._origin}/v1/channels/{opened.owner.kind.value}/{account_id}"
                await opened.channel.hook(url, words[-1].decode() if words else "")
            elif take_over:
                await opened.channel.hook(None, "")
        return await opened.channel.check()


def _facts(health: Health) -> dict[str, object]:
    """What a bot is called: in groups it is told by that."""
    assert health.external_id is not None, "Telegram tells it"
    return {"bot_id": int(health.external_id), "username": (health.name or "").removeprefix("@") or None}


def connecting(settings: Settings) -> OpenConnector:
    """A connector for this installation's providers."""

    @asynccontextmanager
    async def opened(database: Database) -> AsyncIterator[Connecting]:
        roots = secrets.root_keys(settings)
        vault = Vault(roots)
        store = media_store(settings, Links.of(settings.origin, roots))
        try:
            async with open_accounts(settings, database, vault, store) as accounts:
                yield Connecting(database, vault, accounts, settings.origin)
        finally:
            await store.close()

    return opened
