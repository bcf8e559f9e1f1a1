"""Members, passwords and keys from the command line: the first sign-in needs no mail."""

import os
from uuid import uuid4

import httpx
import pytest

from models.repositories import credentials
from runtime.database import Database
from runtime.embedded import Servers
from tests.service.api.house import ROOT_KEYS
from tests.service.api.test_api_command_line import Terminal

PASSWORD = "correct horse battery staple"


@pytest.fixture
async def slug() -> str:
    return f"acme-{uuid4().hex[:8]}"


@pytest.fixture
async def shell(servers: Servers, url: str, slug: str) -> Terminal:
    """With a tenant whose owner has an address."""
    ours = {
        "MAINSTAY_DATABASE_URL": servers.database_url,
        "MAINSTAY_ROOT_KEYS": ROOT_KEYS,
        "MAINSTAY_TEMPORAL_ADDRESS": servers.temporal_address,
        "MAINSTAY_URL": url,
        "COLUMNS": "200",
    }
    shell = Terminal({**os.environ, **ours})
    created = (
        await shell.mainstay("tenant", "create", slug, "--owner", "Dana", "--email", f"Dana@{slug}.kz", "--json")
    ).json
    assert created["api_key"].startswith("msk_")
    return shell


async def has_password(database: Database, slug: str) -> bool:
    async with database.system() as tx:
        return await credentials.find(tx, f"dana@{slug}.kz", slug) is not None


async def test_a_password_is_set_from_stdin_and_a_weak_one_is_not(
    shell: Terminal, slug: str, database: Database
) -> None:
    weak = await shell.mainstay("member", "password", "Dana", "--tenant", slug, typed="dana\n")
    assert weak.code == 1
    assert "must have at least 12 characters; it must not" in weak.err
    assert not await has_password(database, slug)
    told = await shell.mainstay("member", "password", "Dana", "--tenant", slug, typed=PASSWORD + "\n")
    assert told.code == 0, told.err
    assert PASSWORD not in told.out + told.err
    assert await has_password(database, slug)
    nobody = await shell.mainstay("member", "password", "Nobody", "--tenant", slug, typed=PASSWORD)
    assert (nobody.code, nobody.err.strip()) == (1, "error: no member is called Nobody")


async def test_people_are_invited(shell: Terminal, slug: str) -> None:
    refused = await shell.mainstay("member", "add", "Boris", "--invite", "--tenant", slug)
    assert refused.code == 2
    email = f"boris@{slug}.kz"
    added = (
        await shell.mainstay("member", "add", "Boris", "--invite", "--email", email, "--tenant", slug, "--json")
    ).json
    assert "api_key" not in added
    again = await shell.mainstay("member", "add", "B", "--invite", "--email", email.upper(), "--tenant", slug)
    assert again.code == 1
    assert "has the address" in again.err
    listed = (await shell.mainstay("member", "list", "--tenant", slug, "--json")).json
    assert [(each["name"], each["state"], each["email"]) for each in listed] == [
        ("Dana", "active", f"dana@{slug}.kz"),
        ("Boris", "invited", email),
    ]


async def test_keys_are_made_rotated_and_revoked(shell: Terminal, slug: str, url: str) -> None:
    ours = ("--tenant", slug)

    async def works(key: str) -> int:
        async with httpx.AsyncClient(trust_env=False) as http:
            return (await http.get(f"{url}/v1/keys", headers={"Authorization": f"Bearer {key}"})).status_code

    made = (await shell.mainstay("apikey", "create", "Shop", "--member", "Dana", "--days", "7", *ours, "--json")).json
    assert await works(made["api_key"]) == 200
    confined = await shell.mainstay(
        "apikey", "create", "Bot", "--member", "Dana", "--scope", "agent:ask", *ours, "--json"
    )
    assert await works(confined.json["api_key"]) == 403
    rotated = (await shell.mainstay("apikey", "rotate", made["id"], "--grace", "5", *ours, "--json")).json
    assert [await works(each["api_key"]) for each in (made, rotated)] == [200, 200]
    assert (await shell.mainstay("apikey", "revoke", made["id"], *ours)).code == 0
    assert [await works(each["api_key"]) for each in (made, rotated)] == [401, 401]
    listed = (await shell.mainstay("apikey", "list", *ours, "--json")).json
    assert {each["name"]: each["scopes"] for each in listed} == {"Bot": ["agent:ask"], "first": None}
    assert (await shell.mainstay("apikey", "revoke", made["id"], *ours)).code == 1
