"""What Temporal stores is encrypted, replays after every rotation, and is gone with its tenant's keys."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from pydantic import SecretStr
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowHistory
from temporalio.worker import Replayer

from models.contracts.routing import conversation_id
from models.payload_keys import connected, encrypting
from models.repositories import data_keys
from runtime.crypto.codec import ENCODING, KEY_FIELD, KeyName
from runtime.crypto.roots import RootKeys, new_root
from runtime.database import Database
from runtime.embedded import Servers
from runtime.settings import Settings
from runtime.temporal import data_converter
from tests.service.api.house import PERSON, Company, company, serving, settings_of, working
from tests.service.whole import servers_of_its_own
from workflows.conversation import ConversationWorkflow
from workflows.escalation import EscalationWorkflow

OLD, NEW = new_root(), new_root()

# Names of fields of every conversation's input: ids stand behind them.
CANARIES = (b'"conversation_id"', b'"message_id"', b'"tenant_id"')


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("encrypted")


@pytest.fixture(scope="module")
async def servers(folder: Path) -> AsyncIterator[Servers]:
    async with servers_of_its_own(folder) as servers:
        yield servers


@pytest.fixture(scope="module")
async def database(servers: Servers) -> AsyncIterator[Database]:
    database = Database(servers.database_url)
    yield database
    await database.close()


def with_roots(servers: Servers, *roots: str) -> Settings:
    return settings_of(servers, root_keys=SecretStr(",".join(roots)))


class Story:
    """A tenant's conversation with a person in it, whose key was rotated in the middle."""

    def __init__(self, tenant: Company, history: WorkflowHistory) -> None:
        self.tenant, self.history = tenant, history

    @property
    def payloads(self) -> list[Payload]:
        return payloads_in(self.history.to_json_dict())


def payloads_in(value: Any) -> list[Payload]:
    """Every payload below a JSON value, search attributes apart: those are plain."""
    if isinstance(value, dict):
        if "encoding" in value.get("metadata", {}):
            return [ParseDict(value, Payload())]
        return [found for name, item in value.items() if name != "searchAttributes" for found in payloads_in(item)]
    return [found for item in value for found in payloads_in(item)] if isinstance(value, list) else []


@pytest.fixture(scope="module")
async def story(servers: Servers, database: Database) -> AsyncIterator[Story]:
    settings = with_roots(servers, OLD)
    async with (
        connected(settings) as client,
        working(client, database),
        serving(settings) as (url, _),
        company(database, url) as tenant,
    ):
        conversation = await tenant.opened()
        await tenant.said(conversation)
        async with database.tenant(tenant.id) as tx:
            await data_keys.add(tx, RootKeys.parse(OLD))
        # Another gateway, which takes the new key at once: the worker and the first gateway do not know it yet.
        async with serving(settings) as (other, _):
            reply = await tenant.http.post(
                f"{other}/v1/conversations/{conversation}/messages?wait=20", json={"text": PERSON}
            )
            assert reply.status_code == 200, reply.text
        await tenant.said(conversation)
        plain = await Client.connect(servers.temporal_address)
        handle = plain.get_workflow_handle(conversation_id(tenant.id, conversation))  # type: ignore[arg-type]
        yield Story(tenant, await handle.fetch_history())


async def replayed(settings: Settings, history: WorkflowHistory) -> Exception | None:
    """What stopped a fresh process, if anything did."""
    async with encrypting(settings) as codec:
        replayer = Replayer(workflows=[ConversationWorkflow, EscalationWorkflow], data_converter=data_converter(codec))
        return (await replayer.replay_workflow(history, raise_on_replay_failure=False)).replay_failure


async def keys(servers: Servers, *arguments: str, roots: tuple[str, ...], owner: bool = True) -> tuple[int, str]:
    return await mainstay(servers, "keys", *arguments, roots=roots, owner=owner)


