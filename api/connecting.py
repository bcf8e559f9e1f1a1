"""The port through which the gateway reaches providers: it may not call them itself."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol
from uuid import UUID

from pydantic import BaseModel

from models.contracts.channels import Health, Provider
from runtime.database import Database


class Connector(Protocol):
    """Asks a provider about an account. Raises nothing: what is wrong is in the Health, with advice for a person."""

    async def look(self, provider: Provider, settings: BaseModel, credentials: BaseModel) -> Health:
        """What the provider says of an account that is not stored yet."""

    async def connect(self, tenant_id: UUID, account_id: UUID, *, take_over: bool = False) -> Health:
        """Check a stored account, tell its provider where to deliver, and note what was found.

        `take_over`: have it deliver to nobody else any more.
        """

    async def check_desk(self, tenant_id: UUID, desk_id: UUID) -> None:
        """Look whether the bot of a desk may do in its group what it must, and note what was found."""


OpenConnector = Callable[[Database], AbstractAsyncContextManager[Connector]]
"""Given by whoever composes the process (cli)."""
