"""All that the gateway's routes work with, gathered once per process."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from api.auth import Authenticator
from api.observe import Metrics
from api.processes import Processes
from api.readiness import Readiness
from api.records import Records
from api.search import Searcher
from api.wakeups import Wakeups
from runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class Gateway:
    """One process' connections and registers."""

    settings: Settings
    records: Records
    processes: Processes
    authenticator: Authenticator
    wakeups: Wakeups
    metrics: Metrics
    readiness: Readiness
    searcher: Searcher | None


async def gateway_of(request: Request) -> Gateway:
    """A coroutine, though it awaits nothing: the framework runs plain functions in a thread."""
    gateway: Gateway = request.app.state.gateway
    return gateway


InGateway = Annotated[Gateway, Depends(gateway_of)]
