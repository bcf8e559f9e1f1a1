"""Visitors of sites: nobody signs in; a token says which conversation is theirs, and it is asked for every time."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from starlette.requests import HTTPConnection

from api.identity.tokens import Tokens, Visit
from api.problems import ProblemError, not_found
from api.records import Records
from models.contracts.enums import ChannelKind
from models.repositories import channel_accounts, sites
from models.repositories.sites import Site


async def site_of(records: Records, account_id: UUID) -> Site | None:
    """None for an account that is unknown, of another kind, disabled, or of a suspended tenant."""
    async with records.system() as tx:
        tenant = await channel_accounts.find(tx, account_id, ChannelKind.WEB)
    if tenant is None:
        return None
    async with records.tenant(tenant) as tenant_tx:
        return await sites.get(tenant_tx, account_id)


async def site(request: HTTPConnection) -> Site:
    """The site that the address names. Raises ProblemError (404): the same for whatever is wrong with it."""
    # Whether its origin may call was asked before (see api.edge.origins).
    found: Site | None = getattr(request.state, "site", None)
    account = site_id(request.path_params["account_id"])
    if found is None and account is not None:
        found = request.state.site = await site_of(request.app.state.gateway.records, account)
    if found is None:
        raise not_found("site")
    return found


def site_id(written: str | UUID) -> UUID | None:
    try:
        return UUID(str(written))
    except ValueError:
        return None


async def site_visited(records: Records, visit: Visit) -> Site | None:
    """The site of a token that was good. None as with `site_of`, which does not know whose it is."""
    async with records.tenant(visit.tenant_id) as tx:
        return await sites.get(tx, visit.account_id)


async def visit_of(connection: HTTPConnection, token: str) -> Visit:
    """Whose token this is. Raises ProblemError: 401 for a token that is not good here, 404 for a site that is gone."""
    tokens: Tokens = connection.app.state.gateway.tokens
    account = site_id(connection.path_params["account_id"])
    visit = None if account is None else await tokens.read_visit(token, account)
    if visit is None:
        raise ProblemError(
            401,
            "This token is unknown, expired, or another site's: open the visit again.",
            headers={"WWW-Authenticate": 'Bearer realm="mainstay", error="invalid_token"'},
        )
    if getattr(connection.state, "site", None) is None:
        connection.state.site = await site_visited(connection.app.state.gateway.records, visit)
    if connection.state.site is None:
        raise not_found("site")
    return visit


async def visiting(request: Request) -> Visit:
    """The visitor of this request. Raises ProblemError as `visit_of` does."""
    visit: Visit | None = getattr(request.state, "visit", None)
    if visit is None:
        headers = request.headers.getlist("authorization")
        scheme, _, token = headers[0].partition(" ") if len(headers) == 1 else ("", "", "")
        visit = await visit_of(request, token.strip() if scheme.lower() == "bearer" else "")
        request.state.visit = visit
    return visit


InSite = Annotated[Site, Depends(site)]
Visiting = Annotated[Visit, Depends(visiting)]
"""Who visits. `authorize` has asked before; another's conversation cannot be named."""
