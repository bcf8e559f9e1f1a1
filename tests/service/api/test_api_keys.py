"""API keys: what they may do, who may make them, and how their secrets change."""

import asyncio
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from api.permissions import Permission
from models.repositories.api_keys import hash_key
from models.tables import api_keys
from runtime.database import Database
from tests.service.api.house import Company
from tests.service.whole import eventually


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


async def made(acme: Company, headers: dict[str, str] | None = None, **body: Any) -> dict[str, Any]:
    response = await acme.post("/v1/keys", {"name": "A key", **body}, headers=headers or {})
    assert response.status_code == 201, response.text
    found: dict[str, Any] = response.json()
    return found


async def works(acme: Company, secret: str, path: str = "/v1/conversations") -> int:
    return (await acme.get(path, headers=bearer(secret))).status_code


async def test_a_key_is_shown_once_and_kept_as_a_hash(acme: Company, database: Database) -> None:
    made_now = await made(acme, name="Shop", expires_in_days=1)
    secret = made_now.pop("secret")
    assert secret.startswith(made_now["prefix"])
    assert await works(acme, secret) == 200
    listed = (await acme.get("/v1/keys?limit=200")).json()["items"]
    assert {"secret", "hash"} & listed[0].keys() == set()
    assert (listed[0]["id"], listed[0]["name"], listed[0]["member"]["name"]) == (made_now["id"], "Shop", "Owner")
    async with database.tenant(acme.id) as tx:
        rows = (await tx.connection.scalars(sa.text("SELECT k::text FROM api_keys k"))).all()
    assert rows
    assert not [row for row in rows if secret[10:] in row]


async def test_scopes_confine_a_key(acme: Company) -> None:
    secret = (await made(acme, scopes=["conversations:read"]))["secret"]
    assert await works(acme, secret) == 200
    assert await works(acme, secret, "/v1/members") == 403
    refused = await acme.post("/v1/conversations", {}, headers=bearer(secret))
    assert (refused.status_code, refused.json()["permission"]) == (403, "conversations:write")


async def test_no_key_can_do_more_than_its_maker(acme: Company) -> None:
    confined = (await made(acme, scopes=["keys:manage", "members:manage", "conversations:read"]))["secret"]
    refused = await acme.post("/v1/keys", {"name": "x", "scopes": ["tenant:delete"]}, headers=bearer(confined))
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "scopes")
    inherited = await made(acme, bearer(confined))
    assert inherited["scopes"] == ["conversations:read", "keys:manage", "members:manage"]
    # Nor get the secret of one that can, nor a person who can.
    everything = await made(acme)
    rotated = await acme.post(f"/v1/keys/{everything['id']}/rotate", {}, headers=bearer(confined))
    assert (rotated.status_code, rotated.json()["type"]) == (403, "urn:mainstay:problem:key-above-yours")
    invited = await acme.post(
        "/v1/members", {"email": "x@example.com", "name": "X", "role": "agent"}, headers=bearer(confined)
    )
    assert (invited.status_code, invited.json()["type"]) == (403, "urn:mainstay:problem:role-above-yours")


async def test_a_key_for_somebody_else_does_not_rise_with_them(acme: Company) -> None:
    boris = str(acme.members["boris"].id)
    key = await made(acme, member_id=boris)
    assert "conversations:read" in key["scopes"]
    assert "members:manage" not in key["scopes"]
    raised = await acme.http.patch(f"/v1/members/{boris}", json={"role": "owner"})
    assert raised.status_code == 200
    refused = await acme.post("/v1/members", {"email": "x@example.com", "name": "X"}, headers=bearer(key["secret"]))
    assert refused.status_code == 403


async def test_self_is_no_scope(acme: Company) -> None:
    refused = await acme.post("/v1/keys", {"name": "x", "scopes": [Permission.SELF]})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "scopes")


@pytest.mark.parametrize("name", ["aigerim", "user"])
async def test_keys_are_managed_by_administrators(acme: Company, name: str) -> None:
    for method, path in (("GET", "/v1/keys"), ("POST", "/v1/keys")):
        response = await acme.http.request(method, path, headers=acme.as_(name))
        assert response.status_code == 403