async def mainstay(
    servers: Servers, *arguments: str, roots: tuple[str, ...], owner: bool = True, typed: str = ""
) -> tuple[int, str]:
    """The command line: the exit code, and what was printed. No key is."""
    ours = {
        "MAINSTAY_DATABASE_URL": servers.database_url,
        "MAINSTAY_TEMPORAL_ADDRESS": servers.temporal_address,
        "MAINSTAY_ROOT_KEYS": ",".join(roots),
        "COLUMNS": "200",
    } | ({"MAINSTAY_ADMIN_DATABASE_URL": servers.admin_database_url} if owner else {})
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli", *arguments),
        env=os.environ | ours,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(typed.encode())
    assert not any(root.partition(":")[2].encode() in out + err for root in roots)
    return process.returncode or 0, (out or err).decode()


async def test_every_payload_is_encrypted_by_a_key_of_its_tenant(story: Story) -> None:
    assert len(story.payloads) > 10
    assert {payload.metadata["encoding"] for payload in story.payloads} == {ENCODING}
    names = {KeyName.parse(payload.metadata[KEY_FIELD]) for payload in story.payloads}
    assert {name.tenant for name in names} == {story.tenant.id}
    assert len(names) == 2, "one before the rotation, one after"


def test_temporals_database_holds_no_payload_in_plain(story: Story, folder: Path) -> None:
    content = b"".join(file.read_bytes() for file in sorted(folder.glob("temporal.db*")))
    assert ENCODING in content
    assert [canary for canary in CANARIES if canary in content] == []


async def test_the_canaries_are_what_would_be_seen(story: Story, servers: Servers) -> None:
    async with encrypting(with_roots(servers, OLD)) as codec:
        plain = b"".join(payload.data for payload in await codec.decode(story.payloads))
    assert [canary for canary in CANARIES if canary not in plain] == []


async def test_an_operator_reads_a_history_on_the_command_line(story: Story, servers: Servers) -> None:
    code, out = await mainstay(servers, "codec", "decode", roots=(OLD,), typed=story.history.to_json())
    assert code == 0, out
    started = json.loads(out)["events"][0]["workflowExecutionStartedEventAttributes"]
    (given,) = started["input"]["payloads"]
    assert given["tenant_id"] == str(story.tenant.id)


async def test_a_history_replays_through_the_whole_life_of_its_keys(
    story: Story, servers: Servers, database: Database
) -> None:
    """One test, for each step builds on the one before."""
    assert await replayed(with_roots(servers, OLD), story.history) is None

    code, out = await keys(servers, "rotate", "--all", "--json", roots=(OLD,))
    assert code == 0, out
    made = json.loads(out)
    assert {each["purpose"] for each in made} == {"payloads", "signing", "data"}
    assert await replayed(with_roots(servers, OLD), story.history) is None

    code, out = await keys(servers, "rewrap", "--json", roots=(NEW, OLD))
    assert code == 0, out
    old, new = OLD.partition(":")[0], NEW.partition(":")[0]
    outcome = json.loads(out)
    assert outcome.pop("rewrapped") >= 5
    assert outcome == {"root_keys_in_use": [new], "dispensable": [old]}
    assert await replayed(with_roots(servers, NEW), story.history) is None
    assert await replayed(with_roots(servers, OLD), story.history) is not None

    code, out = await keys(servers, "list", "--json", roots=(NEW,))
    assert code == 0, out
    listed = json.loads(out)
    assert {each["root_key"] for each in listed} == {new}
    assert [each["purpose"] for each in listed if each["tenant"] == story.tenant.slug] == ["data"] * 3

    async with database.tenant(story.tenant.id) as tx:
        assert await data_keys.forget(tx) == 3
    assert await replayed(with_roots(servers, NEW), story.history) is not None


async def test_the_applications_role_sees_no_list_of_keys(servers: Servers) -> None:
    code, out = await keys(servers, "list", roots=(NEW, OLD), owner=False)
    assert (code, "MAINSTAY_ADMIN_DATABASE_URL" in out) == (1, True), out


@pytest.mark.parametrize(("arguments", "code"), [(("rotate",), 2), (("rotate", "--tenant", "nobody"), 1)])
async def test_what_is_to_be_rotated_has_to_be_said(servers: Servers, arguments: tuple[str, ...], code: int) -> None:
    assert (await keys(servers, *arguments, roots=(NEW, OLD)))[0] == code
