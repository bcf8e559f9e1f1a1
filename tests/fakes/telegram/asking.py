"""Methods of the Bot API by which a bot asks: about itself, its updates, chats and files."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from tests.fakes.faults import Json
from tests.fakes.outbox import Address
from tests.fakes.telegram import requests as rq
from tests.fakes.telegram.rooms import bot_member, person_member, room_to_read
from tests.fakes.telegram.updates import ConflictError
from tests.fakes.telegram.world import Asked, RefusalError, World, bad

DOWNLOAD_BYTES = 20 * 2**20
WEBHOOK_ACTIVE = (
    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
)


def get_me(world: World, asked: Asked, request: rq.Empty) -> Json:
    able = {"can_join_groups": True, "can_read_all_group_messages": not asked.bot.privacy}
    return asked.bot.user | able | {"supports_inline_queries": False}


async def get_updates(world: World, asked: Asked, request: rq.GetUpdates) -> list[Json]:
    mailbox = asked.bot.mailbox
    if mailbox.address is not None:
        raise RefusalError(409, WEBHOOK_ACTIVE)
    if request.allowed_updates is not None:
        mailbox.allowed = request.allowed_updates
    try:
        return await mailbox.poll(request.offset, request.limit, request.timeout)
    except ConflictError as conflict:
        raise RefusalError(409, str(conflict)) from None


def set_webhook(world: World, asked: Asked, request: rq.SetWebhook | rq.DeleteWebhook) -> bool:
    mailbox, address = asked.bot.mailbox, None
    if isinstance(request, rq.SetWebhook):
        address = _address(request)
        mailbox.max_connections = request.max_connections
        if request.allowed_updates is not None:
            mailbox.allowed = request.allowed_updates
    if request.drop_pending_updates:
        mailbox.pending.clear()
    mailbox.point(address)
    world.watch.changed()
    return True


def _address(request: rq.SetWebhook) -> Address | None:
    """An empty address takes the webhook away. Plain HTTP is taken to this machine alone, where tests listen."""
    if not request.url:
        return None
    url = urlsplit(request.url)
    here = url.hostname in ("127.0.0.1", "localhost")
    if url.scheme != "https" and not (here and url.scheme == "http"):
        raise bad("bad webhook: An HTTPS URL must be provided for webhook")
    if not here and (url.port or 443) not in (80, 88, 443, 8443):
        raise bad("bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")
    if len(request.secret_token) > 256:
        raise bad("secret token is too long")
    if not re.fullmatch(r"[A-Za-z0-9_-]*", request.secret_token):
        raise bad("secret token contains unallowed characters")
    headers = {"X-Telegram-Bot-Api-Secret-Token": request.secret_token} if request.secret_token else {}
    return Address(request.url, lambda _: headers)


def get_webhook_info(world: World, asked: Asked, request: rq.Empty) -> Json:
    mailbox = asked.bot.mailbox
    info: Json = {"url": "", "has_custom_certificate": False, "pending_update_count": len(mailbox.pending)}
    if mailbox.address is not None:
        info |= {"url": mailbox.address.url, "max_connections": mailbox.max_connections}
        if mailbox.last_error is not None:
            info["last_error_date"], info["last_error_message"] = mailbox.last_error
    return info | ({"allowed_updates": mailbox.allowed} if mailbox.allowed else {})


def set_my_commands(world: World, asked: Asked, request: rq.SetMyCommands) -> bool:
    asked.bot.commands = [command.model_dump() for command in request.commands]
    return True


def get_chat(world: World, asked: Asked, request: rq.InChat) -> Json:
    gifts = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels")
    full = {"accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": dict.fromkeys(gifts, False)}
    return room_to_read(world, asked.bot, request.chat_id).chat | full


def leave_chat(world: World, asked: Asked, request: rq.InChat) -> bool:
    room = room_to_read(world, asked.bot, request.chat_id)
    if room.person is not None:
        raise bad("chat member status can't be changed in private chats")
    world.groups[int(room.chat["id"])].bots[asked.bot.id].standing = "left"
    return True


def get_chat_member(world: World, asked: Asked, request: rq.GetChatMember) -> Json:
    group = world.groups.get(int(room_to_read(world, asked.bot, request.chat_id).chat["id"]))
    if group is not None and request.user_id == asked.bot.id:
        return bot_member(group, asked.bot)
    if group is None or request.user_id not in group.people:
        raise bad("user not found")
    return person_member(group, group.people[request.user_id][0])


def get_file(world: World, asked: Asked, request: rq.GetFile) -> Json:
    if request.file_id not in world.files.by_id:
        raise bad("wrong file_id or the file is temporarily unavailable")
    upload = world.files.by_id[request.file_id][1]
    if upload.told_size > DOWNLOAD_BYTES:
        raise bad("file is too big")
    told = {"file_id": request.file_id, "file_unique_id": f"u{request.file_id}", "file_size": upload.told_size}
    return told | {"file_path": world.files.path(request.file_id)}


ASKING: dict[str, Callable[[World, Asked, Any], Any]] = {
    "getMe": get_me,
    "setWebhook": set_webhook,
    "deleteWebhook": set_webhook,
    "getWebhookInfo": get_webhook_info,
    "setMyCommands": set_my_commands,
    "getChat": get_chat,
    "leaveChat": leave_chat,
    "getChatMember": get_chat_member,
    "getFile": get_file,
}
