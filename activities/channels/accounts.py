"""Accounts as their providers are reached: opened from the records for each piece of work, so that a change holds at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from pydantic import BaseModel

from activities.channels.port import AccountError, Channel, Files
from models.contracts.accounts import CREDENTIALS, SETTINGS
from models.contracts.channels import Health, HealthState, Provider
from models.repositories import channel_accounts
from models.repositories.arrivals import Owner
from models.repositories.vault import Vault
from runtime.database import Database

Open = Callable[[Any, Any, httpx.AsyncClient, Files, str], Channel]
"""`open(settings, credentials, client, files, base_url)`: an adapter for one account."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An account that may be worked for. `settings` is its provider's model (models/contracts/accounts.py)."""

    owner: Owner
    provider: Provider
    channel: Channel
    settings: BaseModel
    health: HealthState
    cause: str | None

    async def refused(self, error: AccountError) -> Health:
        """What is wrong with an account that its provider refuses, and what a person can do about it."""
        found = await self.channel.check()
        return found if found.state is HealthState.DEAD else self.dead(error.code)

    def dead(self, code: str) -> Health:
        """Refused for that, with what a person can do about it."""
        return Health(state=HealthState.DEAD, code=code, advice=self.channel.advice(code))

    async def answered(self) -> Health | None:
        """What a call that has succeeded shows of the account. What was refused may still be refused something else, so that
        all of it is tried. None: nothing."""
        if self.health is not HealthState.DEAD:
            return Health(state=HealthState.OK)
        if self.cause in self.channel.capabilities.told_late:
            return None
        found = await self.channel.check()
        return None if found.state is HealthState.AWAY else found


def no_credentials(error: AccountError) -> Health:
    """What is wrong with an account that cannot be opened."""
    return Health(state=HealthState.DEAD, code=error.code, advice=("Give the account its credentials.",))


class Accounts:
    """Holds what adapters share. `urls`: where each provider is reached; what is not there cannot be opened.

    Of `clients` each account has always the same one.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        clients: Sequence[httpx.AsyncClient],
        files: Files,
        adapters: Mapping[Provider, Open],
        urls: Mapping[Provider, str],
    ) -> None:
        self._database = database
        self._vault = vault
        self._clients = clients
        self._files = files
        self._adapters = adapters
        self._urls = urls

    async def open(self, tenant_id: UUID, account_id: UUID) -> Opened | None:
        """The account, or None when there is nothing to be done for it: it is gone, disabled, or has no provider.

        Raises AccountError when it lacks its credentials.
        """
        async with self._database.tenant(tenant_id) as tx:
            found = await channel_accounts.connection(tx, self._vault, account_id)
        if found is None or found.disabled or found.provider not in self._adapters:
            return None
        settings = SETTINGS[found.provider].model_validate(found.settings)
        if found.credentials is None:
            raise AccountError("no_credentials")
        return Opened(
            owner=Owner(account_id, found.provider.kind),
            provider=found.provider,
            channel=self.of(
                found.provider,
                settings,
                CREDENTIALS[found.provider].model_validate(found.credentials),
                self._clients[account_id.int % len(self._clients)],
            ),
            settings=settings,
            health=found.health,
            cause=found.health_code,
        )

    def of(
        self,
        provider: Provider,
        settings: BaseModel,
        credentials: BaseModel,
        client: httpx.AsyncClient | None = None,
    ) -> Channel:
        """An adapter for an account that may not be stored yet."""
        url = self._urls.get(provider, "")
        return self._adapters[provider](settings, credentials, client or self._clients[0], self._files, url)
