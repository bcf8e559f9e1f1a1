"""Customers over HTTP: read and corrected, exported whole, erased in order; codes that tell who they are."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from models.contracts.privacy import CodeOutcome
from models.repositories import erasure, identity_codes
from models.repositories.vault import Vault
from models.tables import audit_log, customers
from models.tables import identity_codes as codes
from runtime.crypto.roots import RootKeys
from runtime.database import Database
from tests.service.api.house import PERSON, ROOT_KEYS, Company

VAULT = Vault(RootKeys.parse(SecretStr(ROOT_KEYS).get_secret_value()))


async def known(company: Company, external_id: str = "c-1", **patch: Any) -> str:
    """A customer's id."""
    await company.opened(customer={"external_id": external_id, "name": "Aigerim"})
    found = await company.get("/v1/customers", params={"external_id": external_id})
    customer: str = found.json()["items"][0]["id"]
    if patch:
        assert (await company.http.patch(f"/v1/customers/{customer}", json=patch)).is_success
    return customer


async def audited(database: Database, company: Company, customer: str) -> list[tuple[str, dict[str, Any]]]:
    async with database.tenant(company.id) as tx:
        rows = await tx.connection.execute(
            sa.select(audit_log.c.action, audit_log.c.details)
            .where(audit_log.c.target_id == UUID(customer))
            .order_by(audit_log.c.seq)
        )
        return [(row.action, row.details) for row in rows]


async def test_pages_of_customers(acme: Company) -> None:
    ids = [await known(acme, f"c-{number}") for number in range(3)]
    first = (await acme.get("/v1/customers?limit=2")).json()
    second = (await acme.get(f"/v1/customers?limit=2&cursor={first['next']}")).json()
    assert [each["id"] for each in first["items"] + second["items"]] == ids[::-1]
    assert second["next"] is None
    assert (await acme.get("/v1/customers", params={"external_id": "nobody"})).json()["items"] == []


async def test_a_customer_is_corrected(acme: Company, database: Database) -> None:
    customer = await known(acme)
    path = f"/v1/customers/{customer}"
    changed = await acme.http.patch(path, json={"email": "Aigerim@Example.com", "phone": "+7 (701) 123-45-67"})
    assert (changed.json()["email"], changed.json()["phone"]) == ("aigerim@example.com", "+77011234567")
    assert changed.json()["name"] == "Aigerim", "what is left out stays"
    assert (await acme.http.patch(path, json={"phone": None})).json()["phone"] is None
    assert await audited(database, acme, customer) == [
        ("customer.changed", {"fields": "email,phone"}),
        ("customer.changed", {"fields": "phone"}),
    ]


@pytest.mark.parametrize(
    ("patch", "field"),
    [
        ({}, "body"),
        ({"email": "no address"}, "email"),
        ({"phone": "727 250 11 22"}, "phone"),
        ({"phone": "+7 000 000 00 00"}, "phone"),
        ({"name": "  "}, "name"),
        ({"external_id": "c-2"}, "external_id"),
        ({"tenant_id": str(uuid4())}, "tenant_id"),
        ({"verified_until": "2030-01-01T00:00:00Z"}, "verified_until"),
        ({"attributes": {}}, "attributes"),
    ],
)
async def test_what_cannot_be_written(acme: Company, patch: dict[str, Any], field: str) -> None:
    response = await acme.http.patch(f"/v1/customers/{await known(acme)}", json=patch)
    assert response.status_code == 422
    assert [each["field"] for each in response.json()["errors"]] == [field]
    assert all(str(value) not in response.text for value in patch.values() if value)


async def test_another_tenants_customer_does_not_exist(acme: Company, globex: Company) -> None:
    path = f"/v1/customers/{await known(acme, email='a@example.com')}"
    for method, below, body in (
        ("GET", "", None),
        ("GET", "/export", None),
        ("PATCH", "", {"name": "Mallory"}),
        ("DELETE", "", None),
        ("POST", "/identity-codes", {}),
        ("POST", "/identity-codes/check", {"code": "123456"}),
    ):
        response = await globex.http.request(method, path + below, json=body)
        assert response.status_code == 404, f"{method} {below}"
    assert (await acme.get(path)).json()["name"] == "Aigerim"
    mine = await acme.http.delete(path)
    assert (await globex.get(f"/v1/erasures/{mine.json()['erasure_id']}")).status_code == 404


