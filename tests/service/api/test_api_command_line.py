"""The command line against a running system: tenants and members by the database, the rest by the API."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from runtime.embedded import Servers
from tests.service.api.house import HELLO, PERSON, ROOT_KEYS, Company


@dataclass
class Finished:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


@dataclass
class Terminal:
    """Where `mainstay` is typed: its environment says where the system is."""

    environment: dict[str, str]

    async def mainstay(self, *arguments: str, typed: str = "", **environment: str) -> Finished:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cli", *arguments),
            env={**self.environment, **environment},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate(typed.encode())
        return Finished(process.returncode or 0, out.decode(), err.decode())


@pytest.fixture
def terminal(servers: Servers, url: str, worker: None) -> Terminal:
    ours = {
        "MAINSTAY_DATABASE_URL": servers.database_url,
        "MAINSTAY_ROOT_KEYS": ROOT_KEYS,
        "MAINSTAY_TEMPORAL_ADDRESS": servers.temporal_address,
        "MAINSTAY_URL": url,
        "COLUMNS": "200",
    }
    return Terminal({**os.environ, **ours})


async def test_a_company_from_its_first_key_to_a_resolved_escalation(terminal: Terminal) -> None:
    slug = f"acme-{uuid4().hex[:8]}"
    created = (await terminal.mainstay("tenant", "create", slug, "--owner", "Dana", "--json")).json
    assert created["api_key"].startswith("msk_")
    again, listed = await asyncio.gather(
        terminal.mainstay("tenant", "create", slug), terminal.mainstay("tenant", "list", "--json")
    )
    assert again.code == 1
    assert f"there is a tenant {slug} already" in again.err
    assert slug in [each["slug"] for each in listed.json]

    added = (await terminal.mainstay("member", "add", "Aigerim", "--tenant", slug, "--json")).json
    members, empty = await asyncio.gather(
        terminal.mainstay("member", "list", "--tenant", slug, "--json"),
        terminal.mainstay("escalations", "list", "--tenant", slug),
    )
    assert [(each["name"], each["role"]) for each in members.json] == [("Dana", "owner"), ("Aigerim", "agent")]
    assert empty.out.strip() == "Nobody waits for a person."

    answered, needed, _ = await asyncio.gather(
        terminal.mainstay("ask", HELLO, "--tenant", slug),
        terminal.mainstay("ask", PERSON, "--json", MAINSTAY_API_KEY=created["api_key"]),
        terminal.mainstay("chat", "--tenant", slug, typed=f"{PERSON}\n"),
    )
    assert answered.code == 0
    assert answered.out.startswith("Hello")
    assert needed.json["decision"] == "escalate"

    waiting = await terminal.mainstay("escalations", "list", "--tenant", slug, "--json")
    (escalation,) = [each["id"] for each in waiting.json]
    taken = await terminal.mainstay("escalations", "take", escalation, MAINSTAY_API_KEY=added["api_key"])
    assert taken.out.strip() == "Done: the escalation is active, the conversation manager_active."
    replied = await terminal.mainstay("escalations", "reply", escalation, "Hi.", MAINSTAY_API_KEY=added["api_key"])
    assert replied.code == 0, replied.err
    shown, resolved = await asyncio.gather(
        terminal.mainstay("escalations", "show", escalation, "--tenant", slug),
        terminal.mainstay("escalations", "resolve", escalation, "--tenant", slug, "--json"),
    )
    assert "  manager  Hi." in shown.out
    assert resolved.json["escalation"]["status"] == "resolved"
    late = await terminal.mainstay("escalations", "take", escalation, "--tenant", slug)
    assert late.code == 1
    assert "The escalation was already resolved by Dana." in late.err


async def test_a_conversation_in_the_terminal(terminal: Terminal, acme: Company) -> None:
    typed = f"{HELLO}\n\n{PERSON}\n"
    talked = await terminal.mainstay("chat", "--name", "Dana", "--key", acme.keys["owner"], typed=typed)
    assert talked.code == 0, talked.err
    assert talked.out.count("Words of the bot.") == 2
    conversation = talked.out.split()[-1].strip("`")
    listed = (await acme.get(f"/v1/conversations/{conversation}/messages")).json()["items"]
    assert [each["text"] for each in listed if each["author"] == "customer"] == [HELLO, PERSON]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("tenant", "create", "Not A Slug"), 2, "use 1 to 63 of a-z"),
        (("member", "add", " "), 2, "must not be blank"),
        (("ask", HELLO, "--tenant", "nobody-s"), 1, "there is no tenant nobody-s"),
        (("ask", HELLO, "--key", "msk_wrong"), 1, "unknown, expired or revoked"),
        (("ask", " ", "--tenant", "{slug}"), 1, "question: must not be blank"),
        (("ask", HELLO, "--key", "msk_any", "--url", "http://127.0.0.1:9"), 1, "does not answer"),
        (("escalations", "take", str(uuid4()), "--tenant", "{slug}"), 1, "There is no such escalation."),
        (("escalations", "take", "no-id"), 2, "UUID"),
    ],
)
async def test_what_is_wrong_is_said(
    terminal: Terminal, acme: Company, arguments: tuple[str, ...], code: int, said: str
) -> None:
    finished = await terminal.mainstay(*(argument.replace("{slug}", acme.slug) for argument in arguments))
    assert finished.code == code, finished
    assert said in finished.err
    assert "Traceback" not in finished.err


async def test_a_customer_is_exported_and_erased(terminal: Terminal, acme: Company) -> None:
    await acme.said(await acme.opened(customer={"external_id": "c-1", "name": "Aigerim"}))
    of_acme = ("--tenant", acme.slug)
    (listed,) = (await terminal.mainstay("customers", "list", *of_acme, "--json")).json
    assert (listed["external_id"], listed["conversations"]) == ("c-1", 1)
    exported = (await terminal.mainstay("customers", "export", listed["id"], *of_acme)).json
    assert [each["text"] for each in exported["messages"]] == [HELLO, "Words of the bot."]
    refused = await terminal.mainstay("customers", "erase", listed["id"], *of_acme, typed="n\n")
    assert refused.code == 1
    begun = (await terminal.mainstay("customers", "erase", listed["id"], *of_acme, "--yes", "--json")).json
    report = (await terminal.mainstay("customers", "erasure", begun["erasure_id"], *of_acme, "--json")).json
    assert (report["status"], report["removed"]) == ("running", {})
    assert (await acme.get("/v1/customers")).json()["items"] == []
