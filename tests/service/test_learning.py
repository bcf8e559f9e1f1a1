"""What is learned from people, on the whole system: answers under review, gaps in knowledge, pages that disagree."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from models.tables import documents
from runtime.database import Database
from runtime.embedded import Servers
from tests.service.api.house import Company
from tests.service.whole import eventually, job_is_done, open_escalation, servers_of_its_own, system

PAGES = [
    {"name": "delivery", "text": "# Delivery\n\nDelivery to Astana takes 2 days and costs 1,490 ₸."},
    {"name": "warranty", "text": "# Warranty\n\nThe warranty on sofas is 24 months."},
    {"name": "warranty-old", "text": "# Guarantee\n\nThe warranty on sofas is 12 months."},
    {"name": "hours", "text": "# Hours\n\nThe shop on Abay avenue is open from 9:00 to 20:00."},
]
ROOFS = "Do you repair roofs?"


@pytest.fixture(scope="module")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    async with servers_of_its_own(tmp_path_factory.mktemp("learning")) as servers:
        yield servers


@pytest.fixture(scope="module")
async def altyn(servers: Servers) -> AsyncIterator[Company]:
    async with system(servers, learns=False) as altyn:
        staged = await altyn.post("/v1/kb/sources", {"name": "help", "documents": PAGES})
        await eventually(lambda: job_is_done(altyn, staged.json()["job_id"]), 60)
        yield altyn


async def unanswered(altyn: Company, question: str, **customer: str) -> str:
    """A customer asks what no page says; the conversation."""
    conversation = await altyn.opened(customer=customer)
    reply = (await altyn.said(conversation, question))["reply"]
    assert reply["kind"] == "escalated", reply
    return conversation


async def answered(altyn: Company, question: str, answer: str, who: str, **customer: str) -> str:
    """The same, answered and resolved by `who`. The escalation."""
    conversation = await unanswered(altyn, question, **customer)
    escalation: str = (await open_escalation(altyn, conversation))["id"]
    async with altyn.stream(f"/v1/conversations/{conversation}/events") as stream:
        for verb, body in (("reply", {"text": answer}), ("resolve", {})):
            done = await altyn.post(f"/v1/escalations/{escalation}/{verb}", body, headers=altyn.as_(who))
            assert done.is_success, done.text
        await stream.until("learned")
    return escalation


async def entry_of(altyn: Company, escalation: str) -> dict[str, Any]:
    listed = (await altyn.get("/v1/learned?limit=200")).json()["items"]
    found: dict[str, Any] = next(each for each in listed if each["escalation_id"] == escalation)
    return found


async def reviewed(altyn: Company, entry: str, verb: str, body: dict[str, str] | None = None) -> dict[str, Any]:
    done = await altyn.post(f"/v1/learned/{entry}/{verb}", body or {}, headers=altyn.as_("owner"))
    assert done.is_success, done.text
    shown: dict[str, Any] = done.json()
    return shown


async def found_by_search(altyn: Company, question: str, words: str) -> bool:
    passages = (await altyn.post("/v1/kb/search", {"query": question})).json()["passages"]
    return any(words in passage["text"] for passage in passages)


async def gaps_of(altyn: Company, **query: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await altyn.get("/v1/kb/gaps", params={"limit": 200, **query})).json()["items"]
    return items


async def look_through(altyn: Company) -> None:
    assert (await altyn.post("/v1/kb/review")).status_code == 202


async def test_an_answer_is_approved_quoted_counted_and_taken_back(altyn: Company) -> None:
    escalation = await answered(altyn, ROOFS, "We do not repair roofs, but Shatyr LLP does.", "boris")
    entry = await entry_of(altyn, escalation)
    assert (entry["status"], entry["question"], entry["times"], entry["uses"]) == ("proposed", ROOFS, 1, 0)
    assert entry["answered_by"]["name"] == "Boris"
    refused = await altyn.post(f"/v1/learned/{entry['id']}/approve", headers=altyn.as_("aigerim"))
    assert refused.status_code == 403, "agents propose, admins review"

    approved = await reviewed(altyn, entry["id"], "approve")
    assert approved["status"] == "approved"
    assert approved["reviewed_by"] is not None
    await eventually(lambda: found_by_search(altyn, ROOFS, "Shatyr"), 60)
    reply = (await altyn.said(await altyn.opened(), ROOFS))["reply"]
    assert reply["kind"] == "quote"
    assert "Shatyr" in reply["text"]
    assert (await entry_of(altyn, escalation))["uses"] == 1

    await reviewed(altyn, entry["id"], "edit", {"answer": "We do not repair roofs, but Tobe LLP does."})
    await eventually(lambda: found_by_search(altyn, ROOFS, "Tobe"), 60)
    assert not await found_by_search(altyn, ROOFS, "Shatyr")

    assert (await reviewed(altyn, entry["id"], "undo"))["status"] == "proposed"
    assert not await found_by_search(altyn, ROOFS, "Tobe"), "at once"
    assert (await reviewed(altyn, entry["id"], "reject"))["status"] == "rejected"
    twice = await altyn.post(f"/v1/learned/{entry['id']}/reject", headers=altyn.as_("owner"))
    assert twice.status_code == 409
    logged = (await altyn.get("/v1/audit", params={"target_id": entry["id"]})).json()["items"]
    assert sorted(each["action"] for each in logged) == [
        "learned.approved",
        "learned.edited",
        "learned.rejected",
        "learned.undone",
    ]


async def test_answers_to_one_question_pile_up_and_one_that_differs_is_flagged(altyn: Company) -> None:
    first = await answered(altyn, "Do you rent out pianos for weddings?", "Yes, for 40,000 ₸ a day.", "boris")
    await answered(altyn, "Do you rent out a piano for weddings?", "Yes, it costs 40,000 ₸.", "aigerim")
    entry = await entry_of(altyn, first)
    assert (entry["times"], entry["contradicted"]) == (2, False)
    await answered(altyn, "Do you rent out pianos for weddings?", "Yes, for 55,000 ₸ a day.", "boris")
    detail = (await altyn.get(f"/v1/learned/{entry['id']}")).json()
    assert (detail["times"], detail["contradicted"]) == (3, True)
    assert [other["differs"] for other in detail["others"]] == [True, False]
    contradicted = (await altyn.get("/v1/learned", params={"contradicted": "true"})).json()["items"]
    assert [each["id"] for each in contradicted] == [entry["id"]]


async def test_what_tells_who_asked_is_not_learned(altyn: Company) -> None:
    escalation = await answered(
        altyn,
        "Do you upholster antique armchairs for Saltanat? My phone is +7 701 123 45 67.",
        "Dear Saltanat, no, we do not. We wrote to saltanat@example.com.",
        "boris",
        name="Saltanat Omarova",
    )
    entry = await entry_of(altyn, escalation)
    assert entry["question"] == "Do you upholster antique armchairs for [name]? My phone is [phone]."
    assert entry["answer"] == "Dear [name], no, we do not. We wrote to [email]."


async def test_an_owners_answer_waits_too_where_the_tenant_wants_that(altyn: Company) -> None:
    settings = await altyn.get("/v1/tenant/settings")
    changed = {**settings.json()["settings"], "learning": {"approve_owners": False}}
    put = await altyn.http.put("/v1/tenant/settings", json=changed, headers={"If-Match": settings.headers["etag"]})
    assert put.is_success, put.text
    try:
        escalation = await answered(altyn, "Do you sharpen kitchen knives?", "No, we do not sharpen knives.", "owner")
        assert (await entry_of(altyn, escalation))["status"] == "proposed"
    finally:
        await altyn.http.put(
            "/v1/tenant/settings", json=settings.json()["settings"], headers={"If-Match": put.headers["etag"]}
        )


async def test_erasing_who_asked_first_leaves_the_others_answer_to_be_reviewed(altyn: Company) -> None:
    question, customer = "Do you tune harmoniums at home?", {"external_id": "harmonium"}
    first = await answered(altyn, question, "Yes, our tuner comes on Mondays.", "boris", **customer)
    second = await answered(altyn, question, "Yes, a tuner comes to you.", "aigerim")
    await answered(altyn, question, "Yes, we send a tuner.", "boris")
    entry = await entry_of(altyn, first)
    assert entry["times"] == 3
    await reviewed(altyn, entry["id"], "approve")
    await eventually(lambda: found_by_search(altyn, question, "Mondays"), 60)

    (found,) = (await altyn.get("/v1/customers", params=customer)).json()["items"]
    erasing = (await altyn.http.delete(f"/v1/customers/{found['id']}")).json()["erasure_id"]

    async def erased() -> bool:
        return bool((await altyn.get(f"/v1/erasures/{erasing}")).json()["finished_at"])

    await eventually(erased, 60)
    assert (await altyn.get(f"/v1/learned/{entry['id']}")).status_code == 404
    assert not await found_by_search(altyn, question, "Mondays")
    heir = await entry_of(altyn, second)
    assert (heir["status"], heir["times"], heir["answer"]) == ("proposed", 2, "Yes, a tuner comes to you.")


async def test_gaps_are_ranked_by_who_asks_and_close_when_knowledge_answers(altyn: Company) -> None:
    for customer in ("g-1", "g-2", "g-2"):
        await unanswered(altyn, "Do you take gift cards of other shops?", external_id=f"{customer}-{uuid4()}")
    await unanswered(altyn, "Do you sell telescopes?")
    await look_through(altyn)

    async def gathered() -> bool:
        return any(each["question"] == "Do you sell telescopes?" for each in await gaps_of(altyn))

    await eventually(gathered, 60)
    found = await gaps_of(altyn, status="open")
    cards = next(each for each in found if each["question"] == "Do you take gift cards of other shops?")
    assert (cards["customers"], cards["times"]) == (3, 3)
    ranks = [each["customers"] for each in await gaps_of(altyn)]
    assert ranks == sorted(ranks, reverse=True)
    pages = [(await altyn.get("/v1/kb/gaps?limit=1")).json()]
    while pages[-1]["next"]:
        pages.append((await altyn.get("/v1/kb/gaps", params={"limit": 1, "cursor": pages[-1]["next"]})).json())
    assert [page["items"][0]["id"] for page in pages] == [each["id"] for each in await gaps_of(altyn)]
    detail = (await altyn.get(f"/v1/kb/gaps/{cards['id']}")).json()
    assert [each["text"] for each in detail["examples"]] == ["Do you take gift cards of other shops?"] * 3
    assert {each["reason"] for each in detail["examples"]} == {"unanswered"}
    nobody = await altyn.post(f"/v1/kb/gaps/{cards['id']}/draft")
    assert nobody.status_code == 409, "no manager has answered it"

    page = {"name": "cards", "text": "# Gift cards\n\nYes, we take gift cards of other shops."}
    staged = await altyn.post("/v1/kb/sources", {"name": "more", "documents": [page]})
    await eventually(lambda: job_is_done(altyn, staged.json()["job_id"]), 60)
    await look_through(altyn)

    async def closed() -> bool:
        gap = (await altyn.get(f"/v1/kb/gaps/{cards['id']}")).json()
        return bool(gap["status"] == "closed" and gap["closed_by"] is None)

    await eventually(closed, 60)
    telescopes = next(each for each in await gaps_of(altyn) if each["question"] == "Do you sell telescopes?")
    assert telescopes["status"] == "open"


async def test_a_managers_answer_is_a_gaps_draft(altyn: Company) -> None:
    question = "Do you engrave silver spoons?"
    escalation = await answered(altyn, question, "Yes, an engraving takes 3 days.", "boris")
    await look_through(altyn)

    async def drafted() -> bool:
        return any(each["question"] == question and each["status"] == "drafted" for each in await gaps_of(altyn))

    await eventually(drafted, 60)
    gap = next(each for each in await gaps_of(altyn) if each["question"] == question)
    assert gap["learned_id"] == (await entry_of(altyn, escalation))["id"]
    ignored = await altyn.post(f"/v1/kb/gaps/{gap['id']}/ignore", headers=altyn.as_("owner"))
    assert ignored.json()["status"] == "ignored"
    again = await altyn.post(f"/v1/kb/gaps/{gap['id']}/draft", headers=altyn.as_("owner"))
    assert again.json()["status"] == "drafted"
    done = await altyn.post(f"/v1/kb/gaps/{gap['id']}/close", headers=altyn.as_("owner"))
    assert (done.json()["status"], done.json()["closed_by"] is not None) == ("closed", True)


async def test_a_key_that_may_not_read_conversations_sees_no_customers_words(altyn: Company) -> None:
    await unanswered(altyn, "Do you lend ladders?")
    await look_through(altyn)
    await eventually(lambda: _any_gap(altyn), 60)
    key = (await altyn.post("/v1/keys", {"name": "reports", "scopes": ["knowledge:read"]})).json()["secret"]
    confined = {"Authorization": f"Bearer {key}"}
    listed = (await altyn.get("/v1/kb/gaps", headers=confined)).json()["items"]
    assert listed
    assert {each["question"] for each in listed} == {None}
    one = (await altyn.get(f"/v1/kb/gaps/{listed[0]['id']}", headers=confined)).json()
    assert {each["text"] for each in one["examples"]} == {None}


async def _any_gap(altyn: Company) -> bool:
    return bool(await gaps_of(altyn))


async def test_pages_that_disagree_are_reported(altyn: Company) -> None:
    await look_through(altyn)

    async def reported() -> bool:
        return bool((await altyn.get("/v1/kb/health")).json()["contradictions"])

    await eventually(reported, 60)
    pairs = (await altyn.get("/v1/kb/health")).json()["contradictions"]
    titles = {frozenset((pair["older"]["title"], pair["newer"]["title"])) for pair in pairs}
    assert frozenset(("Warranty", "Guarantee")) in titles


async def test_old_pages_are_reported_by_what_rests_on_them(altyn: Company, servers: Servers) -> None:
    reply = (await altyn.said(await altyn.opened(), "How much is delivery to Astana?"))["reply"]
    assert reply["kind"] == "quote", reply
    before = (await altyn.get("/v1/kb/health")).json()
    assert (before["stale"], before["never_cited"]) == ([], [])
    database = Database(servers.database_url)
    async with database.tenant(altyn.id) as tx:
        aged = documents.c.created_at - sa.text("interval '200 days'")
        await tx.connection.execute(
            sa.update(documents).where(documents.c.name.in_(["delivery", "hours"])).values(created_at=aged)
        )
    await database.close()
    found = (await altyn.get("/v1/kb/health")).json()
    assert [(page["title"], page["uses"] >= 1) for page in found["stale"]] == [("Delivery", True)]
    assert [page["title"] for page in found["never_cited"]] == ["Hours"]