async def test_agents_read_and_do_not_erase(acme: Company) -> None:
    path = f"/v1/customers/{await known(acme)}"
    agent, user = acme.as_("aigerim"), acme.as_("user")
    assert (await acme.get(path, headers=agent)).status_code == 200
    assert (await acme.http.patch(path, json={"name": "A."}, headers=agent)).status_code == 200
    assert (await acme.http.delete(path, headers=agent)).status_code == 403
    assert (await acme.get(f"{path}/export", headers=agent)).status_code == 403
    assert (await acme.get(path, headers=user)).status_code == 403


async def test_an_export_holds_everything_and_no_secrets(acme: Company, database: Database) -> None:
    customer = await known(acme, email="a@example.com")
    conversation = await acme.opened(customer={"external_id": "c-1"})
    await acme.said(conversation, PERSON)
    async with database.tenant(acme.id) as tx:
        code_id = await identity_codes.ask(tx, UUID(customer), conversation=UUID(conversation))
        assert code_id is not None
        code = await identity_codes.make(tx, VAULT, code_id)
        await identity_codes.check_of(tx, VAULT, UUID(customer), code)
    other = await acme.opened(customer={"external_id": "c-2"})
    await acme.said(other, "Not theirs")
    response = await acme.get(f"/v1/customers/{customer}/export")
    found = response.json()
    assert found["customer"]["email"] == "a@example.com"
    assert [each["id"] for each in found["conversations"]] == [conversation]
    assert [each["text"] for each in found["messages"]] == [PERSON, "Words of the bot."]
    assert len(found["escalations"]) == len(found["sends"]) == len(found["identity_codes"]) == 1
    assert [each["outcome"] for each in found["identity_checks"]] == ["right"]
    assert found["events"]
    assert not {"hash", "sealed_key"} & found["identity_codes"][0].keys()
    assert str(acme.id) not in response.text
    assert "Not theirs" not in response.text
    assert (await audited(database, acme, customer))[-1] == ("customer.exported", {"messages": 2})


async def test_an_erasure_is_remembered_until_it_can_be_carried_out(acme: Company, database: Database) -> None:
    """Nobody polls the queue here: what the gateway does alone is seen."""
    customer = await known(acme, email="a@example.com", phone="+77011234567")
    asked = (await acme.http.delete(f"/v1/customers/{customer}")).json()["erasure_id"]
    report = (await acme.get(f"/v1/erasures/{asked}")).json()
    assert (report["status"], report["removed"], report["customer_id"]) == ("running", {}, customer)
    async with database.tenant(acme.id) as tx:
        row = (await tx.connection.execute(sa.select(customers).where(customers.c.id == UUID(customer)))).one()
    assert (row.external_id, row.name, row.email, row.phone) == (None, None, None, None), "at once"
    assert (await acme.get("/v1/customers")).json()["items"] == []
    async with database.system() as system:
        due = await erasure.claim_running(system, after=timedelta(0), limit=1000)
    assert UUID(asked) in {each.erasure_id for each in due}
    async with database.system() as system:
        again = await erasure.claim_running(system, after=timedelta(0), limit=1000)
    assert UUID(asked) not in {each.erasure_id for each in again}


async def test_a_code_needs_an_address_and_comes_five_times_an_hour(acme: Company) -> None:
    customer = await known(acme)
    path = f"/v1/customers/{customer}/identity-codes"
    refused = await acme.post(path)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:mainstay:problem:no-address")
    await acme.http.patch(f"/v1/customers/{customer}", json={"email": "a@example.com"})
    assert [(await acme.post(path)).status_code for _ in range(6)] == [202] * 5 + [429]
    other = await acme.opened(customer={"external_id": "c-2"})
    strange = await acme.post(
        f"/v1/customers/{await known(acme, 'c-3', email='b@example.com')}/identity-codes", {"conversation_id": other}
    )
    assert strange.status_code == 404, "somebody else's conversation"


