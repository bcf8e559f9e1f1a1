"""One server away for a while, and a worker that is asked to stop: what the failure table promises of each."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from temporalio.client import Client

from models.contracts.routing import conversation_id
from tests.chaos import gates
from tests.chaos.client import Api, Sent
from tests.chaos.conftest import UnderTest
from tests.chaos.system import System, gone, kill, taken

QUESTION = "How much is delivery to Astana?"
ANSWER_SECONDS = 30.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture
async def api(under_test: UnderTest) -> AsyncIterator[Api]:
    async with Api(under_test.system.run.api_url, under_test.system.key, {}) as api:
        yield api


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """A process that neither answers nor hangs up."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def post(api: Api, conversation: str, text: str, name: str) -> tuple[httpx.Response, float]:
    """One try, with the seconds it took."""
    begun = time.monotonic()
    body = {"text": text, "client_message_id": name}
    response = await api.http.post(f"/v1/conversations/{conversation}/messages", json=body)
    return response, time.monotonic() - begun


async def answered(api: Api, conversation: str, name: str) -> dict[str, Any]:
    """The reply to a message that was sent already: the same message again, waited for."""
    sent = Sent(conversation, name, "again", time.monotonic())
    async with asyncio.timeout(ANSWER_SECONDS):
        while True:
            receipt = await api.say(sent, QUESTION, wait=5)
            if receipt["reply"] is not None:
                assert receipt["duplicate"]
                reply: dict[str, Any] = receipt["reply"]
                return reply


async def turns(system: System, conversation: str) -> dict[str, int]:
    """The turn that each of the customer's messages was handled in, in the order in which they were stored."""
    async with system.records() as connection:
        rows = await connection.fetch(
            "SELECT provider_message_id, turn FROM messages "
            "WHERE conversation_id = $1 AND author = 'customer' ORDER BY seq",
            conversation,
        )
    return {row["provider_message_id"]: row["turn"] for row in rows}


async def test_temporal_frozen_messages_are_accepted_quickly_and_answered_in_order_later(
    under_test: UnderTest, api: Api
) -> None:
    conversation = await api.open(f"frozen-{uuid4()}")
    (temporal,) = under_test.system.pids("temporal")
    with frozen(temporal):
        first, took = await post(api, conversation, QUESTION, "1")
        assert first.status_code == 202
        assert took < 3  # the gateway finds out once …
        second, took = await post(api, conversation, "And to Shymkent?", "2")
        assert second.status_code == 202
        assert took < 0.5  # … and does not try it for everybody
    third, _ = await post(api, conversation, "Hello!", "3")
    assert third.status_code == 202

    for name in ("1", "2", "3"):
        await answered(api, conversation, name)
    handled = await turns(under_test.system, conversation)
    assert list(handled) == ["1", "2", "3"]
    assert list(handled.values()) == sorted(handled.values())


async def test_temporal_gone_messages_are_accepted_and_answered_when_it_is_back(
    under_test: UnderTest, api: Api
) -> None:
    conversation = await api.open(f"gone-{uuid4()}")
    (temporal,) = under_test.system.pids("temporal")
    await kill(temporal)
    with taken(under_test.system.ports["temporal"]):
        response, took = await post(api, conversation, QUESTION, "1")
        assert response.status_code == 202
        assert took < 3
    assert await answered(api, conversation, "1")


async def test_postgres_gone_messages_are_refused_for_now_and_none_is_lost(under_test: UnderTest, api: Api) -> None:
    conversation = await api.open(f"records-{uuid4()}")
    before, _ = await post(api, conversation, QUESTION, "before")
    assert before.status_code == 202
    (postgres,) = under_test.system.pids("postgres")
    await kill(postgres)
    with taken(under_test.system.ports["postgres"]):
        for _ in range(5):
            response, took = await post(api, conversation, QUESTION, "during")
            assert response.status_code == 503
            assert int(response.headers["retry-after"]) > 0
            assert response.headers["content-type"].startswith("application/problem+json")
            assert took < 6

    accepted = Sent(conversation, "during", "again", time.monotonic())
    await api.say(accepted, QUESTION)
    assert await answered(api, conversation, "before")
    assert await answered(api, conversation, "during")
    assert list(await turns(under_test.system, conversation)) == ["before", "during"]


async def test_a_worker_that_is_asked_to_stop_finishes_what_it_has_begun(under_test: UnderTest, api: Api) -> None:
    system = under_test.system
    conversation = await api.open(f"drain-{uuid4()}")
    async with under_test.model.holding() as waiting:
        await api.say(Sent(conversation, "1", "question", time.monotonic()), QUESTION)
        async with asyncio.timeout(ANSWER_SECONDS):
            worker = gates.owner(await waiting.get())
        assert worker is not None
        assert worker in system.pids("worker")
        drains = drains_begun(system)
        os.kill(worker, signal.SIGTERM)
        async with asyncio.timeout(20):
            while True:
                if drains_begun(system) > drains:
                    break
                await asyncio.sleep(0.02)
    reply = await answered(api, conversation, "1")
    assert reply["kind"] == "answer"  # the model's own words: its stream was not cut off
    async with asyncio.timeout(ANSWER_SECONDS):
        await gone(worker)

    client = await Client.connect(system.run.temporal_address)
    process = client.get_workflow_handle(conversation_id(system.tenant, UUID(conversation)))
    events = (await process.fetch_history()).events
    started = [event for event in events if event.HasField("activity_task_started_event_attributes")]
    assert started
    assert {event.activity_task_started_event_attributes.attempt for event in started} == {1}


def drains_begun(system: System) -> int:
    """How often a worker has said that it drains."""
    return sum(log.read_text().count('"worker drains"') for log in system.home.logs.glob("worker*.log"))
