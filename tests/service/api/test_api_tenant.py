"""The tenant over HTTP: its rules cannot be overwritten unseen, its last branch cannot be removed."""

import sqlalchemy as sa

from models.repositories import tenants
from models.tables import audit_log, channel_accounts
from runtime.database import Database
from tests.service.api.house import Company


async def audited(database: Database, company: Company, action: str) -> list[dict[str, object]]:
    async with database.tenant(company.id) as tx:
        rows = await tx.connection.execute(
            sa.select(audit_log.c.details).where(audit_log.c.action == action).order_by(audit_log.c.seq)
        )
    return [row.details for row in rows]


async def test_a_tenant_changes_its_name_and_not_its_slug(acme: Company, database: Database) -> None:
    changed = await acme.http.patch("/v1/tenant", json={"name": "Another name"})
    assert (changed.status_code, changed.json()["name"]) == (200, "Another name")
    assert (await acme.get("/v1/tenant")).json()["slug"] == acme.slug
    for wrong in ({"slug": "other"}, {"suspended": False}, {}):
        assert (await acme.http.patch("/v1/tenant", json=wrong)).status_code == 422
    assert await audited(database, acme, "tenant.changed") == [{"fields": "name"}]
    assert (await acme.get("/v1/tenant", headers=acme.as_("boris"))).status_code == 200
    assert (await acme.http.patch("/v1/tenant", json={"name": "X"}, headers=acme.as_("boris"))).status_code == 403


async def test_two_admins_cannot_overwrite_each_others_settings_unseen(acme: Company, database: Database) -> None:
    read = await acme.get("/v1/tenant/settings")
    settings = read.json()["settings"]
    settings["clarifications"] = 1
    blind = await acme.http.put("/v1/tenant/settings", json=settings)
    assert blind.status_code == 428
    first = await acme.http.put("/v1/tenant/settings", json=settings, headers={"If-Match": read.headers["ETag"]})
    assert first.status_code == 200, first.text
    second = await acme.http.put(
        "/v1/tenant/settings", json={"clarifications": 5}, headers={"If-Match": read.headers["ETag"]}
    )
    assert (second.status_code, second.headers["ETag"]) == (412, first.headers["ETag"])
    assert (await acme.get("/v1/tenant/settings")).json()["settings"] == settings
    assert await audited(database, acme, "tenant.settings_changed") == [{"fields": "clarifications"}]
    async with database.tenant(acme.id) as tx:
        assert (await tenants.get_settings(tx)).clarifications == 1


async def test_wrong_settings_name_the_field_and_change_nothing(acme: Company) -> None:
    for wrong, field in (
        ({"clarifications": 99}, "clarifications"),
        ({"owner": True}, "owner"),
        ({"ladder": {"team_minutes": 50}}, "ladder"),
        ({"mute_minutes": 1e300}, "mute_minutes"),
        ({"business_hours": {"time_zone": "Mars/Olympus"}}, "business_hours.time_zone"),
    ):
        refused = await acme.http.put("/v1/tenant/settings", json=wrong, headers={"If-Match": "*"})
        assert refused.status_code == 422, (wrong, refused.text)
        assert refused.json()["errors"][0]["field"] == field
    assert (await acme.get("/v1/tenant/settings")).json()["settings"]["clarifications"] == 2


async def test_branches(acme: Company, globex: Company, database: Database) -> None:
    made = await acme.post("/v1/branches", {"slug": "almaty", "name": "Almaty", "knowledge_tag": "kz"})
    assert made.status_code == 201, made.text
    branch = made.json()
    assert (await acme.post("/v1/branches", {"slug": "almaty", "name": "X"})).status_code == 409
    path = f"/v1/branches/{branch['id']}"
    changed = await acme.http.patch(path, json={"knowledge_tag": None})
    assert (changed.json()["name"], changed.json()["knowledge_tag"]) == ("Almaty", None)
    for foreign in (globex.http.patch(path, json={"name": "X"}), globex.http.delete(path)):
        assert (await foreign).status_code == 404
    assert [each["slug"] for each in (await acme.get("/v1/branches")).json()["items"]] == ["almaty", "main"]
    assert (await acme.http.delete(path)).status_code == 204
    assert await audited(database, acme, "branch.changed") == [{"fields": "knowledge_tag"}]
    assert len(await audited(database, acme, "branch.removed")) == 1


async def test_a_branch_in_use_and_the_last_branch_stay(acme: Company, database: Database) -> None:
    (main,) = (await acme.get("/v1/branches")).json()["items"]
    last = await acme.http.delete(f"/v1/branches/{main['id']}")
    assert (last.status_code, last.json()["type"]) == (409, "urn:mainstay:problem:last-branch")
    await acme.post("/v1/branches", {"slug": "second", "name": "Second"})
    used = await acme.http.delete(f"/v1/branches/{main['id']}")
    assert (used.status_code, used.json()["type"]) == (409, "urn:mainstay:problem:branch-in-use")
    await acme.opened()
    async with database.tenant(acme.id) as tx:
        await tx.connection.execute(sa.update(channel_accounts).values(disabled=True))
    # Nobody can write there any more, but there are conversations.
    assert (await acme.http.delete(f"/v1/branches/{main['id']}")).status_code == 409
