"""Event streams: live, resumed without a gap, ended when the process stops or the key is revoked."""

import asyncio
import gc
from collections.abc import Iterator
from uuid import UUID

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api import streams
from api.identity import auth
from models.contracts.enums import ChannelKind
from models.contracts.settings import TenantSettings
from models.repositories import previews, tenants, typing_signs
from runtime.database import Database
from runtime.embedded import Servers
from runtime.ids import new_id
from tests.service.api.house import HELLO, PERSON, Company, serving, settings_of


async def test_a_turn_is_heard_as_it_happens(acme: Company) -> None:
    conversation = await acme.opened()
    async with acme.stream(f"/v1/conversations/{conversation}/events") as stream:
        assert stream.response.headers["content-type"].startswith("text/event-stream")
        assert stream.response.headers["cache-control"] == "no-store"
        await acme.post(f"/v1/conversations/{conversation}/messages", {"text": HELLO})
        events = await stream.until("state")
    said = [(event.data["author"], event.data["text"]) for event in events if event.type == "message"]
    assert said == [("customer", HELLO), ("bot", "Words of the bot.")]
    reply = next(event.data for event in events if event.data.get("author") == "bot")
    assert reply["kind"] == "greeting"
    assert reply["citations"][0]["title"] == "Help"
    assert [event.id for event in events] == sorted(event.id for event in events)


async def test_a_stream_is_resumed_without_gap_or_repetition(acme: Company) -> None:
    conversation = await acme.opened()
    path = f"/v1/conversations/{conversation}/events"
    for _ in range(3):
        await acme.said(conversation)
    async with acme.stream(f"{path}?after=0") as stream:
        everything = [await stream.next() for _ in range(9)]
    ids = [event.id for event in everything if event]
    for position in (0, 4, 8):
        async with acme.stream(path, **{"Last-Event-ID": str(ids[position])}) as stream:
            await acme.post(f"/v1/conversations/{conversation}/messages", {"text": "one more"})
            again = await stream.until("message", text="one more")
        assert [event.id for event in again[: 8 - position]] == ids[position + 1 :]
        await acme.said(conversation)
        async with acme.stream(f"{path}?after=0") as stream:
            ids = [event.id for event in await stream.until("message", text="one more")]
        ids = ids[:9]


async def test_without_a_position_only_what_is_new_is_heard(acme: Company) -> None:
    conversation = await acme.opened()
    await acme.said(conversation, "before")
    async with acme.stream(f"/v1/conversations/{conversation}/events") as stream:
        await acme.post(f"/v1/conversations/{conversation}/messages", {"text": "after"})
        events = await stream.until("message", author="customer")
    assert [event.data["text"] for event in events] == ["after"]


async def test_a_tenant_hears_all_of_its_own_and_nothing_else(acme: Company, globex: Company) -> None:
    async with acme.stream("/v1/events") as stream:
        await globex.said(await globex.opened(), "another tenant's")
        first, second = await acme.opened(), await acme.opened()
        await acme.said(first, "one")
        await acme.said(second, "two")
        events = await stream.until("message", text="two")
    assert {event.data["conversation_id"] for event in events} == {first, second}


async def test_an_escalation_is_an_event_without_texts(acme: Company) -> None:
    conversation = await acme.opened()
    async with acme.stream(f"/v1/conversations/{conversation}/events") as stream:
        await acme.said(conversation, PERSON)
        events = await stream.until("escalation")
    assert events[-1].data["status"] == "pending"
    assert events[-1].data["reason"] == "human_request"


async def subscribers(acme: Company) -> float:
    families = text_string_to_metric_families((await acme.get("/metrics")).text)
    return next(family.samples[0].value for family in families if family.name == "mainstay_subscribers")


async def test_who_leaves_is_forgotten(servers: Servers, acme: Company, without_garbage_collector: None) -> None:
    """Also who leaves while events are on their way to them."""
    conversation = await acme.opened()
    for _ in range(3):
        await acme.said(conversation)
    async with serving(settings_of(servers)) as (url, _):
        acme.http.base_url = url
        for _ in range(20):
            async with acme.stream(f"/v1/conversations/{conversation}/events?after=0") as stream:
                await stream.next()
        async with acme.stream("/v1/events?after=0") as stream:
            await stream.next()
            assert await subscribers(acme) >= 1
        async with asyncio.timeout(10):
            while await subscribers(acme) != 0:  # noqa: ASYNC110  # another's state, no event
                await asyncio.sleep(0.02)


@pytest.fixture
def without_garbage_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


async def test_fifty_subscribers_hear_the_same(acme: Company) -> None:
    conversation = await acme.opened()

    async def listen(ready: asyncio.Barrier) -> list[int]:
        async with acme.stream(f"/v1/conversations/{conversation}/events") as stream:
            await ready.wait()
            return [event.id for event in await stream.until("state")]

    ready = asyncio.Barrier(51)
    listeners = [asyncio.create_task(listen(ready)) for _ in range(50)]
    await ready.wait()
    await acme.said(conversation)
    heard = await asyncio.gather(*listeners)
    assert len(heard[0]) == 3
    assert heard == [heard[0]] * 50


