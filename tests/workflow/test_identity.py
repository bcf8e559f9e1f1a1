"""The identity check in a conversation: who is asked for a code, when a person comes, and what a command does to it."""

import asyncio
from typing import Any
from uuid import UUID

from models.contracts.enums import Command, ConversationState, EscalationReason, ReplyKind
from models.contracts.privacy import SendCodeInput, SendOutcome
from models.contracts.turn import Verdict
from tests.workflow.desk import Desk

ACCOUNT: dict[str, Any] = {"verdict": Verdict.IDENTIFY}


async def test_a_code_is_sent_and_the_right_one_leads_to_a_person(desk: Desk) -> None:
    account = await desk.say(**ACCOUNT)
    await desk.handled(account)
    (code,) = desk.codes
    assert (code.conversation_id, code.message_id) == (desk.conversation, account)
    await desk.handled(await desk.say(verdict=Verdict.WRONG_CODE, about=account))
    record = await desk.handled(await desk.say(verdict=Verdict.VERIFIED, about=account))
    assert desk.replies == [ReplyKind.IDENTIFY, ReplyKind.WRONG_CODE, ReplyKind.VERIFIED]
    assert record.about == account, "a manager reads first what the customer wanted"
    assert (record.standing.state, desk.escalation.reason) == (ConversationState.PENDING, EscalationReason.POLICY)


async def test_another_code_is_for_the_same_message(desk: Desk) -> None:
    account = UUID(int=7)
    await desk.handled(await desk.say(verdict=Verdict.IDENTIFY, about=account))
    assert [code.message_id for code in desk.codes] == [account]


async def test_a_person_is_asked_for_when_no_code_can_be_sent(desk: Desk) -> None:
    desk.send_code = SendOutcome.TOO_MANY
    record = await desk.handled(await desk.say(**ACCOUNT))
    assert desk.replies == [ReplyKind.ESCALATED]
    assert record.standing.state is ConversationState.PENDING


async def test_a_person_is_asked_for_when_the_mail_does_not_go(desk: Desk) -> None:
    desk.send_code = OSError("no mail server")
    await desk.handled(await desk.say(**ACCOUNT))
    assert desk.replies == [ReplyKind.ESCALATED]
    assert len(desk.codes) == 3
    assert len({code.code_id for code in desk.codes}) == 1, "tried again, it is the same code"


async def test_a_manager_who_takes_over_while_the_mail_goes_is_not_talked_over(desk: Desk) -> None:
    going, gone = asyncio.Event(), asyncio.Event()

    async def slowly(_: SendCodeInput) -> SendOutcome:
        going.set()
        await gone.wait()
        return SendOutcome.SENT

    desk.send_code = slowly
    account = await desk.say(**ACCOUNT)
    await going.wait()
    view = await desk.command(Command.ESCALATE, escalation_id=None)
    assert view.escalation is not None
    await desk.command(Command.TAKE, escalation_id=view.escalation.id)
    gone.set()
    record = await desk.handled(account)
    assert record.reply is None
    assert record.forwarded


async def test_while_a_person_is_on_the_way_a_code_confirms_and_opens_nothing(desk: Desk) -> None:
    await desk.handled(await desk.say(verdict=Verdict.PERSON))
    number = desk.escalation.number
    await desk.handled(await desk.say(verdict=Verdict.VERIFIED))
    await desk.handled(await desk.say(**ACCOUNT))
    assert desk.replies == [ReplyKind.ESCALATED, ReplyKind.VERIFIED]
    assert desk.escalation.number == number
    assert desk.codes == []
