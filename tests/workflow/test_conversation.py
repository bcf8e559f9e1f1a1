"""The conversation as a process: bursts, duplicates, mutes, commands, closing and reopening."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from temporalio import activity

from models.contracts.conversation import Memory, Standing
from models.contracts.enums import Command, ConversationState, EscalationReason, EscalationStatus, Intent, ReplyKind
from models.contracts.turn import Coverage, Generated, GenerateInput, Outcome, Verdict
from tests.workflow.desk import AIGERIM, BORIS, Desk

OPT_OUT: dict[str, Any] = {"intents": (Intent.OPT_OUT,), "has_question": False}
HUMAN: dict[str, Any] = {"intents": (Intent.HUMAN_REQUEST,)}


async def test_a_question_is_answered_and_written_once(desk: Desk) -> None:
    record = await desk.handled(await desk.say())
    assert record.reply is not None
    assert record.reply.kind is ReplyKind.QUOTE
    assert record.standing.turn == 1
    assert record.standing.state is ConversationState.BOT_ACTIVE


async def test_thirty_deliveries_of_one_message_are_one_turn(desk: Desk) -> None:
    message = uuid4()
    await asyncio.gather(*(desk.say(message) for _ in range(30)))
    await desk.handled(message)
    await desk.handled(await desk.say())
    assert [record.handled.count(message) for record in desk.records] == [1, 0]


async def test_a_burst_within_the_quiet_window_gets_one_reply(desk: Desk) -> None:
    burst = [await desk.say(quiet=1.5) for _ in range(30)]
    await desk.pass_time(seconds=3)
    record = await desk.handled(burst[-1])
    assert record.handled == tuple(burst)
    assert desk.replies == [ReplyKind.QUOTE]


async def test_a_customer_who_never_stops_typing_is_answered_all_the_same(desk: Desk) -> None:
    for _ in range(8):
        await desk.say(quiet=10)
        await desk.pass_time(seconds=9)
    assert desk.records, "the burst is capped at four quiet windows"


async def test_mutes_last_half_an_hour_then_a_day_and_end_without_a_timer(desk: Desk) -> None:
    first = await desk.handled(await desk.say(**OPT_OUT))
    assert first.reply is not None
    assert (first.reply.kind, first.reply.mute) == (ReplyKind.MUTED, timedelta(minutes=30))
    await desk.pass_time(minutes=29)
    assert (await desk.handled(await desk.say())).reply is None
    await desk.pass_time(minutes=1, seconds=5)
    assert (await desk.handled(await desk.say())).reply is not None

    second = await desk.handled(await desk.say(**OPT_OUT))
    assert second.reply is not None
    assert second.reply.mute == timedelta(hours=24)
    await desk.pass_time(hours=23, minutes=59)
    assert (await desk.handled(await desk.say())).reply is None
    await desk.pass_time(minutes=2)
    assert (await desk.handled(await desk.say())).reply is not None

    third = await desk.handled(await desk.say(**OPT_OUT))
    assert third.reply is not None
    assert third.reply.mute == timedelta(minutes=30), "after 24 hours an opt-out is forgotten"


async def test_resolving_resets_the_counter_of_opt_outs(desk: Desk) -> None:
    await desk.handled(await desk.say(**OPT_OUT))
    await desk.handled(await desk.say(**HUMAN))
    await desk.command(Command.TAKE)
    await desk.command(Command.RESOLVE)
    again = await desk.handled(await desk.say(**OPT_OUT))
    assert again.reply is not None
    assert again.reply.mute == timedelta(minutes=30)


async def test_a_policy_topic_goes_to_a_person_even_through_a_mute(desk: Desk) -> None:
    await desk.handled(await desk.say(**OPT_OUT))
    record = await desk.handled(await desk.say(verdict=Verdict.PERSON))
    assert record.standing.state is ConversationState.PENDING
    assert desk.escalation.reason is EscalationReason.POLICY


async def test_an_opt_out_while_waiting_cancels_the_escalation(desk: Desk) -> None:
    await desk.handled(await desk.say(**HUMAN))
    record = await desk.handled(await desk.say(**OPT_OUT))
    assert record.reply is not None
    assert record.reply.kind is ReplyKind.ESCALATION_CANCELLED
    assert record.standing.state is ConversationState.BOT_ACTIVE
    assert desk.escalation.status is EscalationStatus.CANCELLED
    assert record.standing.muted_until is None


async def test_two_managers_take_at_once_and_one_is_told_who_won(desk: Desk) -> None:
    await desk.handled(await desk.say(**HUMAN))
    outcomes = await asyncio.gather(
        desk.command(Command.TAKE, AIGERIM), desk.command(Command.TAKE, BORIS), return_exceptions=True
    )
    refused = [isinstance(outcome, Exception) for outcome in outcomes]
    assert sorted(refused) == [False, True]
    winner, loser = (BORIS, AIGERIM) if refused[0] else (AIGERIM, BORIS)
    refusal = await desk.refused(Command.TAKE, loser)
    assert refusal.reason == "taken"
    assert refusal.escalation is not None
    assert refusal.escalation.taken_by == winner.member_id


async def test_the_bot_is_silent_while_a_manager_has_the_conversation(desk: Desk) -> None:
    await desk.handled(await desk.say(**HUMAN))
    await desk.command(Command.TAKE)
    record = await desk.handled(await desk.say())
    assert record.reply is None
    assert record.forwarded


async def test_a_managers_reply_is_sent_by_id_and_takes_the_escalation(desk: Desk) -> None:
    await desk.handled(await desk.say(**HUMAN))
    text = uuid4()
    view = await desk.command(Command.REPLY, message_id=text)
    assert view.state is ConversationState.MANAGER_ACTIVE
    await desk.until(lambda desk: desk.records[-1].manager_message == text)


async def test_a_command_on_a_finished_escalation_names_who_finished_it(desk: Desk) -> None:
    await desk.handled(await desk.say(**HUMAN))
    await desk.command(Command.RESOLVE)
    refusal = await desk.refused(Command.TAKE, BORIS)
    assert refusal.reason == "finished"
    assert refusal.escalation is not None
    assert refusal.escalation.closed_by == AIGERIM.member_id


async def test_a_take_while_the_model_writes_keeps_the_bot_silent(desk: Desk) -> None:
    writing = asyncio.Event()
    cancelled = asyncio.Event()

    async def write_for_ever(_: GenerateInput) -> Generated:
        writing.set()
        try:
            while True:
                activity.heartbeat()
                await asyncio.sleep(0.05)
        finally:
            cancelled.set()

    desk.generate = write_for_ever
    await desk.handled(await desk.say(**HUMAN))
    await desk.command(Command.RETURN)
    message = await desk.say(writes=True)
    await asyncio.wait_for(writing.wait(), 10)
    # A person is asked for and takes over while the model is at it.
    view = await desk.command(Command.ESCALATE, escalation_id=None)
    assert view.escalation is not None
    await desk.command(Command.TAKE, escalation_id=view.escalation.id)
    record = await desk.handled(message)
    assert record.reply is None
    assert record.standing.state is ConversationState.MANAGER_ACTIVE
    await asyncio.wait_for(cancelled.wait(), 10)


async def test_a_message_while_the_model_writes_folds_into_one_answer(desk: Desk) -> None:
    begun: list[tuple[UUID, ...]] = []
    first_begun = asyncio.Event()

    async def write(given: GenerateInput) -> Generated:
        begun.append(given.message_ids)
        first_begun.set()
        if len(begun) == 1:
            await asyncio.Event().wait()
        return Generated(outcome=Outcome.WRITTEN)

    desk.generate = write
    first = await desk.say(writes=True)
    await asyncio.wait_for(first_begun.wait(), 10)
    second = await desk.say(writes=True)
    record = await desk.handled(second)
    assert record.handled == (first, second)
    assert desk.replies == [ReplyKind.ANSWER]
    assert begun == [(first,), (first, second)]


async def test_what_the_model_cannot_ground_is_quoted_and_what_it_does_not_know_is_asked_back(desk: Desk) -> None:
    outcomes = iter([Outcome.UNGROUNDED, Outcome.FAILED, Outcome.NO_ANSWER])

    async def fail(_: GenerateInput) -> Generated:
        return Generated(outcome=next(outcomes))

    desk.generate = fail
    found = (UUID(int=9),)
    for _ in range(3):
        await desk.handled(await desk.say(writes=True))
    assert desk.replies == [ReplyKind.QUOTE, ReplyKind.QUOTE, ReplyKind.CLARIFY]
    shown = [record.reply.passages for record in desk.records if record.reply]
    assert shown == [found, found, ()], "what a model finds no answer in is not shown either"


async def test_two_questions_back_in_a_row_and_then_a_person(desk: Desk) -> None:
    found = (UUID(int=9),)
    for _ in range(2):
        asked_back = (await desk.handled(await desk.say(coverage=Coverage.UNSURE))).reply
        assert asked_back is not None
        assert asked_back.passages == found
    record = await desk.handled(await desk.say(coverage=Coverage.UNSURE))
    assert desk.replies == [ReplyKind.CLARIFY, ReplyKind.CLARIFY, ReplyKind.ESCALATED]
    assert record.opens


async def test_an_outage_of_the_database_delays_and_loses_nothing(desk: Desk) -> None:
    desk.record_fails = 5
    record = await desk.handled(await desk.say())
    assert record.reply is not None


async def test_thirty_idle_days_close_and_the_next_message_reopens(desk: Desk) -> None:
    await desk.handled(await desk.say())
    await desk.pass_time(days=29)
    await desk.handled(await desk.say())
    await desk.pass_time(days=29, hours=23)
    assert desk.records[-1].standing.state is ConversationState.BOT_ACTIVE
    await desk.pass_time(hours=2)
    await desk.until(lambda desk: desk.records[-1].standing.state is ConversationState.CLOSED)

    closed = desk.records[-1].standing
    reopened = Standing.model_validate({**closed.model_dump(), "state": ConversationState.BOT_ACTIVE})
    record = await desk.handled(await desk.say(memory=Memory(standing=reopened)))
    assert record.standing.state is ConversationState.BOT_ACTIVE
    assert record.standing.turn == closed.turn + 1


async def test_a_process_that_started_from_an_outdated_record_begins_anew(desk: Desk) -> None:
    # Between the look at the record and the start, the last process wrote three more steps and closed.
    desk.overtaken = Standing(version=3, turn=2)
    record = await desk.handled(await desk.say())
    assert (record.standing.version, record.standing.turn) == (4, 3)
    assert desk.replies == [ReplyKind.QUOTE]


async def test_closing_with_an_open_escalation_cancels_it(desk: Desk) -> None:
    await desk.handled(await desk.say(**HUMAN))
    await desk.command(Command.CLOSE)
    await desk.until(lambda desk: desk.records[-1].standing.state is ConversationState.CLOSED)
    assert desk.escalation.status is EscalationStatus.CANCELLED
