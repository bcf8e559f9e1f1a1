"""Members: nobody rises above themselves or pulls another up, and a tenant never loses its last owner."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
import sqlalchemy as sa

from models.contracts.audit import AuditAction
from models.contracts.enums import Role
from models.repositories import api_keys, tenants
from models.tables import audit_log
from runtime.database import Database
from tests.service.api.house import Company
from tests.service.whole import eventually

Do = Callable[[Company, str, dict[str, str]], Any]


async def added(company: Company, database: Database, name: str, role: Role) -> UUID:
    """A member with a key, as `company.as_(name)`."""
    async with database.tenant(company.id) as tx:
        member = await tenants.add_member(tx, name=name.title(), role=role, email=f"{name}@{company.slug}.example")
        company.members[name] = member
        company.keys[name] = (await api_keys.create(tx, member.id, name="test"))[1]
    return member.id


async def patched(company: Company, member: object, as_: str = "owner", **body: Any) -> httpx.Response:
    return await company.http.patch(f"/v1/members/{member}", json=body, headers=company.as_(as_))


async def refused_soon(company: Company, name: str) -> None:
    """As soon as the gateway has heard of it, which takes milliseconds."""

    async def refused() -> bool:
        return (await company.get("/v1/conversations", headers=company.as_(name))).status_code == 401

    await eventually(refused, 2)


async def active_owners(company: Company) -> int:
    listed = (await company.get("/v1/members?limit=200")).json()["items"]
    return len([each for each in listed if (each["role"], each["state"]) == ("owner", "active")])


async def test_members_are_listed_with_addresses_for_those_who_manage_them(acme: Company, database: Database) -> None:
    await added(acme, database, "dana", Role.ADMIN)
    for name, shown in (("owner", True), ("aigerim", False)):
        listed = (await acme.get("/v1/members?limit=200", headers=acme.as_(name))).json()["items"]
        assert [each["name"] for each in listed] == ["Owner", "Aigerim", "Boris", "User", "Dana"]
        assert (listed[-1]["email"] is not None) == shown
    first = (await acme.get("/v1/members?limit=2")).json()
    rest = (await acme.get(f"/v1/members?limit=200&cursor={first['next']}")).json()
    assert [each["name"] for each in first["items"] + rest["items"]] == ["Owner", "Aigerim", "Boris", "User", "Dana"]


async def test_an_admin_makes_admins_and_no_owners_and_touches_none(acme: Company, database: Database) -> None:
    admin = await added(acme, database, "dana", Role.ADMIN)
    owner, aigerim = acme.members["owner"].id, acme.members["aigerim"].id
    assert (await patched(acme, aigerim, "dana", role="admin")).status_code == 200
    attempts = [
        await patched(acme, aigerim, "dana", role="owner"),
        await patched(acme, admin, "dana", role="owner"),
        await patched(acme, owner, "dana", name="Nobody"),
        await patched(acme, owner, "dana", disabled=True),
        await acme.http.delete(f"/v1/members/{owner}", headers=acme.as_("dana")),
        await acme.post(
            "/v1/members", {"email": "x@example.com", "name": "X", "role": "owner"}, headers=acme.as_("dana")
        ),
    ]
    assert {(each.status_code, each.json()["type"]) for each in attempts} == {
        (403, "urn:mainstay:problem:role-above-yours")
    }
    assert (await acme.get(f"/v1/members/{owner}")).json()["name"] == "Owner"


@pytest.mark.parametrize("name", ["aigerim", "user"])
async def test_others_manage_nobody(acme: Company, name: str) -> None:
    boris = acme.members["boris"].id
    assert (await patched(acme, boris, name, role="user")).status_code == 403
    assert (await acme.http.delete(f"/v1/members/{boris}", headers=acme.as_(name))).status_code == 403


@pytest.mark.parametrize("body", [{"tenant_id": "x"}, {"state": "active"}, {"email": "x@example.com"}, {"id": "x"}])
async def test_only_what_may_be_changed_is_taken(acme: Company, body: dict[str, Any]) -> None:
    refused = await patched(acme, acme.members["boris"].id, **body)
    assert (refused.status_code, refused.json()["errors"][0]["message"]) == (422, "unknown field")


async def test_who_is_disabled_is_out_at_once_and_comes_back_when_enabled(acme: Company) -> None:
    boris = acme.members["boris"].id
    assert (await acme.get("/v1/conversations", headers=acme.as_("boris"))).status_code == 200
    assert (await patched(acme, boris, disabled=True)).json()["state"] == "disabled"
    await refused_soon(acme, "boris")
    assert (await patched(acme, boris, disabled=False)).json()["state"] == "active"
    assert (await acme.get("/v1/conversations", headers=acme.as_("boris"))).status_code == 200


async def test_what_the_removed_wrote_stays_and_nothing_else(acme: Company, database: Database) -> None:
    boris = acme.members["boris"].id
    conversation, escalation = await acme.escalated()
    reply = await acme.post(f"/v1/escalations/{escalation}/reply", {"text": "Hello."}, headers=acme.as_("boris"))
    assert reply.status_code == 200, reply.text
    assert (await acme.http.delete(f"/v1/members/{boris}")).status_code == 204
    messages = (await acme.get(f"/v1/conversations/{conversation}/messages")).json()["items"]
    assert str(boris) in {each["member_id"] for each in messages}
    await refused_soon(acme, "boris")
    gone = [
        await acme.get(f"/v1/members/{boris}"),
        await patched(acme, boris, disabled=False),
        await acme.http.delete(f"/v1/members/{boris}"),
    ]
    assert [each.status_code for each in gone] == [404, 404, 404]
    keys = (await acme.get("/v1/keys?limit=200")).json()["items"]
    assert str(boris) not in {each["member"]["id"] for each in keys}


async def test_members_of_another_tenant_do_not_exist(acme: Company, globex: Company) -> None:
    theirs = globex.members["boris"].id
    answers = [
        await acme.get(f"/v1/members/{theirs}"),
        await patched(acme, theirs, role="user"),
        await acme.http.delete(f"/v1/members/{theirs}"),
        await acme.post(f"/v1/members/{theirs}/invite"),
    ]
    assert [each.status_code for each in answers] == [404] * 4
    assert (await globex.get(f"/v1/members/{theirs}")).json()["role"] == "agent"


# The last owner -----------------------------------------------------------------------------------

GOING: dict[str, Do] = {
    "demoted": lambda acme, member, headers: acme.http.patch(
        f"/v1/members/{member}", json={"role": "admin"}, headers=headers
    ),
    "disabled": lambda acme, member, headers: acme.http.patch(
        f"/v1/members/{member}", json={"disabled": True}, headers=headers
    ),
    "removed": lambda acme, member, headers: acme.http.delete(f"/v1/members/{member}", headers=headers),
}


@pytest.mark.parametrize("how", GOING)
async def test_the_last_owner_stays(acme: Company, how: str) -> None:
    owner = str(acme.members["owner"].id)
    refused = await GOING[how](acme, owner, acme.as_("owner"))
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:mainstay:problem:last-owner")
    assert await active_owners(acme) == 1


async def test_an_owner_who_has_not_accepted_yet_is_none(acme: Company) -> None:
    invited = await acme.post("/v1/members", {"email": "x@example.com", "name": "X", "role": "owner"})
    assert invited.status_code == 201
    assert (await GOING["demoted"](acme, str(acme.members["owner"].id), acme.as_("owner"))).status_code == 409


async def test_however_many_owners_go_at_once_one_stays(acme: Company, database: Database) -> None:
    names = ["owner", *(f"owner-{number}" for number in range(1, 10))]
    for name in names[1:]:
        await added(acme, database, name, Role.OWNER)
    # Each has another one put down, in a circle: nobody's turn is before anybody else's.
    ways = list(GOING.values())
    answers = await asyncio.gather(
        *(
            ways[number % 3](acme, str(acme.members[name].id), acme.as_(names[number - 1]))
            for number, name in enumerate(names)
        )
    )
    assert {each.status_code for each in answers} <= {200, 204, 401, 403, 409}
    async with database.tenant(acme.id) as tx:
        left = await tx.connection.scalar(
            sa.text(
                "SELECT count(*) FROM members WHERE tenant_id = :tenant AND role = 'owner' AND NOT disabled"
            ).bindparams(tenant=acme.id)
        )
    assert left >= 1


async def test_of_two_owners_who_put_each_other_down_one_stays(acme: Company, database: Database) -> None:
    await added(acme, database, "second", Role.OWNER)
    first, second = str(acme.members["owner"].id), str(acme.members["second"].id)
    for _ in range(5):
        answers = await asyncio.gather(
            patched(acme, second, "owner", role="admin"), patched(acme, first, "second", role="admin")
        )
        # The one who came second was no owner any more.
        assert sorted(each.status_code for each in answers) == [200, 403]
        stays, goes = ("owner", second) if answers[0].status_code == 200 else ("second", first)
        assert (await patched(acme, goes, stays, role="owner")).status_code == 200


async def test_what_was_changed_is_in_the_audit_log_and_no_words(acme: Company, database: Database) -> None:
    boris = acme.members["boris"].id
    await patched(acme, boris, name="Boris the Great", role="admin")
    async with database.tenant(acme.id) as tx:
        row = (
            await tx.connection.execute(
                sa.select(audit_log).where(
                    audit_log.c.tenant_id == acme.id, audit_log.c.action == AuditAction.MEMBER_CHANGED
                )
            )
        ).one()
    assert row.target_id == boris
    assert row.details == {"fields": "name role", "role": "admin", "disabled": False}
