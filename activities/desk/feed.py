"""Which events a desk is told of, and how. Pure."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from models.contracts.desk import CardPost, FilePost, LearnedPost, MessagePost, NoticePost, Post, Said
from models.contracts.enums import Command, EventType, LadderStep, LearnedStatus, SendStatus
from models.repositories.desk_feed import Happened

_TOLD = {
    Command.TAKE: Said.TAKEN,
    Command.REPLY: Said.TAKEN,
    Command.SKIP: Said.PASSED_ON,
    Command.REASSIGN: Said.REASSIGNED,
    Command.RETURN: Said.RETURNED,
    Command.RESOLVE: Said.RESOLVED,
}
_ENDS = {"cancelled": Said.CANCELLED, "expired": Said.EXPIRED}
_UNSENT = {
    SendStatus.FAILED.value: Said.NOT_DELIVERED,
    SendStatus.UNKNOWN.value: Said.NOT_DELIVERED,
    SendStatus.QUEUED.value: Said.HELD,
}
_REMINDERS = {LadderStep.REMINDER_1: Said.REMINDER, LadderStep.REMINDER_2: Said.OWNERS}


def posts_of(happened: Happened) -> Iterator[Post]:
    """What the desk is told of an event, in this order; nothing of what happens in another branch, or while the bot
    answers alone."""
    if not happened.ours:
        return
    match happened.type:
        case EventType.ESCALATION:
            yield from _escalation(happened.data)
        case EventType.MESSAGE if happened.during and happened.worded and not happened.from_desk:
            changed = bool(happened.data.get("changed"))
            yield MessagePost(message_id=UUID(happened.data["message_id"]), changed=changed)
        case EventType.ATTACHMENT if happened.awaited:
            yield from _attachment(happened)
        case EventType.DELIVERY if happened.during and (said := _UNSENT.get(happened.data["status"])):
            yield NoticePost(said=said, code=happened.data.get("error") or happened.data["status"])
        case EventType.LEARNED if happened.data["status"] == LearnedStatus.PROPOSED:
            yield LearnedPost(learned_id=UUID(happened.data["learned_id"]))
        case _:
            pass


def opens(happened: Happened) -> bool:
    """Whether a person is asked for by it."""
    data = happened.data
    return happened.ours and happened.type is EventType.ESCALATION and _is_new(data)


def _is_new(data: dict[str, Any]) -> bool:
    return data.get("status") == "pending" and data.get("command") in (None, Command.ESCALATE.value)


def _escalation(data: dict[str, Any]) -> Iterator[Post]:
    if (step := data.get("step")) is not None:
        if reminder := _REMINDERS.get(LadderStep(step)):
            yield NoticePost(said=reminder)
        return
    yield CardPost()
    by = None if data.get("by") is None else UUID(data["by"])
    told = None if data.get("command") is None else _TOLD.get(Command(data["command"]))
    told = _ENDS.get(data["status"], told)
    if told is not None:
        yield NoticePost(said=told, member_id=by)


def _attachment(happened: Happened) -> Iterator[Post]:
    """A customer's file when it is here; anybody's that never will be."""
    data = happened.data
    if data["state"] == "refused":
        yield NoticePost(said=Said.FILE_REFUSED, code=data.get("reason", "refused"))
    elif happened.author is not None and happened.author.value == "customer":
        yield FilePost(attachment_id=UUID(data["attachment_id"]))