async def test_a_rotation_voids_the_secret_before(acme: Company) -> None:
    key = await made(acme)
    rotated = (await acme.post(f"/v1/keys/{key['id']}/rotate")).json()
    assert (rotated["id"], rotated["previous_until"]) == (key["id"], None)
    assert await works(acme, rotated["secret"]) == 200
    assert await works(acme, key["secret"]) == 401


async def test_with_a_grace_both_secrets_are_good_and_the_one_before_those_is_not(acme: Company) -> None:
    key = await made(acme)
    first = (await acme.post(f"/v1/keys/{key['id']}/rotate", {"grace_minutes": 5})).json()
    assert first["previous_until"] is not None
    assert [await works(acme, each["secret"]) for each in (key, first)] == [200, 200]
    second = (await acme.post(f"/v1/keys/{key['id']}/rotate", {"grace_minutes": 5})).json()

    async def rotated() -> bool:
        return [await works(acme, each["secret"]) for each in (key, first, second)] == [401, 200, 200]

    await eventually(rotated, 2)


async def test_of_many_rotations_at_once_one_secret_is_left(acme: Company) -> None:
    key = await made(acme)
    answers = await asyncio.gather(*(acme.post(f"/v1/keys/{key['id']}/rotate") for _ in range(30)))
    assert {answer.status_code for answer in answers} == {200}
    secrets = [answer.json()["secret"] for answer in answers]
    assert len(set(secrets)) == 30
    # Each of them asked anew: none has been used before.
    assert sorted([await works(acme, each) for each in (key["secret"], *secrets)]) == [200] + [401] * 30


async def test_a_revoked_key_is_refused_at_once_though_it_was_just_used(acme: Company) -> None:
    key = await made(acme)
    assert await works(acme, key["secret"]) == 200
    assert (await acme.http.delete(f"/v1/keys/{key['id']}")).status_code == 204

    async def refused() -> bool:
        return await works(acme, key["secret"]) == 401

    await eventually(refused, 2)
    again = [await acme.http.delete(f"/v1/keys/{key['id']}"), await acme.post(f"/v1/keys/{key['id']}/rotate")]
    assert [response.status_code for response in again] == [404, 404]


async def test_an_expired_key_is_refused(acme: Company, database: Database) -> None:
    key = await made(acme, expires_in_days=1)
    async with database.tenant(acme.id) as tx:
        await tx.connection.execute(
            sa.update(api_keys)
            .where(api_keys.c.hash == hash_key(key["secret"]))
            .values(expires_at=sa.func.now() - sa.text("interval '1 second'"))
        )
    assert await works(acme, key["secret"]) == 401


async def test_the_last_use_is_noted(acme: Company) -> None:
    key = await made(acme)
    assert key["last_used_at"] is None
    await works(acme, key["secret"])

    async def noted() -> bool:
        listed = (await acme.get("/v1/keys?limit=200")).json()["items"]
        return any(each["last_used_at"] for each in listed if each["id"] == key["id"])

    await eventually(noted)


async def test_keys_of_another_tenant_do_not_exist(acme: Company, globex: Company) -> None:
    theirs = await made(globex)
    answers: list[httpx.Response] = [
        await acme.http.delete(f"/v1/keys/{theirs['id']}"),
        await acme.post(f"/v1/keys/{theirs['id']}/rotate"),
        await acme.post("/v1/keys", {"name": "x", "member_id": str(globex.members["owner"].id)}),
    ]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert theirs["id"] not in (await acme.get("/v1/keys?limit=200")).text
    assert await works(globex, theirs["secret"]) == 200


async def test_no_secret_is_kept_for_a_repetition(acme: Company, database: Database) -> None:
    answers = [await acme.post("/v1/keys", {"name": "x"}, key="once") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert len({answer.json()["secret"] for answer in answers}) == 2
    async with database.tenant(acme.id) as tx:
        kept = await tx.connection.scalar(sa.text("SELECT string_agg(body::text, '') FROM idempotency_keys"))
    assert "msk_" not in (kept or "")
