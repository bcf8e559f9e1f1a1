"""`Idempotency-Key`: one effect and one response, however often and by how many gateways at once."""

import asyncio

import pytest

from models.repositories import idempotency
from models.repositories.idempotency import Claimed, Different, InFlight, Stored
from runtime.database import Database
from tests.service.api.house import HELLO, Company


async def test_thirty_requests_at_once_have_one_effect(acme: Company) -> None:
    async def until_answered() -> tuple[str, bool]:
        while True:
            response = await acme.post("/v1/conversations", {"text": HELLO}, key="k-1")
            if response.status_code != 409:
                assert response.status_code == 201
                return response.text, "idempotency-replayed" in response.headers
            assert response.headers["retry-after"] == "1"

    answers = await asyncio.gather(*(until_answered() for _ in range(30)))
    assert len({text.replace(" ", "") for text, _ in answers}) == 1
    assert sum(not replayed for _, replayed in answers) == 1
    assert len((await acme.get("/v1/conversations")).json()["items"]) == 1


async def test_a_key_belongs_to_one_request(acme: Company) -> None:
    first = await acme.post("/v1/conversations", {"text": "one"}, key="k")
    other = await acme.post("/v1/conversations", {"text": "two"}, key="k")
    assert other.status_code == 422
    assert other.json()["errors"][0]["field"] == "Idempotency-Key"
    elsewhere = await acme.post(f"/v1/conversations/{first.json()['id']}/messages", {"text": "one"}, key="k")
    assert elsewhere.status_code == 422


async def test_keys_of_tenants_do_not_meet(acme: Company, globex: Company) -> None:
    ours = await acme.post("/v1/conversations", {"text": HELLO}, key="k")
    theirs = await globex.post("/v1/conversations", {"text": HELLO}, key="k")
    assert "idempotency-replayed" not in theirs.headers
    assert ours.json()["id"] != theirs.json()["id"]


async def test_a_wait_is_replayed_with_its_reply(acme: Company) -> None:
    conversation = await acme.opened()
    path = f"/v1/conversations/{conversation}/messages?wait=20"
    first = await acme.post(path, {"text": HELLO}, key="m")
    second = await acme.post(path, {"text": HELLO}, key="m")
    assert second.headers["idempotency-replayed"] == "true"
    assert second.status_code == first.status_code == 200
    assert second.json() == first.json()


async def test_a_command_is_carried_out_once_and_its_refusal_kept(acme: Company) -> None:
    conversation, escalation = await acme.escalated()
    path = f"/v1/escalations/{escalation}/reply"
    first = await acme.post(path, {"text": "Here."}, key="r")
    second = await acme.post(path, {"text": "Here."}, key="r")
    assert second.json() == first.json()
    listed = (await acme.get(f"/v1/conversations/{conversation}/messages")).json()["items"]
    assert [each["text"] for each in listed].count("Here.") == 1
    refused = [
        await acme.post(f"/v1/escalations/{escalation}/take", key="t", headers=acme.as_("boris")) for _ in range(2)
    ]
    assert [each.status_code for each in refused] == [409, 409]
    assert refused[1].headers["content-type"] == "application/problem+json"
    assert refused[1].json() == refused[0].json()


async def test_what_left_nothing_behind_is_tried_anew(acme: Company) -> None:
    wrong = await acme.post("/v1/conversations", {"colour": "red"}, key="k")
    assert wrong.status_code == 422
    right = await acme.post("/v1/conversations", {}, key="k")
    assert right.status_code == 201


@pytest.mark.parametrize("key", [b"x" * 256, b"a b", "ü".encode("latin-1")])
async def test_a_key_must_be_one(acme: Company, key: bytes) -> None:
    response = await acme.http.post("/v1/conversations", json={}, headers={b"Idempotency-Key": key})
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "Idempotency-Key"


async def age(database: Database, acme: Company, column: str, interval: str) -> None:
    async with database.tenant(acme.id) as tx:
        await tx.connection.exec_driver_sql(f"UPDATE idempotency_keys SET {column} = now() - interval '{interval}'")


async def test_a_claim_outlives_neither_its_lease_nor_its_retention(acme: Company, database: Database) -> None:
    async def claim(hashed: bytes = b"1") -> object:
        async with database.tenant(acme.id) as tx:
            return await idempotency.claim(tx, "k", hashed)

    assert isinstance(await claim(), Claimed)
    assert isinstance(await claim(), InFlight)
    assert isinstance(await claim(b"2"), Different)
    await age(database, acme, "updated_at", "119 seconds")
    assert isinstance(await claim(), InFlight)
    await age(database, acme, "updated_at", "121 seconds")  # its gateway was killed
    assert isinstance(await claim(b"2"), Different)
    assert isinstance(await claim(), Claimed)
    async with database.tenant(acme.id) as tx:
        await idempotency.finish(tx, "k", b"1", 201, {"a": 1})
    assert await claim() == Stored(201, {"a": 1})
    await age(database, acme, "created_at", "23 hours 59 minutes")
    assert await claim() == Stored(201, {"a": 1})
    await age(database, acme, "created_at", "24 hours 1 minute")
    assert isinstance(await claim(b"2"), Claimed)
    await age(database, acme, "created_at", "25 hours")
    async with database.system() as system:
        await idempotency.forget_expired(system)
    assert isinstance(await claim(b"3"), Claimed), "nothing is left of it"
