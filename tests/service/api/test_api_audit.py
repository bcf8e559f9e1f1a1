"""The audit log over HTTP and on the command line."""

import csv
import io
import json
import os
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from cli.main import app
from models.contracts.audit import ActorKind, AuditAction
from models.repositories import audit
from models.repositories.audit import Actor
from runtime.database import Database
from runtime.embedded import Servers
from runtime.ids import new_id
from tests.service.api.house import HELLO, Company
from tests.service.api.test_api_command_line import Terminal


async def entries(acme: Company, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await acme.get("/v1/audit", params=query)).json()["items"]
    return found


async def made_keys(acme: Company, number: int) -> list[str]:
    return [(await acme.post("/v1/keys", {"name": f"key {each}"})).json()["id"] for each in range(number)]


async def test_an_entry_says_who_did_what_to_what_from_where(acme: Company) -> None:
    (key,) = await made_keys(acme, 1)
    (entry,) = await entries(acme, action="api_key.created", target_id=key)
    assert entry["actor"]["kind"] == "api_key"
    assert entry["ip"] == "127.0.0.1"
    assert entry["user_agent"].startswith("python-httpx")
    assert entry["details"]["member_id"] == str(acme.members["owner"].id)
    assert "key 0" not in json.dumps(entry)
    assert await entries(acme, actor_id=entry["actor"]["id"]) == [entry]


async def test_pages_go_back_in_time(acme: Company) -> None:
    await made_keys(acme, 5)
    first = (await acme.get("/v1/audit?limit=3")).json()
    second = (await acme.get(f"/v1/audit?limit=3&cursor={first['next']}")).json()
    numbers = [entry["seq"] for page in (first, second) for entry in page["items"]]
    assert numbers == [5, 4, 3, 2, 1]
    assert second["next"] is None
    between = {"since": first["items"][2]["at"], "until": first["items"][0]["at"]}
    assert [entry["seq"] for entry in await entries(acme, **between)] == [4, 3]


@pytest.mark.parametrize("query", ["since=2026-01-01T00:00:00", "action=x", "cursor=0", "until=yesterday", "limit=0"])
async def test_a_wrong_question_is_named(acme: Company, query: str) -> None:
    response = await acme.get(f"/v1/audit?{query}")
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == query.partition("=")[0]


async def test_agents_do_not_read_it(acme: Company) -> None:
    for path in ("/v1/audit", "/v1/audit/export", "/v1/audit/verification"):
        assert (await acme.get(path, headers=acme.as_("aigerim"))).status_code == 403


async def test_an_export_verifies_without_the_system(acme: Company, tmp_path: Path) -> None:
    await made_keys(acme, 3)
    response = await acme.get("/v1/audit/export")
    assert response.headers["content-disposition"].startswith("attachment")
    lines = response.text.splitlines()
    assert json.loads(lines[-1])["action"] == "audit.exported"
    file = tmp_path / "log.ndjson"
    file.write_text(response.text)
    said = CliRunner().invoke(app, ["audit", "verify", str(file)])
    assert (said.exit_code, "4 entries" in said.output) == (0, True), said.output
    file.write_text("\n".join([lines[0], lines[1].replace("api_key.created", "api_key.revoked"), *lines[2:]]))
    assert "entry 2 was changed" in str(CliRunner().invoke(app, ["audit", "verify", str(file)]).exception)
    file.write_text("\n".join([lines[0], *lines[2:]]))
    assert "entry 2 is missing" in str(CliRunner().invoke(app, ["audit", "verify", str(file)]).exception)
    file.write_text("{}")
    assert "line 1: not an exported entry" in str(CliRunner().invoke(app, ["audit", "verify", str(file)]).exception)


async def test_a_spreadsheet_is_given_no_formula(acme: Company, database: Database) -> None:
    async with database.tenant(acme.id) as tx:
        actor = Actor(ActorKind.MEMBER, new_id(), "10.0.0.1", '=HYPERLINK("http://evil")')
        await audit.record(tx, actor, AuditAction.MEMBER_CHANGED)
    rows = list(csv.DictReader(io.StringIO((await acme.get("/v1/audit/export?format=csv")).text)))
    assert rows[0]["user_agent"] == '\'=HYPERLINK("http://evil")'


