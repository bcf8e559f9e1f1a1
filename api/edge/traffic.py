"""Which limit holds for whom: by address until somebody is known, then by caller and by tenant."""

import math
from dataclasses import dataclass

from fastapi import Request
from limits import RateLimitItem, parse
from starlette.requests import HTTPConnection

from api.edge import origins
from api.edge.client_address import client_network
from api.edge.rate_limits import Limit, Limiter, Verdict, Wait
from api.edge.room import Place
from api.identity.tokens import Visit
from api.permissions import Traffic
from api.problems import ProblemError
from models.repositories.tenants import Caller
from runtime.settings import Settings

# Many people are behind one address.
VISITORS_OF_ADDRESS = 10


@dataclass(frozen=True, slots=True)
class _Class:
    """The limits of one class of routes."""

    each: RateLimitItem
    tenant: RateLimitItem


class Gate:
    """Lets a request through, or raises ProblemError: 429 (with Retry-After), 403 wrong origin, 503 no database."""

    def __init__(self, limiter: Limiter, settings: Settings) -> None:
        self._limiter = limiter
        self._strangers = parse(settings.rate_limit_strangers)
        read = parse(settings.rate_limit_read)
        each = {
            Traffic.READ: read,
            Traffic.STREAM: read,
            Traffic.WRITE: parse(settings.rate_limit_write),
            Traffic.MODEL: parse(settings.rate_limit_model),
            Traffic.BULK: parse(settings.rate_limit_bulk),
            Traffic.SIGN_IN: parse(settings.rate_limit_sign_in),
            Traffic.LOGIN: parse(settings.rate_limit_sign_in),
            Traffic.WEBHOOK: parse(settings.rate_limit_webhook),
            Traffic.VISIT: parse(settings.rate_limit_visits),
        }
        self._visitor = parse(settings.rate_limit_visitor)
        self._files_of_address = parse(settings.rate_limit_visitor_files)
        self._visitors_of_address = _times(self._visitor, VISITORS_OF_ADDRESS)
        factor = settings.rate_limit_tenant_factor
        self._classes = {traffic: _Class(item, _times(item, factor)) for traffic, item in each.items()}

    async def admit(self, request: Request, traffic: Traffic, caller: Caller | None) -> None:
        """Once for each request, as soon as it is known who calls (None: a public route)."""
        if traffic is Traffic.HEALTH or getattr(request.state, "admitted", False):
            return
        tenant = None if caller is None else caller.tenant_id
        if tenant is not None:
            await origins.confine(request, tenant)
        place: Place = request.state.place
        place.belongs_to(tenant, stream=traffic is Traffic.STREAM)
        limits = self._classes[traffic]
        if traffic is Traffic.LOGIN:
            pass  # counted by api.identity.throttle, which knows whose device it is
        elif caller is None:
            whom = (traffic, "address", client_network(request))
            # A provider waits for us, and all that come from it are counted in one row.
            aside = traffic is Traffic.WEBHOOK
            hit = self._limiter.hit_aside(limits.each, *whom) if aside else await self._limiter.hit(limits.each, *whom)
            _pass(hit, traffic)
        else:
            own = str(caller.key_id or caller.session_id)
            _pass(
                await self._limiter.hit_all(
                    [
                        Limit(limits.each, (traffic, "caller", own)),
                        Limit(limits.tenant, (traffic, "tenant", str(caller.tenant_id))),
                    ]
                ),
                traffic,
            )
        request.state.admitted = True

    async def admit_visitor(self, connection: HTTPConnection, traffic: Traffic, visit: Visit) -> None:
        """Somebody on a page of a site, who takes one of the places of the site's tenant."""
        place: Place = connection.state.place
        place.belongs_to(visit.tenant_id, stream=traffic is Traffic.STREAM)
        limits = [
            Limit(self._visitor, ("visitor", str(visit.conversation_id))),
            Limit(self._visitors_of_address, ("visitors", "address", client_network(connection))),
        ]
        _pass(await self._limiter.hit_all(limits), "visitor")

    async def admit_file(self, request: Request) -> None:
        """A visitor's file: it stays, so it is counted besides."""
        _pass(
            await self._limiter.hit(self._files_of_address, "visitor file", client_network(request)), "visitor's files"
        )

    async def stranger(self, request: HTTPConnection) -> None:
        """Somebody came with credentials that are none: charged to their address."""
        _pass(await self._limiter.hit(self._strangers, "stranger", client_network(request)), "failed authentication")


def _times(item: RateLimitItem, factor: int) -> RateLimitItem:
    return type(item)(item.amount * factor, item.multiples)


def _pass(verdict: Verdict, what: str) -> None:
    if isinstance(verdict, Wait):
        raise ProblemError(
            429,
            "Too many requests: see Retry-After for the seconds to wait.",
            kind="rate-limited",
            headers={"Retry-After": str(math.ceil(verdict.seconds))},
            limit=f"{what}: {verdict.item}",
        )
