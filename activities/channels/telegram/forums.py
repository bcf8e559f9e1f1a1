"""Groups with topics, as desks of managers: what a bot makes there, and whether it may."""

from typing import Any

from activities.channels.port import ChannelError, RefusedError, TryLaterError, UnclearError
from activities.channels.telegram.api import Api
from activities.channels.telegram.writing import address, number
from models.contracts.channels import Chat, Health, HealthState

NO_GROUP = "The bot is not in the group (any more), or the group is gone: add it again, or link another group."
NO_FORUM = "The group has no topics: switch them on in its settings (Topics)."
NO_RIGHTS = "The bot may not manage topics: make it an administrator of the group with the right “Manage topics”."
NO_DELETING = (
    "The bot may not delete messages, so that topics of customers who are erased stay in the group: give it that right, or "
    "delete those topics yourself."
)
AWAY = "Telegram does not answer; what is to be posted waits."
ADVICE = {
    "no_forum": NO_FORUM,
    "no_rights": NO_RIGHTS,
    "removed": NO_GROUP,
    "chat_not_found": NO_GROUP,
    "forbidden": NO_GROUP,
}
"""What a person can do about refusals that are the group's, and not a post's."""

_NOT_MODIFIED = "bad_request"


async def create(api: Api, chat: Chat, name: str) -> str:
    match await api.act("createForumTopic", {"chat_id": number(chat.id), "name": name}):
        case {"message_thread_id": int(thread)}:
            return str(thread)
        case _:
            raise UnclearError("unreadable_answer")


async def reopen(api: Api, chat: Chat) -> None:
    """One that is open already is no error."""
    try:
        await api.ask("reopenForumTopic", address(chat))
    except RefusedError as error:
        if error.code != _NOT_MODIFIED:
            raise


async def delete(api: Api, chat: Chat) -> None:
    """One that is gone already is no error."""
    try:
        await api.ask("deleteForumTopic", address(chat))
    except RefusedError as error:
        if error.code != "topic_gone":
            raise


async def check(api: Api, chat: Chat, bot: int | None) -> Health:
    """Whether the bot can keep a desk there."""
    try:
        group = await api.ask("getChat", {"chat_id": number(chat.id)})
        if not (isinstance(group, dict) and group.get("is_forum")):
            return refused("no_forum")
        mine = bot if bot is not None else (await api.ask("getMe"))["id"]
        member = await api.ask("getChatMember", {"chat_id": number(chat.id), "user_id": mine})
    except TryLaterError as error:
        return Health(state=HealthState.AWAY, code=error.code, advice=(AWAY,))
    except ChannelError as error:
        return refused(error.code)
    if not _may(member, "can_manage_topics"):
        return refused("no_rights")
    return Health(state=HealthState.OK, advice=() if _may(member, "can_delete_messages") else (NO_DELETING,))


def refused(code: str) -> Health:
    return Health(state=HealthState.DEAD, code=code, advice=(ADVICE.get(code, NO_GROUP),))


def _may(member: Any, right: str) -> bool:
    """An administrator's right; whoever made the group has them all."""
    match member:
        case {"status": "creator"}:
            return True
        case {"status": "administrator"}:
            return member.get(right) is True
        case _:
            return False
