"""No route gives, or does, anything of another tenant's, or what the caller's role may not: the whole OpenAPI document,
with another tenant's ids."""

from typing import Any

import asyncpg
import pytest

from api.permissions import ROUTES, Permission, granted
from models.contracts.enums import Role
from runtime.database import driver_url
from tests.service.isolation.requests import STREAMS, Attempt, attempts, operations, uncovered
from tests.service.isolation.tables import TENANT_TABLES
from tests.service.isolation.world import World

REFUSED = {403, 404, 409, 422}
SIGNED_IN, NOBODY = "owner, signed in", "nobody"
CALLERS = {
    SIGNED_IN: granted(Role.OWNER, None, signed_in=True),
    "owner": granted(Role.OWNER, None, signed_in=False),
    "admin": granted(Role.ADMIN, None, signed_in=False),
    "aigerim": granted(Role.AGENT, None, signed_in=False),
    "user": granted(Role.USER, None, signed_in=False),
    NOBODY: frozenset[Permission](),
}


@pytest.fixture(scope="module")
async def document(world: World) -> dict[str, Any]:
    found: dict[str, Any] = (await world.ours.company.get("/openapi.json")).json()
    return found


async def test_every_route_is_covered(document: dict[str, Any]) -> None:
    """A new route, parameter or field must be taught to tests/service/isolation/requests.py."""
    assert uncovered(document) == []


async def rows_of(world: World) -> dict[str, str]:
    """A digest of each table's rows of theirs."""
    connection = await asyncpg.connect(driver_url(world.admin_url))
    try:
        return {
            table: await connection.fetchval(
                f"SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {table} t WHERE tenant_id = $1",
                world.theirs.id,
            )
            for table in TENANT_TABLES
        }
    finally:
        await connection.close()


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.timeout(300)
async def test_their_things_do_not_exist_for_us(world: World, document: dict[str, Any], caller: str) -> None:
    before = await rows_of(world)
    for attempt in attempts(document, world.ours, world.theirs):
        status, text = await made(world, attempt, caller)
        if ROUTES[attempt.operation].permission not in CALLERS[caller]:
            assert status == (401 if caller == NOBODY else 403), f"{attempt} got {status}: {text}"
        elif attempt.names_theirs:
            assert status in REFUSED, f"{attempt} got {status}: {text}"
        assert status < 500, f"{attempt} got {status}: {text}"
        assert world.theirs.marker not in text, f"{attempt} got {status}: {text}"
        named = str(attempt)
        # Names of secrets are each company's own.
        ids = {kind: each for kind, each in world.theirs.ids.items() if kind != "name"}
        leaked = [kind for kind, each in ids.items() if each in text and each not in named]
        assert leaked == [], f"{attempt} got {status}: {text}"
    assert await rows_of(world) == before


async def made(world: World, attempt: Attempt, caller: str) -> tuple[int, str]:
    tenant = world.ours.company
    request = tenant.http.build_request(attempt.method, attempt.path, params=attempt.query, json=attempt.body)
    if caller == NOBODY:
        del request.headers["Authorization"]
    else:
        request.headers.update(world.ours.session if caller == SIGNED_IN else tenant.as_(caller))
    response = await tenant.http.send(request, stream=True)
    try:
        if attempt.operation in STREAMS and response.is_success:
            return response.status_code, ""
        return response.status_code, (await response.aread()).decode(errors="replace")
    finally:
        await response.aclose()


async def test_the_same_requests_find_our_own(world: World, document: dict[str, Any]) -> None:
    """What is refused above is refused for whose it is, not for how it is asked."""
    for name, method, _, _ in operations(document):
        if method != "GET":
            continue
        for attempt in attempts(document, world.ours, world.ours):
            if attempt.operation == name and attempt.names_theirs:
                status, text = await made(world, attempt, SIGNED_IN)
                assert status == 200, f"{attempt} got {status}: {text}"


@pytest.mark.parametrize("caller", [caller for caller, powers in CALLERS.items() if powers])
async def test_whom_the_table_lets_read_is_let(world: World, document: dict[str, Any], caller: str) -> None:
    """What is refused above is refused for the role, not for everybody."""
    asked = 0
    for attempt in attempts(document, world.ours, world.ours):
        if attempt.method == "GET" and ROUTES[attempt.operation].permission in CALLERS[caller]:
            status, text = await made(world, attempt, caller)
            assert status not in {401, 403}, f"{attempt} got {status}: {text}"
            asked += 1
    assert asked > 20
