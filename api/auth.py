"""Who is calling: an API key, looked up once every few seconds, and the roles that a route asks for."""

import time
from typing import Annotated

from fastapi import Depends, Request

from api.problems import ProblemError
from api.records import Records
from models.contracts.enums import Role
from models.repositories import tenants
from models.repositories.tenants import Caller

# How long a revoked key may still work, and how many keys are remembered.
CACHE_SECONDS = 5.0
CACHE_SIZE = 10_000

STAFF = frozenset({Role.OWNER, Role.ADMIN, Role.AGENT})
ADMINS = frozenset({Role.OWNER, Role.ADMIN})


class Authenticator:
    """Callers by their keys. Only hashes are kept."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._known: dict[bytes, tuple[Caller, float]] = {}

    async def caller(self, key: str) -> Caller | None:
        """The caller behind `key`, or None. Raises ProblemError (503) when the database is away."""
        hashed = tenants.hash_key(key)
        known = self._known.get(hashed)
        if known is not None and time.monotonic() < known[1]:
            return known[0]
        async with self._records.system() as tx:
            caller = await tenants.authenticate(tx, key)
        self._known.pop(hashed, None)
        if caller is not None:
            if len(self._known) >= CACHE_SIZE:
                del self._known[next(iter(self._known))]
            self._known[hashed] = caller, time.monotonic() + CACHE_SECONDS
        return caller


def key_of(request: Request) -> str:
    """The key in the request. Raises ProblemError (401) if there is none."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.startswith(tenants.KEY_PREFIX):
        raise _unknown("Send an API key: `Authorization: Bearer msk_…`.", "")
    return key.strip()


async def authenticated(request: Request) -> Caller:
    """The caller of this request. Raises ProblemError: 401 unknown key, 403 suspended tenant, 503 no database."""
    caller: Caller | None = getattr(request.state, "caller", None)
    if caller is None:
        caller = await request.app.state.gateway.authenticator.caller(key_of(request))
        if caller is None:
            raise _unknown("This API key is unknown, revoked or expired.", ', error="invalid_token"')
        if caller.suspended:
            raise ProblemError(403, "This tenant is suspended. Its operator can say why.", kind="suspended")
        request.state.caller = caller
    return caller


def _unknown(detail: str, error: str) -> ProblemError:
    return ProblemError(401, detail, headers={"WWW-Authenticate": f'Bearer realm="mainstay"{error}'})


async def staff(caller: Annotated[Caller, Depends(authenticated)]) -> Caller:
    return _with_role(caller, STAFF, "an agent, an admin or an owner")


async def admin(caller: Annotated[Caller, Depends(authenticated)]) -> Caller:
    return _with_role(caller, ADMINS, "an admin or an owner")


def _with_role(caller: Caller, roles: frozenset[Role], who: str) -> Caller:
    if caller.role not in roles:
        raise ProblemError(403, f"This takes the key of {who}; yours is of role {caller.role}.")
    return caller


Staff = Annotated[Caller, Depends(staff)]
Admin = Annotated[Caller, Depends(admin)]
