"""Managers' commands: carried out by the conversation, told to everybody, refused with a reason."""

import asyncio
from uuid import uuid4

import pytest

from runtime.database import Database
from tests.service.api.house import HELLO, PERSON, Company


async def drafts(database: Database, acme: Company) -> int:
    async with database.tenant(acme.id) as tx:
        found = await tx.connection.exec_driver_sql("SELECT count(*) FROM messages WHERE status = 'draft'")
        return int(found.scalar_one())


async def test_a_day_of_an_escalation(acme: Company) -> None:
    conversation, escalation = await acme.escalated()
    aigerim = acme.as_("aigerim")
    taken = await acme.post(f"/v1/escalations/{escalation}/take", headers=aigerim)
    assert taken.status_code == 200, taken.text
    assert taken.json()["recorded"] is True
    assert taken.json()["escalation"]["taken_by"]["name"] == "Aigerim"
    shown = (await acme.get(f"/v1/escalations/{escalation}")).json()
    assert shown["status"] == "active"
    assert shown["taken_by"]["name"] == "Aigerim"
    assert shown["trigger"]["text"] == PERSON
    assert shown["conversation"]["state"] == "manager_active"

    replied = await acme.post(f"/v1/escalations/{escalation}/reply", {"text": "Here I am."}, headers=aigerim)
    assert replied.status_code == 200
    resolved = await acme.post(f"/v1/escalations/{escalation}/resolve", headers=aigerim)
    assert resolved.json()["state"] == "bot_active"
    shown = (await acme.get(f"/v1/escalations/{escalation}")).json()
    assert [each["text"] for each in shown["messages"]] == [PERSON, "Words of the bot.", "Here I am."]
    assert shown["messages"][-1]["author"] == "manager"
    assert shown["closed_by"]["name"] == "Aigerim"

    late = await acme.post(f"/v1/escalations/{escalation}/take", headers=acme.as_("boris"))
    assert late.status_code == 409
    problem = late.json()
    assert problem["detail"] == "The escalation was already resolved by Aigerim."
    assert problem["type"] == "urn:mainstay:problem:command-finished"
    assert problem["state"] == "bot_active"
    assert problem["escalation"]["status"] == "resolved"
    assert (await acme.said(conversation, HELLO))["reply"]["kind"] == "greeting"


async def test_of_two_who_take_at_once_one_wins_and_the_other_learns_who(acme: Company) -> None:
    _, escalation = await acme.escalated()
    answers = await asyncio.gather(
        *(acme.post(f"/v1/escalations/{escalation}/take", headers=acme.as_(name)) for name in ("aigerim", "boris"))
    )
    winner, loser = sorted(answers, key=lambda answer: answer.status_code)
    assert (winner.status_code, loser.status_code) == (200, 409)
    name = winner.json()["escalation"]["taken_by"]["name"]
    assert loser.json()["detail"] == f"The escalation was already taken by {name}."
    assert loser.json()["state"] == "manager_active"


async def test_a_refused_reply_leaves_no_text_behind(acme: Company, database: Database) -> None:
    conversation, escalation = await acme.escalated()
    await acme.post(f"/v1/escalations/{escalation}/take", headers=acme.as_("aigerim"))
    refused = await acme.post(f"/v1/escalations/{escalation}/reply", {"text": "Me too"}, headers=acme.as_("boris"))
    assert refused.status_code == 409
    assert await drafts(database, acme) == 0
    listed = (await acme.get(f"/v1/conversations/{conversation}/messages")).json()["items"]
    assert "Me too" not in [each["text"] for each in listed]


async def test_owners_act_for_others_and_agents_do_not(acme: Company) -> None:
    _, escalation = await acme.escalated()
    boris = str(acme.members["boris"].id)
    not_allowed = await acme.post(
        f"/v1/escalations/{escalation}/take", {"member_id": boris}, headers=acme.as_("aigerim")
    )
    assert not_allowed.status_code == 403
    nobody = await acme.post(f"/v1/escalations/{escalation}/take", {"member_id": str(uuid4())})
    assert nobody.status_code == 422
    assert nobody.json()["errors"] == [{"field": "member_id", "message": "there is no such member"}]
    taken = await acme.post(f"/v1/escalations/{escalation}/take", {"member_id": boris})
    assert taken.json()["escalation"]["taken_by"]["name"] == "Boris"


async def test_it_is_passed_on(acme: Company) -> None:
    _, escalation = await acme.escalated()
    await acme.post(f"/v1/escalations/{escalation}/take", headers=acme.as_("aigerim"))
    given = await acme.post(f"/v1/escalations/{escalation}/reassign", {"to": str(acme.members["boris"].id)})
    assert given.json()["escalation"]["taken_by"]["name"] == "Boris"
    nobody = await acme.post(f"/v1/escalations/{escalation}/reassign", {"to": str(uuid4())})
    assert nobody.json()["errors"][0]["field"] == "to"
    skipped = await acme.post(f"/v1/escalations/{escalation}/skip", headers=acme.as_("boris"))
    assert skipped.json()["state"] == "pending"
    returned = await acme.post(f"/v1/escalations/{escalation}/return")
    assert returned.json()["escalation"]["status"] == "returned"


async def test_a_silent_conversation_is_escalated_and_closed(acme: Company) -> None:
    conversation = await acme.opened()  # nobody has written: its process was never started
    escalated = await acme.post(f"/v1/conversations/{conversation}/escalate")
    assert escalated.json()["state"] == "pending"
    assert escalated.json()["escalation"]["reason"] == "manual"
    again = await acme.post(f"/v1/conversations/{conversation}/escalate")
    assert again.status_code == 409
    assert again.json()["reason"] == "already_escalated"
    closed = await acme.post(f"/v1/conversations/{conversation}/close")
    assert closed.json()["state"] == "closed"
    assert closed.json()["escalation"]["status"] == "cancelled"
    for verb in ("escalate", "close"):
        late = await acme.post(f"/v1/conversations/{conversation}/{verb}")
        assert late.status_code == 409
        assert late.json()["state"] == "closed"
    assert (await acme.get(f"/v1/conversations/{conversation}")).json()["state"] == "closed"
    assert (await acme.said(conversation))["reply"]["kind"] == "greeting"


@pytest.mark.parametrize("text", ["", "   ", "x" * 16_001])
async def test_a_reply_must_be_one(acme: Company, database: Database, text: str) -> None:
    _, escalation = await acme.escalated()
    response = await acme.post(f"/v1/escalations/{escalation}/reply", {"text": text})
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "text"
    assert await drafts(database, acme) == 0
    assert (await acme.get(f"/v1/escalations/{escalation}")).json()["status"] == "pending"


async def test_escalations_are_listed_by_status_the_longest_waiting_first(acme: Company) -> None:
    escalations = [(await acme.escalated())[1] for _ in range(3)]
    await acme.post(f"/v1/escalations/{escalations[1]}/take")
    pending = (await acme.get("/v1/escalations?status=pending")).json()["items"]
    assert [each["id"] for each in pending] == [escalations[0], escalations[2]]
    first = (await acme.get("/v1/escalations?limit=2")).json()
    rest = (await acme.get(f"/v1/escalations?limit=2&cursor={first['next']}")).json()
    assert [each["id"] for each in first["items"] + rest["items"]] == escalations