async def made(database: Database, company: Company, customer: str) -> str:
    async with database.tenant(company.id) as tx:
        code_id = await identity_codes.ask(tx, UUID(customer))
        assert code_id is not None
        return await identity_codes.make(tx, VAULT, code_id)


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


async def test_a_code_can_be_tried_five_times(acme: Company, database: Database) -> None:
    customer = await known(acme, email="a@example.com")
    path = f"/v1/customers/{customer}/identity-codes/check"
    assert (await acme.post(path, {"code": "123456"})).json()["outcome"] == "none"
    code = await made(database, acme, customer)
    tried = [(await acme.post(path, {"code": wrong(code)})).json() for _ in range(5)]
    assert [(each["outcome"], each["tries_left"]) for each in tried] == [
        *(("wrong", left) for left in (4, 3, 2, 1)),
        ("exhausted", 0),
    ]
    late = (await acme.post(path, {"code": code})).json()
    assert (late["outcome"], late["verified"]) == ("exhausted", False)
    outcomes = [details["outcome"] for _, details in await audited(database, acme, customer) if "outcome" in details]
    assert outcomes == ["wrong"] * 4 + ["exhausted"] * 2
    assert code not in str(await audited(database, acme, customer))


async def test_a_newer_code_a_new_address_and_time_end_a_code(acme: Company, database: Database) -> None:
    customer = await known(acme, email="a@example.com")
    path = f"/v1/customers/{customer}/identity-codes/check"
    first = await made(database, acme, customer)
    second = await made(database, acme, customer)
    if first != second:
        assert (await acme.post(path, {"code": first})).json()["outcome"] == "wrong"
    right = (await acme.post(path, {"code": second})).json()
    assert right["verified"]
    assert right["verified_until"] == (await acme.get(f"/v1/customers/{customer}")).json()["verified_until"]

    third = await made(database, acme, customer)
    moved = (await acme.http.patch(f"/v1/customers/{customer}", json={"email": "b@example.com"})).json()
    assert moved["verified_until"] is None
    assert (await acme.post(path, {"code": third})).json()["outcome"] == "expired"

    fourth = await made(database, acme, customer)
    async with database.tenant(acme.id) as tx:
        await tx.connection.execute(
            sa.update(codes)
            .where(codes.c.customer_id == UUID(customer), codes.c.voided_at.is_(None))
            .values(expires_at=sa.func.now())
        )
    assert (await acme.post(path, {"code": fourth})).json()["outcome"] == "expired"


async def test_codes_that_are_tried_at_once_are_counted_one_by_one(acme: Company, database: Database) -> None:
    customer = await known(acme, email="a@example.com")
    code = await made(database, acme, customer)
    path = f"/v1/customers/{customer}/identity-codes/check"
    tried = await asyncio.gather(*(acme.post(path, {"code": wrong(code)}) for _ in range(20)))
    outcomes = [each.json()["outcome"] for each in tried]
    assert outcomes.count(CodeOutcome.WRONG) == 4
    assert outcomes.count(CodeOutcome.EXHAUSTED) == 16


async def test_a_code_stands_nowhere(acme: Company, database: Database) -> None:
    customer = await known(acme, email="a@example.com")
    code = await made(database, acme, customer)
    async with database.tenant(acme.id) as tx:
        row = (await tx.connection.execute(sa.select(codes).where(codes.c.customer_id == UUID(customer)))).one()
    assert code not in str(row)
    assert code.encode() not in bytes(row.hash) + bytes(row.sealed_key)


@pytest.mark.parametrize("code", ["12345", "1234567", "12345a", "", "١٢٣٤٥٦"])
async def test_what_is_no_code_is_refused(acme: Company, code: str) -> None:
    response = await acme.post(f"/v1/customers/{await known(acme)}/identity-codes/check", {"code": code})
    assert response.status_code == 422
    assert not code or code not in response.text