async def test_an_answer_is_seen_while_it_is_written(acme: Company, database: Database) -> None:
    """In its conversation alone, by whoever comes, and not among the events that are numbered."""
    conversation, draft, other = await acme.opened(), new_id(), await acme.opened()
    path = f"/v1/conversations/{conversation}/events"

    async def show(text: str, version: int = 0) -> None:
        async with database.tenant(acme.id) as tx:
            await previews.put(tx, UUID(conversation), draft, version, text)

    async with (
        acme.stream(path) as stream,
        acme.stream("/v1/events") as everything,
        acme.stream(f"/v1/conversations/{other}/events") as elsewhere,
    ):
        await show("One.")
        (first,) = await stream.until("draft")
        assert (first.id, first.data) == (-1, {"conversation_id": conversation, "text": "One."})
        await show("One. Two.")
        assert len(await stream.until("draft", text="One. Two.")) == 1
        async with acme.stream(path) as later:
            assert len(await later.until("draft", text="One. Two.")) == 1
        async with database.tenant(acme.id) as tx:
            await previews.withdraw(tx, UUID(conversation), draft)
        assert len(await stream.until("draft", text="")) == 1
        await show("Three.")
        await stream.until("draft", text="Three.")

        # The bot's message takes its place, and another step of the conversation takes it away.
        await acme.said(conversation)
        assert [event.type for event in await stream.until("state")] == ["message", "message", "state"]
        await show("Three.", version=1)
        assert len(await stream.until("draft", text="Three.")) == 1, "of the next answer"
        assert (await acme.post(f"/v1/conversations/{conversation}/escalate")).is_success
        assert [event.type for event in await stream.until("draft", text="")] == ["escalation", "state", "draft"]

        await acme.said(other)
        assert "draft" not in {event.type for event in await everything.until("state", conversation_id=other)}
        assert "draft" not in {event.type for event in await elsewhere.until("state")}


async def test_that_an_answer_is_written_is_heard_where_it_is_written_for(acme: Company, database: Database) -> None:
    conversation, escalation = await acme.escalated()
    other = await acme.opened()

    async def told(where: str) -> bool:
        async with database.tenant(acme.id) as tx:
            return await typing_signs.tell(tx, UUID(where)) is not None

    async with (
        acme.stream(f"/v1/conversations/{conversation}/events") as stream,
        acme.stream(f"/v1/conversations/{other}/events") as elsewhere,
    ):
        assert await told(conversation)
        heard = await stream.next()
        assert heard is not None
        assert (heard.id, heard.type) == (-1, "typing")
        assert heard.data == {"conversation_id": conversation, "seconds": typing_signs.SECONDS}
        # Not where a person answers, nor where the bot was asked to be quiet.
        assert (await acme.post(f"/v1/escalations/{escalation}/take")).is_success
        assert not await told(conversation)
        async with database.tenant(acme.id) as tx:
            quiet = "UPDATE conversations SET muted_until = now() + interval '1 hour'"
            await tx.connection.exec_driver_sql(f"{quiet} WHERE id = '{other}'")
        assert not await told(other)
        for each, heard_by in ((conversation, stream), (other, elsewhere)):
            await acme.post(f"/v1/conversations/{each}/messages", {"text": HELLO})
            assert "typing" not in {event.type for event in await heard_by.until("message", author="customer")}


@pytest.mark.parametrize("wrong", ["x", "-1", "1.5", str(2**63), "²"])
async def test_a_position_that_is_none_is_named(acme: Company, wrong: str) -> None:
    conversation = await acme.opened()
    response = await acme.get(
        f"/v1/conversations/{conversation}/events", headers={"Last-Event-ID": wrong.encode("latin-1")}
    )
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "Last-Event-ID"


async def test_a_revoked_key_ends_its_streams(
    acme: Company, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "CACHE_SECONDS", 0.0)
    monkeypatch.setattr(streams, "LOOK_SECONDS", 0.1)
    headers = acme.as_("boris")
    async with acme.stream("/v1/events", **headers) as stream:
        async with database.tenant(acme.id) as tx:
            await tx.connection.exec_driver_sql(
                f"UPDATE api_keys SET revoked_at = now() WHERE member_id = '{acme.members['boris'].id}'"
            )
        assert await asyncio.wait_for(stream.next(), 10) is None
    assert (await acme.get("/v1/conversations", headers=headers)).status_code == 401


async def test_a_gateway_that_stops_ends_streams_and_finishes_requests(
    servers: Servers, acme: Company, database: Database
) -> None:
    async with database.tenant(acme.id) as tx:
        await tenants.put_settings(tx, TenantSettings(quiet_seconds={ChannelKind.API: 60}))
    conversation = await acme.opened()
    async with serving(settings_of(servers)) as (url, server):
        acme.http.base_url = url
        async with acme.stream(f"/v1/conversations/{conversation}/events") as stream:
            # The customer may still be typing, so this request waits for its reply.
            waiting = asyncio.create_task(
                acme.post(f"/v1/conversations/{conversation}/messages?wait=60", {"text": HELLO})
            )
            await stream.until("message")
            server.should_exit = True
            assert await asyncio.wait_for(stream.next(), 20) is None
        accepted = await asyncio.wait_for(waiting, 20)
    assert accepted.status_code == 202
    assert accepted.json()["reply"] is None
