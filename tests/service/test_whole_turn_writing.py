"""The whole turn with a model that writes, and with one that fails: the customer gets an answer, a quote or a person,
in time; and never half an answer, or one that the pages do not bear out."""

import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from llmock.pytest_plugin import LLMock
from llmock.scenarios import Fail, Match, Reply
from llmock.testing import LLMockServer

from tests.service.api.house import Company
from tests.service.whole import eventually, forget_failures, messages_of, open_escalation, servers_of_its_own, system

TURN_SECONDS, STALL_SECONDS = 4.0, 0.5
SLACK_SECONDS = 3.0
"""What a turn takes beside the model, on a busy machine."""

QUESTION = "How much is delivery to Astana and how long does it take?"
GROUNDED = "Delivery to Astana takes 2–3 days and costs 1,490 ₸ for orders up to 20 kg."
INVENTED = "Delivery to Astana takes 2–3 days and costs 7,777 ₸ for orders up to 20 kg."
IS_A_QUESTION = '{"intents": ["question"], "confidence": 0.9}'

STREAMS = Match(stream=True)
"""Answers are streamed; intents are not."""
SAYS_SO = Reply(text=GROUNDED, times=None, match=STREAMS)


@pytest.fixture(scope="module")
async def altyn(tmp_path_factory: pytest.TempPathFactory, model_server: LLMockServer) -> AsyncIterator[Company]:
    """The sample company with a model that tells intents, completes follow-ups and writes answers."""
    async with (
        servers_of_its_own(tmp_path_factory.mktemp("writing")) as servers,
        system(
            servers,
            learns="en/*.md",
            llm_provider="openai",
            llm_url=model_server.base_url(),
            llm_model="gpt-4o",
            llm_understands=True,
            llm_rewrites=True,
            llm_turn_seconds=TURN_SECONDS,
            llm_stall_seconds=STALL_SECONDS,
        ) as altyn,
    ):
        yield altyn


@pytest.fixture(autouse=True)
def forgiven(altyn: Company) -> None:
    assert altyn.routes is not None
    forget_failures(altyn.routes)


@pytest.fixture
def model(llmock: LLMock) -> LLMock:
    """Takes every message for a question."""
    return llmock.add(Reply(text=IS_A_QUESTION, times=None, match=Match(stream=False)))


async def ask(altyn: Company, text: str = QUESTION) -> tuple[dict[str, Any], float]:
    """The reply, and the seconds that it took."""
    conversation = await altyn.opened()
    begun = time.monotonic()
    reply: dict[str, Any] = (await altyn.said(conversation, text))["reply"]
    took = time.monotonic() - begun
    assert [each["author"] for each in await messages_of(altyn, conversation)] == ["customer", "bot"]
    return reply, took


async def writes(model: LLMock) -> bool:
    """The intent is told, and the answer begun."""
    journal = model._server.state.journal
    return len(journal.records()) == 1 and journal.in_flight == 1


async def test_an_answer_is_written_and_names_its_sources(altyn: Company, model: LLMock) -> None:
    model.add(SAYS_SO)
    reply, _ = await ask(altyn)
    assert (reply["kind"], reply["text"]) == ("answer", GROUNDED)
    assert reply["citations"][0]["title"] == "Delivery"
    model.assert_resilient()


async def test_a_follow_up_is_searched_as_the_model_completes_it(altyn: Company, llmock: LLMock) -> None:
    """By words alone it would be taken to go on about the stores."""
    completed = '{"question": "How long is the warranty on furniture?"}'
    for said in (IS_A_QUESTION, IS_A_QUESTION, IS_A_QUESTION, completed):
        llmock.add(Reply(text=said, match=Match(stream=False)))
    llmock.add(Reply(text="It is 999 years.", times=None, match=STREAMS))
    conversation = await altyn.opened()
    await altyn.said(conversation, "How long is the warranty on furniture? I am at +7 701 555 66 77.")
    await altyn.said(conversation, "When is the store in Almaty open?")
    reply = (await altyn.said(conversation, "And for how long was it?"))["reply"]
    assert (reply["kind"], reply["citations"][0]["title"]) == ("quote", "Warranty")
    (asked,) = [str(request) for request in llmock.requests if "<earlier>" in str(request)]
    assert "store in Almaty" in asked
    assert "555 66 77" not in asked


