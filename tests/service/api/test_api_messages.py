"""Conversations and messages over HTTP: stored once, answered, listed."""

import asyncio
from uuid import uuid4

from runtime.database import Database
from tests.service.api.house import HELLO, PERSON, Company


async def test_a_message_is_answered_in_the_response(acme: Company) -> None:
    conversation = await acme.opened()
    answered = await acme.said(conversation)
    assert answered["duplicate"] is False
    assert answered["reply"]["kind"] == "greeting"
    assert answered["reply"]["author"] == "bot"
    assert answered["reply"]["language"] == "en"
    listed = (await acme.get(f"/v1/conversations/{conversation}/messages")).json()["items"]
    assert [(each["author"], each["id"]) for each in listed] == [
        ("customer", answered["message_id"]),
        ("bot", answered["reply"]["id"]),
    ]
    shown = (await acme.get(f"/v1/conversations/{conversation}")).json()
    assert shown["state"] == "bot_active"
    assert shown["version"] == 1


async def test_without_waiting_the_message_is_accepted(acme: Company) -> None:
    conversation = await acme.opened()
    response = await acme.post(f"/v1/conversations/{conversation}/messages", {"text": HELLO})
    assert response.status_code == 202
    assert response.json()["reply"] is None


async def test_a_customer_has_one_conversation_per_channel(acme: Company) -> None:
    body = {"customer": {"external_id": "c-1", "name": "Dana"}}
    responses = await asyncio.gather(*(acme.post("/v1/conversations", body) for _ in range(10)))
    assert len({response.json()["id"] for response in responses}) == 1
    assert sorted(response.status_code for response in responses) == [200] * 9 + [201]
    other_channel = await acme.post("/v1/conversations", body | {"channel": "web"})
    assert other_channel.status_code == 201


async def test_a_first_message_comes_with_its_conversation(acme: Company) -> None:
    opened = (await acme.post("/v1/conversations", {"text": HELLO, "customer": {"name": "Dana"}})).json()
    async with acme.stream(f"/v1/conversations/{opened['id']}/events?after=0") as stream:
        events = await stream.until("message", author="bot")
    assert events[0].data["message_id"] == opened["message_id"]


async def test_thirty_deliveries_at_once_are_one_message_with_one_reply(acme: Company) -> None:
    conversation = await acme.opened()
    answers = await asyncio.gather(*(acme.said(conversation, client_message_id="m-1") for _ in range(30)))
    assert len({answer["message_id"] for answer in answers}) == 1
    assert len({answer["reply"]["id"] for answer in answers}) == 1
    assert sum(not answer["duplicate"] for answer in answers) == 1
    listed = (await acme.get(f"/v1/conversations/{conversation}/messages")).json()["items"]
    assert [each["author"] for each in listed] == ["customer", "bot"]


async def test_a_bot_that_stays_silent_says_where_the_conversation_stands(acme: Company) -> None:
    conversation, escalation = await acme.escalated()
    assert (await acme.post(f"/v1/escalations/{escalation}/take")).is_success
    response = await acme.post(f"/v1/conversations/{conversation}/messages?wait=20", {"text": HELLO})
    assert response.status_code == 202
    assert response.json()["state"] == "manager_active"
    assert response.json()["reply"] is None


async def test_lists_come_in_pages(acme: Company) -> None:
    opened = [await acme.opened() for _ in range(5)]
    seen, cursor = [], ""
    while True:
        page = (await acme.get(f"/v1/conversations?limit=2{cursor}")).json()
        seen += [each["id"] for each in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == opened[::-1]
    await acme.said(opened[0])
    first = (await acme.get(f"/v1/conversations/{opened[0]}/messages?limit=1")).json()
    second = (await acme.get(f"/v1/conversations/{opened[0]}/messages?limit=1&cursor={first['next']}")).json()
    assert [first["items"][0]["author"], second["items"][0]["author"], second["next"]] == ["customer", "bot", None]


async def test_conversations_are_found_by_state(acme: Company) -> None:
    conversation, _ = await acme.escalated()
    await acme.opened()
    found = (await acme.get("/v1/conversations?state=pending")).json()["items"]
    assert [each["id"] for each in found] == [conversation]


async def test_a_question_is_asked_without_a_conversation_and_nobody_is_called(acme: Company) -> None:
    greeted = await acme.post("/v1/agent/ask", {"question": HELLO})
    assert greeted.status_code == 200
    assert (greeted.json()["decision"], greeted.json()["kind"]) == ("reply", "greeting")
    escalated = (await acme.post("/v1/agent/ask", {"question": PERSON})).json()
    assert (escalated["decision"], escalated["reason"]) == ("escalate", "human_request")
    assert escalated["text"] is None, "nobody promises a person who has not been asked"
    assert (await acme.get("/v1/conversations")).json()["items"] == []


async def test_what_is_another_tenants_does_not_exist(acme: Company, globex: Company) -> None:
    conversation, escalation = await acme.escalated()
    before = (await acme.get(f"/v1/conversations/{conversation}")).json()
    for path in (
        f"/v1/conversations/{conversation}",
        f"/v1/conversations/{conversation}/messages",
        f"/v1/conversations/{conversation}/events",
        f"/v1/escalations/{escalation}",
        f"/v1/kb/jobs/{uuid4()}",
    ):
        assert (await globex.get(path)).status_code == 404, path
    for path, body in (
        (f"/v1/conversations/{conversation}/messages", {"text": "hi"}),
        (f"/v1/conversations/{conversation}/escalate", {}),
        (f"/v1/conversations/{conversation}/close", {}),
        *((f"/v1/escalations/{escalation}/{verb}", {}) for verb in ("take", "resolve", "skip", "return")),
        (f"/v1/escalations/{escalation}/reply", {"text": "hi"}),
        (f"/v1/escalations/{escalation}/reassign", {"to": str(globex.members["boris"].id)}),
    ):
        response = await globex.post(path, body)
        assert response.status_code == 404, path
        unknown = await globex.post(path.replace(conversation, str(uuid4())).replace(escalation, str(uuid4())), body)
        assert unknown.json() | {"request_id": ""} == response.json() | {"request_id": ""}
    assert (await globex.get("/v1/conversations")).json()["items"] == []
    assert (await acme.get(f"/v1/conversations/{conversation}")).json() == before


async def test_a_channel_that_is_not_set_up_is_named(acme: Company, database: Database) -> None:
    async with database.tenant(acme.id) as tx:
        await tx.connection.exec_driver_sql("UPDATE channel_accounts SET disabled = true WHERE kind = 'web'")
    response = await acme.post("/v1/conversations", {"channel": "web"})
    assert response.status_code == 422
    assert response.json()["errors"] == [{"field": "channel", "message": "no account of channel web is set up"}]
