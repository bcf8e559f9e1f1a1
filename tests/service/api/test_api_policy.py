"""The policy over HTTP and on the command line: by version, as YAML or JSON, refused with line and column."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from models.repositories import policies
from models.tables import policies as table
from runtime.database import Database
from tests.service.api.house import Company
from tests.service.api.test_api_command_line import Terminal, terminal
from tests.service.api.test_api_tenant import audited

__all__ = ["terminal"]

REFUNDS = "topics:\n  - name: refunds\n    phrases: [money back]\n"
LEGAL = "topics:\n  - {name: legal, phrases: [lawyer]}\n  - {name: refunds, phrases: [money back, refund]}\n"


async def put(company: Company, document: str, *, over: str = "*", note: str = "", **options: Any) -> Any:
    headers = {"Content-Type": "application/yaml", "If-Match": over}
    params = {"note": note} if note else {}
    return await company.http.put("/v1/policy", content=document.encode(), headers=headers, params=params, **options)


async def test_every_put_is_a_version_that_says_who_when_and_why(acme: Company, database: Database) -> None:
    empty = await acme.get("/v1/policy")
    assert (empty.json()["version"], empty.json()["policy"]["topics"]) == (0, [])
    first = await put(acme, REFUNDS, over=empty.headers["ETag"], note="after the complaint of May")
    assert first.status_code == 200, first.text
    late = await put(acme, LEGAL, over=empty.headers["ETag"])
    assert (late.status_code, late.headers["ETag"]) == (412, first.headers["ETag"])
    assert (await acme.http.put("/v1/policy", json={})).status_code == 428
    assert (await put(acme, LEGAL, over=first.headers["ETag"])).json()["version"] == 2
    assert (await acme.get("/v1/policy")).json()["policy"]["topics"][0]["name"] == "legal"
    assert (await acme.get("/v1/policy/versions/1")).json() == first.json()

    versions = (await acme.get("/v1/policy/versions?limit=1")).json()
    assert [each["version"] for each in versions["items"]] == [2]
    (oldest,) = (await acme.get(f"/v1/policy/versions?cursor={versions['next']}")).json()["items"]
    assert oldest["note"] == "after the complaint of May"
    assert oldest["created_by"] == {"id": str(acme.members["owner"].id), "name": "Owner"}
    assert await audited(database, acme, "tenant.policy_changed") == [{"version": 1}, {"version": 2}]


async def test_what_changed_is_told_by_field(acme: Company) -> None:
    await put(acme, REFUNDS)
    await put(acme, LEGAL)
    changes = (await acme.get("/v1/policy/versions/2/changes")).json()["changes"]
    assert [change["field"] for change in changes] == ["order of topics", "topics.refunds.phrases", "topics.legal"]
    assert changes[1] == {
        "field": "topics.refunds.phrases",
        "before": ["money back"],
        "after": ["money back", "refund"],
    }
    back = (await acme.get("/v1/policy/versions/1/changes?since=2")).json()["changes"]
    assert {"field": "topics.refunds.phrases", "before": ["money back", "refund"], "after": ["money back"]} in back
    assert (await acme.get("/v1/policy/versions/2/changes?since=2")).json()["changes"] == []
    checked = await acme.http.post("/v1/policy/check", content=LEGAL, headers={"Content-Type": "text/yaml"})
    assert checked.json() == {"changes": []}
    assert (await acme.get("/v1/policy/versions/3/changes")).status_code == 404


async def test_going_back_is_one_more_version(acme: Company) -> None:
    await put(acme, REFUNDS)
    second = await put(acme, LEGAL)
    path = "/v1/policy/versions/1/restore"
    assert (await acme.post(path, {})).status_code == 428
    assert (await acme.post(path, {}, headers={"If-Match": '"1"'})).status_code == 412
    back = await acme.post(path, {"note": "too strict"}, headers={"If-Match": second.headers["ETag"]})
    assert back.status_code == 200, back.text
    assert (back.json()["version"], back.json()["restores"], back.json()["note"]) == (3, 1, "too strict")
    assert back.json()["policy"] == (await acme.get("/v1/policy/versions/1")).json()["policy"]
    assert (await acme.post("/v1/policy/versions/9/restore", headers={"If-Match": "*"})).status_code == 404


async def test_a_version_cannot_be_changed_by_anybody_who_has_the_applications_rights(
    acme: Company, database: Database
) -> None:
    await put(acme, REFUNDS)
    with pytest.raises(DBAPIError, match="permission denied"):
        async with database.tenant(acme.id) as tx:
            await tx.connection.execute(sa.update(table).values(body={}))


async def test_what_is_wrong_is_told_with_line_column_and_field_and_nothing_is_stored(acme: Company) -> None:
    wrong = await put(acme, "topics:\n  - name: Refunds\n    frases: [x]\n")
    assert wrong.status_code == 422
    problem = wrong.json()
    assert problem["type"] == "urn:mainstay:problem:invalid"
    assert problem["errors"][1] == {
        "field": "topics.0.name",
        "message": "must be 1 to 64 of a-z, 0-9 and _",
        "line": 2,
        "column": 11,
    }
    assert ("topics.0.frases", 3, 5) in [(each["field"], each["line"], each["column"]) for each in problem["errors"]]
    as_json = {"Content-Type": "application/json", "If-Match": "*"}
    in_json = await acme.http.put("/v1/policy", content='{\n "flood": {"messages_per_minute": 1}}', headers=as_json)
    (fault,) = in_json.json()["errors"]
    assert (fault["field"], fault["line"], fault["column"]) == ("flood.messages_per_minute", 2, 35)
    cut = await acme.http.put("/v1/policy", content='{\n "topics": [}', headers=as_json)
    assert (cut.status_code, "line 2, column 13" in cut.json()["detail"]) == (400, True)
    other = await acme.http.put("/v1/policy", content="x", headers={"Content-Type": "text/plain", "If-Match": "*"})
    assert other.status_code == 415
    assert (await acme.get("/v1/policy")).json()["version"] == 0


async def test_agents_read_it_and_only_who_manages_the_tenant_writes_it(acme: Company, globex: Company) -> None:
    await put(acme, REFUNDS)
    assert (await acme.get("/v1/policy", headers=acme.as_("boris"))).status_code == 200
    headers = {**acme.as_("boris"), "If-Match": "*"}
    assert (await acme.http.put("/v1/policy", json={}, headers=headers)).status_code == 403
    assert (await acme.post("/v1/policy/versions/1/restore", headers=headers)).status_code == 403
    assert (await globex.get("/v1/policy/versions/1")).status_code == 404


async def test_what_was_stored_before_versions_had_authors_is_shown(acme: Company, database: Database) -> None:
    async with database.tenant(acme.id) as tx:
        old = {"topics": [{"name": "a", "phrases": ["money back"], "action": "person", "text": {}}]}
        await tx.connection.execute(sa.insert(table).values(tenant_id=acme.id, id=acme.id, version=1, body=old))
        assert (await policies.in_force(tx)).topics[0].phrases == ("money back",)
    read = (await acme.get("/v1/policy")).json()
    assert (read["version"], read["created_by"], read["policy"]["quiet_hours"]) == (1, None, None)


async def test_on_the_command_line(terminal: Terminal, acme: Company, tmp_path: Path) -> None:
    owner = ("--key", acme.keys["owner"])
    file = tmp_path / "policy.yaml"
    file.write_text("topics:\n  - name: refunds\n    phrases: [m]\n")
    for command in ("check", "put"):
        refused = await terminal.mainstay("policy", command, str(file), *(owner if command == "put" else ()))
        assert refused.code == 1
        assert f"{file}:3:15: topics.0.phrases.0: String should have at least 2 characters" in refused.err
    file.write_text((await terminal.mainstay("policy", "starter", "shop")).out)
    assert (await terminal.mainstay("policy", "check", str(file))).out == f"{file} is a policy: 6 topics.\n"
    for number, document in enumerate((file.read_text(), REFUNDS), start=1):
        file.write_text(document)
        assert (await terminal.mainstay("policy", "put", str(file), "--note", f"n{number}", *owner)).code == 0
    shown = await terminal.mainstay("policy", "show", *owner)
    assert shown.out == "topics:\n- name: refunds\n  phrases:\n  - money back\n"
    assert "- [" in (await terminal.mainstay("policy", "diff", "2", *owner)).out
    back = await terminal.mainstay("policy", "rollback", "1", "--note", "too strict", *owner)
    assert "Version 3 is in force: it says what version 1 said." in back.out
    history = (await terminal.mainstay("policy", "history", "--json", *owner)).json
    assert [(each["version"], each["note"]) for each in history] == [(3, "too strict"), (2, "n2"), (1, "n1")]
