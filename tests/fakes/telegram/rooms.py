"""Where a bot may read and write, and with which rights."""

from collections.abc import Mapping
from typing import Literal

from tests.fakes.faults import Json
from tests.fakes.telegram.world import Bot, Group, Person, RefusalError, Room, World, bad

GENERAL = 1
"""The topic that every forum has. Nobody writes there by naming it."""


def room_to_read(world: World, bot: Bot, chat_id: int | str) -> Room:
    """A chat that the bot is in. Raises RefusalError as Telegram words it."""
    if isinstance(chat_id, int) and chat_id in bot.rooms:
        return bot.rooms[chat_id]
    group = world.groups.get(chat_id) if isinstance(chat_id, int) else None
    if group is None or bot.id not in group.bots:
        raise bad("chat not found")
    if group.moved_to is not None:
        raise bad("group chat was upgraded to a supergroup chat", migrate_to_chat_id=group.moved_to)
    if group.deleted:
        raise RefusalError(403, "Forbidden: the group chat was deleted")
    standing = group.bots[bot.id].standing
    if standing == "kicked":
        raise RefusalError(403, f"Forbidden: bot was kicked from the {group.type} chat")
    if standing == "left":
        raise RefusalError(403, f"Forbidden: bot is not a member of the {group.type} chat")
    return group.room


def room_to_write(world: World, bot: Bot, chat_id: int | str, thread_id: int = 0) -> Room:
    """A chat, and where one is named a topic of it, that the bot may write to. Raises RefusalError."""
    room = room_to_read(world, bot, chat_id)
    if room.person is not None:
        if room.person.id in bot.deactivated:
            raise RefusalError(403, "Forbidden: user is deactivated")
        if room.person.id in bot.blocked_by:
            raise RefusalError(403, "Forbidden: bot was blocked by the user")
        if thread_id:
            raise bad("message thread not found")
        return room
    group = world.groups[int(room.chat["id"])]
    if group.bots[bot.id].muted:
        raise bad("not enough rights to send text messages to the chat")
    if thread_id:
        topic = group.topics.get(thread_id) if group.forum else None
        if topic is None:
            raise bad("message thread not found")
        if topic.closed and not group.bots[bot.id].manages_topics:
            raise bad("TOPIC_CLOSED")
    return room


Right = Literal["manages_topics", "deletes_messages", "pins_messages"]


def require(world: World, bot: Bot, room: Room, right: Right, why: str) -> Group:
    """The group of a room, if the bot is an administrator with this right there. Raises RefusalError."""
    group = world.groups[int(room.chat["id"])]
    membership = group.bots[bot.id]
    if membership.standing != "administrator" or not getattr(membership, right):
        raise bad(why)
    return group


def member(user: Json, standing: str, rights: Mapping[str, bool] | None = None) -> Json:
    """A ChatMember."""
    if standing == "kicked":
        return {"status": standing, "user": user, "until_date": 0}
    if standing != "administrator":
        return {"status": standing, "user": user}
    named = (
        "can_be_edited", "is_anonymous", "can_manage_chat", "can_delete_messages", "can_manage_video_chats",
        "can_restrict_members", "can_promote_members", "can_change_info", "can_invite_users", "can_post_stories",
        "can_edit_stories", "can_delete_stories", "can_pin_messages", "can_manage_topics",
    )  # fmt: skip
    able = {**dict.fromkeys(named, False), "can_manage_chat": True, **(rights or {})}
    return {"status": standing, "user": user, **able}


def bot_member(group: Group, bot: Bot) -> Json:
    here = group.bots[bot.id]
    able = {
        "can_manage_topics": here.manages_topics,
        "can_delete_messages": here.deletes_messages,
        "can_pin_messages": here.pins_messages,
    }
    return member(bot.user, here.standing, able)


def person_member(group: Group, person: Person) -> Json:
    return member(person.user, group.people[person.id][1])
