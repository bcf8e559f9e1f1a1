"""The Temporal UI's remote codec: a tenant's admins read their own workflows' payloads, and nobody else's."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.converter import WorkflowSerializationContext

from models.contracts.routing import conversation_id
from models.payload_keys import encrypting
from runtime.crypto.codec import EncryptionCodec
from runtime.embedded import Servers
from tests.service.api.house import Company, settings_of

TEXT = b'"Astana"'


@pytest.fixture
async def codec(servers: Servers) -> AsyncIterator[EncryptionCodec]:
    """As a worker has it."""
    async with encrypting(settings_of(servers)) as codec:
        yield codec


async def encrypted(codec: EncryptionCodec, workflow: str) -> dict[str, Any]:
    """As the Temporal UI would send it."""
    within = codec.with_context(WorkflowSerializationContext("default", workflow))
    return as_json((await within.encode([Payload(metadata={"encoding": b"json/plain"}, data=TEXT)]))[0])


def as_json(payload: Payload) -> dict[str, Any]:
    return {
        "metadata": {name: base64.b64encode(value).decode() for name, value in payload.metadata.items()},
        "data": base64.b64encode(payload.data).decode(),
    }


PLAIN = as_json(Payload(metadata={"encoding": b"json/plain"}, data=TEXT))


async def decode(tenant: Company, *payloads: Any, **options: Any) -> Any:
    return await tenant.post("/v1/codec/decode", {"payloads": list(payloads)}, **options)


async def test_payloads_of_the_own_tenant_are_decrypted(acme: Company, globex: Company, codec: EncryptionCodec) -> None:
    ours = await encrypted(codec, conversation_id(acme.id, uuid4()))
    theirs = await encrypted(codec, conversation_id(globex.id, uuid4()))
    nobodys = await encrypted(codec, "reconcile")
    sent = [theirs, ours, nobodys, PLAIN, {"metadata": {"encoding": ""}, "data": ""}]
    answer = await decode(acme, *sent)
    assert answer.status_code == 200, answer.text
    assert answer.json()["payloads"] == [theirs, PLAIN, nobodys, *sent[3:]]
    assert (await decode(globex, *sent)).json()["payloads"] == [PLAIN, ours, *sent[2:]]


async def test_a_real_history_can_be_read(acme: Company, servers: Servers) -> None:
    conversation = await acme.opened()
    await acme.said(conversation)
    client = await Client.connect(servers.temporal_address)
    handle = client.get_workflow_handle(conversation_id(acme.id, conversation))  # type: ignore[arg-type]
    started = (await handle.fetch_history()).events[0].workflow_execution_started_event_attributes
    (payload,) = (await decode(acme, *map(as_json, started.input.payloads))).json()["payloads"]
    assert json.loads(base64.b64decode(payload["data"]))["conversation_id"] == conversation


async def test_what_cannot_be_decrypted_comes_back_as_it_is(acme: Company, codec: EncryptionCodec) -> None:
    payload = await encrypted(codec, conversation_id(acme.id, uuid4()))
    changed = {**payload, "data": base64.b64encode(b"x" * 64).decode()}
    name = base64.b64encode(f"{acme.id}/{uuid4()}".encode()).decode()
    gone = {**payload, "metadata": {**payload["metadata"], "encryption-key-id": name}}
    more = {**PLAIN, "externalPayloads": []}
    assert (await decode(acme, changed, gone, more)).json()["payloads"] == [changed, gone, more]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "payloads"),
        ({"payloads": [{"data": "no base64!"}]}, "payloads.0.data"),
        ({"payloads": [{"metadata": {"encoding": "?"}}]}, "payloads.0.metadata.encoding"),
        ({"payloads": [PLAIN] * 1001}, "payloads"),
    ],
)
async def test_what_is_no_payload_is_refused(acme: Company, body: Any, field: str) -> None:
    refused = await acme.post("/v1/codec/decode", body)
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == [field]


async def test_payloads_are_for_admins(acme: Company) -> None:
    assert (await decode(acme, PLAIN, headers=acme.as_("aigerim"))).status_code == 403