async def test_verification_says_that_it_holds(acme: Company) -> None:
    assert (await acme.get("/v1/audit/verification")).json() | {"head": ""} == {
        "intact": True,
        "entries": 0,
        "problem": None,
        "head": "",
    }
    await made_keys(acme, 2)
    found = (await acme.get("/v1/audit/verification")).json()
    assert (found["intact"], found["entries"]) == (True, 2)
    assert found["head"] == (await entries(acme))[0]["hash"]


async def test_knowledge_comes_and_goes_by_name(acme: Company) -> None:
    document = {"name": "delivery", "text": "Delivery takes two days."}
    stored = (await acme.post("/v1/kb/sources", {"name": "help", "documents": [document]})).json()
    (entry,) = await entries(acme, action="source.stored")
    assert entry["target_id"] == stored["source_id"]
    assert entry["details"] == {"job_id": stored["job_id"], "documents": 1}
    assert (await acme.http.delete(f"/v1/kb/sources/{stored['source_id']}")).status_code == 204
    (entry,) = await entries(acme, action="source.deleted")
    assert (entry["target_id"], entry["actor"]["kind"]) == (stored["source_id"], "api_key")


async def test_an_operator_is_named_by_their_account(url: str, servers: Servers, database: Database) -> None:
    ours = {"MAINSTAY_DATABASE_URL": servers.database_url, "MAINSTAY_TEMPORAL_ADDRESS": servers.temporal_address}
    terminal = Terminal({**os.environ, **ours, "LOGNAME": "dana"})
    slug = f"acme-{uuid4().hex[:8]}"
    await terminal.mainstay("tenant", "create", slug)
    await terminal.mainstay("member", "add", "Boris", "--tenant", slug)
    listed = (await terminal.mainstay("audit", "list", "--tenant", slug, "--json")).json
    did = [(each["action"], each["actor"]["kind"], each["details"]["os_user"]) for each in reversed(listed)]
    assert did == [
        (action, "operator", "dana")
        for action in (
            *("member.joined", "api_key.created", "tenant.created"),
            *("member.joined", "api_key.created"),
        )
    ]
    assert (await terminal.mainstay("audit", "verify", "--tenant", slug, "--json")).json["entries"] == 5
    to = await terminal.mainstay("audit", "export", "--tenant", slug)
    assert [json.loads(line)["seq"] for line in to.out.splitlines()] == [1, 2, 3, 4, 5]


async def test_the_log_holds_no_texts(acme: Company) -> None:
    """Everything that people can name or write, named and written: what the log says of it are ids and counts."""
    word = "Kyzylorda"
    conversation = await acme.opened(customer={"external_id": word, "name": word})
    await acme.said(conversation, f"{HELLO} I am {word}.")
    customer = (await acme.get("/v1/customers")).json()["items"][0]["id"]
    source = await acme.post("/v1/kb/sources", {"name": word, "documents": [{"name": word, "text": word}]})
    member = await acme.post("/v1/members", {"email": f"{word}@example.com", "name": word, "role": "agent"})
    key = await acme.post("/v1/keys", {"name": word})
    branch = await acme.post("/v1/branches", {"slug": word.lower(), "name": word})
    answers = [
        source,
        member,
        key,
        branch,
        await acme.http.put("/v1/secrets/bot", json={"value": word}),
        await acme.http.patch(f"/v1/members/{member.json()['id']}", json={"name": f"{word} {word}"}),
        await acme.http.patch(f"/v1/customers/{customer}", json={"name": f"{word} {word}"}),
        await acme.http.patch("/v1/tenant", json={"name": word}),
        await acme.http.patch(f"/v1/branches/{branch.json()['id']}", json={"name": f"{word} {word}"}),
        await acme.http.delete(f"/v1/kb/sources/{source.json()['source_id']}"),
        await acme.http.delete(f"/v1/members/{member.json()['id']}"),
        await acme.http.delete(f"/v1/keys/{key.json()['id']}"),
        await acme.http.delete(f"/v1/customers/{customer}"),
    ]
    assert [each.text for each in answers if not each.is_success] == []
    log = (await acme.get("/v1/audit/export")).text
    assert len(log.splitlines()) > len(answers)
    assert word.lower() not in log.lower()