async def test_a_wrong_number_never_reaches_the_customer(altyn: Company, model: LLMock) -> None:
    model.add(Reply(text=INVENTED, match=STREAMS))
    reply, _ = await ask(altyn)
    assert reply["kind"] == "quote"
    assert "7,777" not in reply["text"]
    assert "1,490 ₸" in reply["text"]


FREE = "Delivery is free for orders above 25,000 ₸ if they weigh less than 20 kg."
LONG = " ".join(f"word{number}" for number in range(300))
PACE = 25
"""Milliseconds from word to word, so that sentences can be seen."""


async def watched(altyn: Company, conversation: str) -> tuple[list[str], dict[str, Any]]:
    """What is seen of the answer to QUESTION while it is written, and what comes then."""
    async with altyn.stream(f"/v1/conversations/{conversation}/events") as stream:
        sent = await altyn.post(f"/v1/conversations/{conversation}/messages", {"text": QUESTION})
        assert sent.status_code == 202
        heard = await stream.until("state")
    reply = heard[-2]
    assert (reply.type, reply.data["author"]) == ("message", "bot")
    return [event.data["text"] for event in heard if event.type == "draft"], reply.data


async def test_what_is_written_is_seen_as_far_as_it_is_proven(altyn: Company, model: LLMock) -> None:
    written = f"{GROUNDED} {FREE} {GROUNDED}"
    model.pace(PACE).add(Reply(text=written, match=STREAMS))
    conversation = await altyn.opened()
    seen, reply = await watched(altyn, conversation)
    assert (reply["kind"], reply["text"]) == ("answer", written)
    assert seen[0] == GROUNDED
    assert set(seen) <= {GROUNDED, f"{GROUNDED} {FREE}"}

    # The next one turns bad when two sentences are seen, and goes on.
    model.add(Reply(text=f"{GROUNDED} {FREE} {INVENTED} {FREE} {GROUNDED}", match=STREAMS))
    seen, reply = await watched(altyn, conversation)
    assert reply["kind"] == "quote"
    assert seen[0] == GROUNDED
    assert set(seen) <= {GROUNDED, f"{GROUNDED} {FREE}", ""}


