"""The conversation's manners as time passes: greetings by silence, quiet hours, floods, questions back."""

from datetime import datetime, timedelta
from typing import Any

from models.contracts.conversation import Memory, Record, Standing
from models.contracts.enums import Command, ConversationState, Intent, Occasion, ReplyKind
from models.contracts.turn import Coverage, TurnRules, Verdict
from tests.workflow.desk import Desk


def occasion(record: Record) -> Occasion | None:
    assert record.reply is not None
    return record.reply.occasion


async def test_the_bot_greets_by_how_long_nobody_has_spoken(desk: Desk) -> None:
    assert occasion(await desk.handled(await desk.say(intents=(Intent.GREETING,)))) is Occasion.FIRST
    await desk.pass_time(minutes=29)
    assert occasion(await desk.handled(await desk.say())) is Occasion.GOES_ON
    await desk.pass_time(minutes=31)
    assert occasion(await desk.handled(await desk.say())) is Occasion.AGAIN
    await desk.pass_time(hours=24, minutes=1)
    assert occasion(await desk.handled(await desk.say())) is Occasion.RETURNED
    assert occasion(await desk.handled(await desk.say())) is Occasion.GOES_ON, "it has greeted just now"


async def test_a_policy_says_how_long_that_is(desk: Desk) -> None:
    rules = TurnRules(goes_on=timedelta(minutes=1), returns=timedelta(minutes=5))
    await desk.handled(await desk.say(rules=rules))
    await desk.pass_time(minutes=6)
    assert occasion(await desk.handled(await desk.say(rules=rules))) is Occasion.RETURNED


async def test_a_reopened_conversation_remembers_when_it_was_left(desk: Desk) -> None:
    now = await desk.environment.get_current_time()
    left = Standing(turn=4, version=9, spoke_at=now - timedelta(days=40))
    message = await desk.say(memory=Memory(standing=left), intents=(Intent.GREETING,))
    assert occasion(await desk.handled(message)) is Occasion.RETURNED


async def test_a_managers_words_are_no_silence(desk: Desk) -> None:
    await desk.handled(await desk.say(intents=(Intent.HUMAN_REQUEST,)))
    await desk.pass_time(hours=30)
    await desk.command(Command.REPLY, message_id=desk.tenant)
    await desk.command(Command.RESOLVE)
    await desk.pass_time(minutes=5)
    assert occasion(await desk.handled(await desk.say())) is Occasion.GOES_ON


async def test_in_quiet_hours_the_bot_answers_and_tells_when_people_come(desk: Desk) -> None:
    opens = datetime.fromisoformat("2026-11-23T04:00:00+00:00")
    answered = await desk.handled(await desk.say(people_at=opens))
    assert answered.reply is not None
    assert answered.reply.kind is ReplyKind.QUOTE
    escalated = await desk.handled(await desk.say(verdict=Verdict.PERSON, people_at=opens))
    assert escalated.reply is not None
    assert (escalated.reply.kind, escalated.reply.people_at) == (ReplyKind.ESCALATED, opens)


async def test_a_flood_is_told_once_and_kept_and_the_bot_is_back_when_it_calms(desk: Desk) -> None:
    await desk.handled(await desk.say())
    flood = [await desk.handled(await desk.say(flooding=True)) for _ in range(4)]
    assert [record.reply.kind if record.reply else None for record in flood] == [ReplyKind.SLOW_DOWN, None, None, None]
    assert all(record.handled and record.standing.slowed for record in flood), "each is kept, and marked"
    assert {record.standing.state for record in flood} == {ConversationState.BOT_ACTIVE}
    calm = await desk.handled(await desk.say())
    assert not calm.standing.slowed
    assert desk.replies == [ReplyKind.QUOTE, ReplyKind.SLOW_DOWN, ReplyKind.QUOTE]
    again = await desk.handled(await desk.say(flooding=True))
    assert again.reply is not None
    assert again.reply.kind is ReplyKind.SLOW_DOWN, "another flood is told of anew"


async def test_no_flood_opens_or_calls_off_an_escalation(desk: Desk) -> None:
    wants: dict[str, Any] = {"intents": (Intent.HUMAN_REQUEST,), "verdict": Verdict.PERSON}
    for _ in range(3):
        assert not (await desk.handled(await desk.say(flooding=True, **wants))).opens
    opened = await desk.handled(await desk.say(**wants))
    assert opened.opens, "when it has calmed, the person is called"
    stop = await desk.handled(await desk.say(flooding=True, intents=(Intent.OPT_OUT,), has_question=False))
    assert stop.standing.state is ConversationState.PENDING
    assert stop.forwarded


async def test_a_flood_that_is_a_managers_is_theirs_to_read(desk: Desk) -> None:
    await desk.handled(await desk.say(intents=(Intent.HUMAN_REQUEST,)))
    await desk.command(Command.TAKE)
    record = await desk.handled(await desk.say(flooding=True))
    assert record.forwarded
    assert record.reply is None
    assert not record.standing.slowed


async def test_a_sure_answer_between_two_questions_back_counts_anew(desk: Desk) -> None:
    for coverage in (Coverage.UNSURE, Coverage.UNSURE, Coverage.COVERED, Coverage.UNSURE, Coverage.UNSURE):
        await desk.handled(await desk.say(coverage=coverage))
    assert ReplyKind.ESCALATED not in desk.replies
    assert (await desk.handled(await desk.say(coverage=Coverage.UNSURE))).opens
