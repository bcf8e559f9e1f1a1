"""In groups people talk with each other: which messages are for the bot. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from models.contracts.accounts import TelegramSettings

_COMMAND = re.compile(r"/\w{1,32}(?:@(\w+))?")


def addressed(update: Mapping[str, Any], bot: TelegramSettings) -> bool:
    """Whether an Update is for the bot: what is no message in a group always is; a message in one when it mentions the
    bot, answers it, or is a command for it or for no bot in particular.

    A desk's group is all the bot's, and not asked about here.
    """
    message = next((update[kind] for kind in ("message", "edited_message") if kind in update), None)
    if not isinstance(message, dict):
        return True
    chat = message.get("chat")
    if not isinstance(chat, dict) or chat.get("type") not in ("group", "supergroup"):
        return True
    return _mentions(message, bot) or _commands(message, bot) or _answers(message, bot)


def _mentions(message: Mapping[str, Any], bot: TelegramSettings) -> bool:
    """By its @username, or by its name where it is a link to the bot."""
    by_username = bot.username and re.search(rf"(?<!\w)@{re.escape(bot.username)}(?!\w)", _text(message), re.IGNORECASE)
    return bool(by_username) or any(entity == bot.bot_id for entity in _mentioned(message))


def _mentioned(message: Mapping[str, Any]) -> Iterator[object]:
    for name in ("entities", "caption_entities"):
        entities = message.get(name)
        for entity in entities if isinstance(entities, list) else ():
            match entity:
                case {"type": "text_mention", "user": {"id": int(user_id)}}:
                    yield user_id
                case _:
                    pass


def _commands(message: Mapping[str, Any], bot: TelegramSettings) -> bool:
    command = _COMMAND.match(_text(message))
    return command is not None and (command[1] is None or command[1].lower() == (bot.username or "").lower())


def _answers(message: Mapping[str, Any], bot: TelegramSettings) -> bool:
    match message.get("reply_to_message"):
        case {"forum_topic_created": _}:
            # Every message in a topic that the bot made is told as an answer to it.
            return False
        case {"from": {"id": int(author)}}:
            return author == bot.bot_id
        case _:
            return False


def _text(message: Mapping[str, Any]) -> str:
    text = message.get("text", message.get("caption"))
    return text if isinstance(text, str) else ""