PASSING: dict[str, Callable[[LLMock], LLMock]] = {
    "429 with Retry-After": lambda model: model.add(Fail(429, retry_after=1.0, match=STREAMS)),
    "503": lambda model: model.add(Fail(503, match=STREAMS)),
    "disconnect": lambda model: model.disconnect(after_chunks=3),
    "truncated stream": lambda model: model.truncate(after_chunks=3),
    "stall": lambda model: model.stall(after_chunks=3),
    "not JSON": lambda model: model.corrupt(after_chunks=3),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
async def test_a_fault_that_passes_costs_a_moment(
    altyn: Company, model: LLMock, fault: Callable[[LLMock], LLMock]
) -> None:
    fault(model).add(SAYS_SO)
    reply, took = await ask(altyn)
    assert reply["text"] == GROUNDED, "whole, or not at all"
    assert took < TURN_SECONDS + SLACK_SECONDS
    model.assert_resilient()


LASTING: dict[str, Callable[[LLMock], LLMock]] = {
    "429 until tomorrow": lambda model: model.add(Fail(429, retry_after=86400, times=None, match=STREAMS)),
    "503": lambda model: model.add(Fail(503, times=None, match=STREAMS)),
    "disconnects": lambda model: model.disconnect(after_chunks=3, times=None),
    "truncated streams": lambda model: model.truncate(after_chunks=3, times=None),
    "stalls": lambda model: model.stall(after_chunks=3, times=None),
    "refused": lambda model: model.add(Fail(401, times=None, match=STREAMS)),
}


@pytest.mark.parametrize("fault", LASTING.values(), ids=LASTING.keys())
async def test_with_a_model_that_does_not_recover_the_page_is_quoted_in_time(
    altyn: Company, model: LLMock, fault: Callable[[LLMock], LLMock]
) -> None:
    fault(model).add(SAYS_SO)
    reply, took = await ask(altyn)
    assert reply["kind"] == "quote"
    assert "1,490 ₸" in reply["text"]
    assert GROUNDED[:30] not in reply["text"]
    assert took < TURN_SECONDS + SLACK_SECONDS


async def test_a_model_that_knows_no_answer_asks_back_and_then_a_person_is_asked(altyn: Company, model: LLMock) -> None:
    model.add(Reply(text="NO_ANSWER", times=None, match=STREAMS))
    conversation = await altyn.opened()
    kinds = [(await altyn.said(conversation, QUESTION))["reply"]["kind"] for _ in range(3)]
    assert kinds == ["clarify", "clarify", "escalated"]
    assert (await open_escalation(altyn, conversation))["reason"] == "unsure"


@pytest.mark.parametrize("said", ["question", '{"intents": []}', '{"intents": ["close_the_shop"], "confidence": 1}'])
async def test_intents_that_are_no_intents_are_told_by_examples(altyn: Company, llmock: LLMock, said: str) -> None:
    llmock.reply(said)
    reply, _ = await ask(altyn, "Can I speak to a real person, please?")
    assert reply["kind"] == "escalated"
    llmock.assert_resilient()


async def test_without_any_model_the_customer_is_served_all_the_same(altyn: Company, llmock: LLMock) -> None:
    llmock.outage()
    reply, took = await ask(altyn)
    assert reply["kind"] == "quote"
    assert took < TURN_SECONDS + SLACK_SECONDS


async def test_a_manager_takes_while_the_model_writes_and_the_bot_stays_silent(altyn: Company, model: LLMock) -> None:
    """What was seen of its answer is taken away."""
    model.pace(PACE).add(Reply(text=f"{GROUNDED} Then {LONG}", times=None, match=STREAMS))
    conversation = await altyn.opened()

    async with altyn.stream(f"/v1/conversations/{conversation}/events") as stream:
        sent = await altyn.post(f"/v1/conversations/{conversation}/messages", {"text": QUESTION})
        await stream.until("draft", text=GROUNDED)
        escalated = (await altyn.post(f"/v1/conversations/{conversation}/escalate")).json()
        taken = await altyn.post(f"/v1/escalations/{escalated['escalation']['id']}/take", headers=altyn.as_("aigerim"))
        assert taken.status_code == 200, taken.text
        await stream.until("draft", text="")

    async def turn_is_over() -> bool:
        found = await altyn.post(
            f"/v1/conversations/{conversation}/messages?wait=10",
            {"text": "And to Shymkent?", "client_message_id": "after"},
        )
        return bool(found.json()["state"] == "manager_active")

    await eventually(turn_is_over)
    assert sent.status_code == 202
    assert [each["author"] for each in await messages_of(altyn, conversation)] == ["customer", "customer"]


async def test_a_message_while_the_model_writes_is_answered_with_the_one_before(altyn: Company, model: LLMock) -> None:
    model.pace(300).add(SAYS_SO)
    conversation = await altyn.opened()
    await altyn.post(f"/v1/conversations/{conversation}/messages", {"text": "How much is delivery to Astana?"})
    await eventually(lambda: writes(model))
    model.pace(0)
    reply = (await altyn.said(conversation, "And how long does delivery to Astana take?"))["reply"]
    assert reply["text"] == GROUNDED
    assert [each["author"] for each in await messages_of(altyn, conversation)] == ["customer", "customer", "bot"]
