"""Methods of the Bot API that change what is there: messages, presses of buttons and topics."""

import time
from collections.abc import Callable
from typing import Any

from tests.fakes.faults import Json
from tests.fakes.telegram import requests as rq
from tests.fakes.telegram.rooms import require, room_to_read, room_to_write
from tests.fakes.telegram.sending import caption, content_of, keyboard, text
from tests.fakes.telegram.world import Asked, Group, Topic, World, bad, now

NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same as a current content "
    "and reply markup of the message"
)
_WORDS = {
    "editForumTopic": "edit",
    "closeForumTopic": "close",
    "reopenForumTopic": "reopen",
    "deleteForumTopic": "delete",
}


def edit(world: World, asked: Asked, request: rq.EditMessageText | rq.EditMessageCaption | rq.EditMarkup) -> Json:
    """What is edited without a keyboard loses the one it had."""
    message = _found(world, asked, request, "message to edit not found")
    if message["from"]["id"] != asked.bot.id:
        raise bad("message can't be edited")
    before = {name: value for name, value in message.items() if name != "edit_date"}
    after = {name: value for name, value in before.items() if name != "reply_markup"} | keyboard(request.reply_markup)
    if isinstance(request, rq.EditMessageText):
        if "text" not in message:
            raise bad("there is no text in the message to edit")
        after.pop("entities", None)
        after |= text(request)
    elif isinstance(request, rq.EditMessageCaption):
        if "text" in message or not content_of(message):
            raise bad("there is no caption in the message to edit")
        after = {name: value for name, value in after.items() if not name.startswith("caption")} | caption(request)
    if after == before:
        raise bad(NOT_MODIFIED)
    message.clear()
    message |= after | {"edit_date": now()}
    world.watch.changed()
    return message


def delete_message(world: World, asked: Asked, request: rq.OnMessage) -> bool:
    room = room_to_read(world, asked.bot, request.chat_id)
    message = _found(world, asked, request, "message to delete not found")
    if room.person is None and message["from"]["id"] != asked.bot.id:
        require(world, asked.bot, room, "deletes_messages", "message can't be deleted")
    del room.messages[request.message_id]
    _mark_deleted(world, [message])
    return True


def pin(world: World, asked: Asked, request: rq.OnMessage) -> bool:
    room = room_to_write(world, asked.bot, request.chat_id)
    _found(world, asked, request, "message to pin not found")
    if room.person is None:
        why = "not enough rights to manage pinned messages in the chat"
        require(world, asked.bot, room, "pins_messages", why)
    return True


def answer_callback_query(world: World, asked: Asked, request: rq.AnswerCallbackQuery) -> bool:
    pressed = asked.bot.queries.pop(request.callback_query_id, None)
    if pressed is None or time.monotonic() - pressed > world.callback_seconds:
        raise bad("query is too old and response timeout expired or query ID is invalid")
    world.answers[request.callback_query_id] = request.model_dump(exclude_unset=True)
    world.watch.changed()
    return True


def create_topic(world: World, asked: Asked, request: rq.CreateForumTopic) -> Json:
    group = _forum(world, asked, request, "not enough rights to create a topic")
    topic = add_topic(group, Topic(next(group.room.ids), request.name, request.icon_color), asked.bot.user)
    world.watch.changed()
    return {"message_thread_id": topic.id, **_named(topic)}


def add_topic(group: Group, topic: Topic, by: Json) -> Topic:
    """A topic begins with a service message, whose id names its thread."""
    group.topics[topic.id] = topic
    group.room.messages[topic.id] = {
        "message_id": topic.id,
        "from": by,
        "chat": group.chat,
        "date": now(),
        "message_thread_id": topic.id,
        "is_topic_message": True,
        "forum_topic_created": _named(topic),
    }
    return topic


def _named(topic: Topic) -> Json:
    return {"name": topic.name, "icon_color": topic.icon_color}


def change_topic(world: World, asked: Asked, request: rq.InTopic) -> bool:
    group = _forum(world, asked, request, f"not enough rights to {_WORDS[asked.method]} the topic")
    topic = group.topics.get(request.message_thread_id)
    if topic is None:
        raise bad("TOPIC_ID_INVALID")
    if asked.method == "deleteForumTopic":
        forget_topic(world, group, topic.id)
    elif isinstance(request, rq.EditForumTopic):
        if request.name in ("", topic.name):
            raise bad("TOPIC_NOT_MODIFIED")
        topic.name = request.name
    else:
        if topic.closed == (asked.method == "closeForumTopic"):
            raise bad("TOPIC_NOT_MODIFIED")
        topic.closed = not topic.closed
    world.watch.changed()
    return True


def forget_topic(world: World, group: Group, thread_id: int) -> None:
    """It is gone with all that was said in it."""
    del group.topics[thread_id]
    said = [message for message in group.room.messages.values() if message.get("message_thread_id") == thread_id]
    for message in said:
        del group.room.messages[message["message_id"]]
    _mark_deleted(world, said)


def _mark_deleted(world: World, messages: list[Json]) -> None:
    gone = {id(message) for message in messages}
    for sent in world.sends:
        sent.deleted = sent.deleted or id(sent.message) in gone
    world.watch.changed()


def _found(world: World, asked: Asked, request: rq.OnMessage, why: str) -> Json:
    message = room_to_read(world, asked.bot, request.chat_id).messages.get(request.message_id)
    if message is None:
        raise bad(why)
    return message


def _forum(world: World, asked: Asked, request: rq.InChat, why: str) -> Group:
    room = room_to_read(world, asked.bot, request.chat_id)
    if not room.chat.get("is_forum"):
        raise bad("the chat is not a forum")
    return require(world, asked.bot, room, "manages_topics", why)


CHANGING: dict[str, Callable[[World, Asked, Any], Any]] = {
    **dict.fromkeys(("editMessageText", "editMessageCaption", "editMessageReplyMarkup"), edit),
    "deleteMessage": delete_message,
    **dict.fromkeys(("pinChatMessage", "unpinChatMessage"), pin),
    "answerCallbackQuery": answer_callback_query,
    "createForumTopic": create_topic,
    **dict.fromkeys(("editForumTopic", "closeForumTopic", "reopenForumTopic", "deleteForumTopic"), change_topic),
}
