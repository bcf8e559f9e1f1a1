"""The fake as tests hold it: its wire, its people, and how to wait for what bots do."""

import itertools
import json
import time
from collections.abc import Iterable
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.fakes.faults import PATIENCE, Call, Fault, Json
from tests.fakes.telegram.asking import ASKING, get_updates
from tests.fakes.telegram.changing import CHANGING, add_topic, forget_topic
from tests.fakes.telegram.requests import METHODS, GetUpdates, WrongRequestError, judged
from tests.fakes.telegram.rooms import bot_member, member
from tests.fakes.telegram.sending import SENDING, content_of
from tests.fakes.telegram.updates import Mailbox
from tests.fakes.telegram.world import (
    FILE_KINDS,
    Asked,
    Bot,
    Group,
    Membership,
    Person,
    RefusalError,
    Room,
    Sent,
    Standing,
    Topic,
    World,
    marks,
    now,
)
from tests.fakes.upload import Upload
from tests.fakes.wire import Provider

DO = {**SENDING, **CHANGING, **ASKING}

BOT_IDS = itertools.count(700_001)
"""Of all fakes in this process: an installation has a bot only once, and several test modules share one."""


class FakeTelegram(Provider):
    """See the package for how to use it. `world` is what Telegram knows; set its `limits` to have them kept."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.watch)
        self.bots: dict[str, Bot] = {}
        self._people_ids = itertools.count(5_000_001)
        self._group_ids, self._queries = itertools.count(1), itertools.count(1)

    # Who there is

    def add_bot(
        self, token: str | None = None, *, username: str | None = None, name: str = "Shop", privacy: bool = True
    ) -> Bot:
        """What BotFather makes."""
        bot_id = int(token.partition(":")[0]) if token else next(BOT_IDS)
        token = token or f"{bot_id}:AA{bot_id:033d}"
        bot = Bot(token, bot_id, username or f"shop{bot_id}_bot", name, privacy, Mailbox(self.client))
        self.outboxes.append(bot.mailbox)
        self.bots[token] = bot
        return bot

    def person(self, name: str = "Aida", *, username: str | None = None, language: str | None = None) -> Person:
        return Person(next(self._people_ids), name, username, language)

    def group(self, title: str = "Desk", *, forum: bool = False, supergroup: bool = True) -> Group:
        number = next(self._group_ids)
        group = Group(-1_001_000_000_000 - number if supergroup else -4_000_000 - number, title, forum, supergroup)
        self.world.groups[group.id] = group
        return group

    # What people do

    def says(
        self,
        where: Bot | Group,
        who: Person,
        text: str = "",
        *,
        topic: int | None = None,
        reply_to: Json | Sent | None = None,
        **content: Any,
    ) -> Json:
        """A person's message to a bot or in a group, and what it tells of it. `content` is a file under the name of its
        kind (bytes or Upload; then the text is its caption), or any other field of a Message, services' too."""
        room = self._room(where, who)
        message: Json = {"message_id": next(room.ids), "from": who.user, "chat": room.chat, "date": now()}
        with_file = False
        for name, value in content.items():
            upload = Upload(value) if isinstance(value, bytes) else value
            with_file = with_file or isinstance(upload, Upload)
            message |= self.world.files.content(name, upload) if isinstance(upload, Upload) else {name: value}
        if text:
            found = {"caption_entities" if with_file else "entities": marks(text)}
            message |= {"caption" if with_file else "text": text, **{k: v for k, v in found.items() if v}}
        if topic is not None:
            message |= {"message_thread_id": topic, "is_topic_message": True}
        # A message in a topic that answers none is told as an answer to the one that made the topic.
        answered = reply_to.message if isinstance(reply_to, Sent) else reply_to or room.messages.get(topic or 0)
        if answered is not None:
            message["reply_to_message"] = {k: v for k, v in answered.items() if k != "reply_to_message"}
        room.messages[message["message_id"]] = message
        self._tell(where, "message", message)
        return message

    def sends_album(
        self, where: Bot | Group, who: Person, files: Iterable[Upload | bytes], text: str = "", kind: str = "photo"
    ) -> list[Json]:
        """Files as one: a message each, under the same media_group_id, the text with the first."""
        album = str(next(self._queries))
        contents: list[Json] = [{kind: file, "media_group_id": album} for file in files]
        return [self.says(where, who, "" if place else text, **content) for place, content in enumerate(contents)]

    def edits(self, where: Bot | Group, message: Json, text: str) -> None:
        name = "caption" if any(kind in message for kind in FILE_KINDS) else "text"
        message |= {name: text, "edit_date": now()}
        self._tell(where, "edited_message", message)

    def presses(self, sent: Sent, who: Person, data: str) -> str:
        """Press the button with this data; the id of the query that the bot must answer."""
        assert data in sent.buttons.values(), f"no button {data} among {sent.buttons}"
        return self.forges(sent, who, data)

    def forges(self, sent: Sent, who: Person, data: str) -> str:
        """The same with data that no button has: a client of somebody's own making may say anything."""
        query_id = str(4_000_000_000 + next(self._queries))
        sent.bot.queries[query_id] = time.monotonic()
        query = {"id": query_id, "from": who.user, "message": sent.message, "chat_instance": "1", "data": data}
        sent.bot.mailbox.tell("callback_query", query)
        return query_id

    def blocks(self, bot: Bot, who: Person) -> None:
        bot.blocked_by.add(who.id)
        self._reach(bot, who, "member", "kicked")

    def unblocks(self, bot: Bot, who: Person) -> None:
        bot.blocked_by.discard(who.id)
        self._reach(bot, who, "kicked", "member")

    def _reach(self, bot: Bot, who: Person, before: str, after: str) -> None:
        changed = {"chat": self._room(bot, who).chat, "from": who.user, "date": now()}
        changed |= {"old_chat_member": member(bot.user, before), "new_chat_member": member(bot.user, after)}
        bot.mailbox.tell("my_chat_member", changed)

    def joins(self, bot: Bot, group: Group, by: Person, membership: Membership | None = None) -> None:
        """Somebody adds a bot to a group, changes what it may there, or (standing left or kicked) takes it out."""
        before = bot_member(group, bot) if bot.id in group.bots else member(bot.user, "left")
        group.bots[bot.id] = membership or Membership()
        changed = {"chat": group.chat, "from": by.user, "date": now(), "old_chat_member": before}
        bot.mailbox.tell("my_chat_member", {**changed, "new_chat_member": bot_member(group, bot)})

    def enters(self, who: Person, group: Group, standing: Standing = "member") -> None:
        group.people[who.id] = (who, standing)

    def migrates(self, group: Group, by: Person, *, forum: bool | None = None) -> Group:
        """A basic group becomes a supergroup: another id, the same bots. `forum`: with topics, or without; as before."""
        moved = self.group(group.title, forum=group.forum if forum is None else forum)
        moved.bots, moved.people, group.moved_to = group.bots, group.people, moved.id
        self.says(group, by, migrate_to_chat_id=moved.id)
        self.says(moved, by, migrate_from_chat_id=group.id)
        return moved

    def switches_topics(self, group: Group, *, on: bool) -> None:
        """The group keeps its topics while they are switched off. Bots are told nothing of it."""
        group.forum = on
        group.room.chat = group.chat

    def creates_topic(self, group: Group, by: Person, name: str) -> Topic:
        topic = add_topic(group, Topic(next(group.room.ids), name), by.user)
        self._tell(group, "message", group.room.messages[topic.id])
        return topic

    def closes_topic(self, group: Group, by: Person, topic: int) -> None:
        group.topics[topic].closed = True
        self.says(group, by, topic=topic, forum_topic_closed={})

    def deletes_topic(self, group: Group, topic: int) -> None:
        """Bots are told nothing of it."""
        forget_topic(self.world, group, topic)

    def _room(self, where: Bot | Group, who: Person) -> Room:
        if isinstance(where, Group):
            where.people.setdefault(who.id, (who, "member"))
            return where.room
        if who.id not in where.rooms:
            chat = {"id": who.id, "type": "private", "first_name": who.name}
            where.rooms[who.id] = Room(chat | ({"username": who.username} if who.username else {}), where.ids, who)
        return where.rooms[who.id]

    def _tell(self, where: Bot | Group, kind: str, message: Json) -> None:
        bots = [where] if isinstance(where, Bot) else [bot for bot in self.bots.values() if _sees(bot, where, message)]
        for bot in bots:
            bot.mailbox.tell(kind, message)

    # What a test waits for

    async def sent(
        self,
        chat: Person | Group | None = None,
        *,
        count: int = 1,
        bot: Bot | None = None,
        topic: int | None = None,
        text: str = "",
        within: float = PATIENCE,
    ) -> list[Sent]:
        """Wait until so many messages that hold `text` were sent to a chat, and return all of them, oldest first."""

        def seen() -> list[Sent]:
            if len(self.world.sends) < count:
                return []
            found = [
                sent
                for sent in self.world.sends
                if (chat is None or sent.message["chat"]["id"] == chat.id)
                and (bot is None or sent.bot is bot)
                and (topic is None or sent.topic == topic)
                and (not text or text in sent.text)
            ]
            return found if len(found) >= count else []

        return await self.watch.until(seen, within, f"{count} messages in {chat or 'any chat'}")

    async def answered(self, query_id: str, within: float = PATIENCE) -> Json:
        """Wait until a press of a button is answered, and return the answer."""
        return (
            await self.watch.until(lambda: self.world.answers.get(query_id), within, f"an answer to {query_id}") or {}
        )

    async def taken(self, bot: Bot, within: float = PATIENCE) -> None:
        """Wait until a bot took all of its updates: by its webhook, or by an offset behind them."""
        await bot.mailbox.taken(within)

    # The wire

    async def understand(self, request: Request) -> Call:
        steps = request.url.path.split("/", 3)
        of_file = steps[1] == "file" and len(steps) == 4
        account = steps[2 if of_file else 1].removeprefix("bot")
        method = "file" if of_file else "/".join(steps[2:])
        fields, request.state.files = await _fields(request)
        chat = fields.get("chat_id")
        return Call(method, account, None if chat is None else str(chat), {"path": steps[3]} if of_file else fields)

    async def act(self, call: Call, request: Request) -> Response:
        try:
            if call.method == "file":
                return self._download(call)
            return JSONResponse({"ok": True, "result": await self._do(call, request)})
        except RefusalError as refusal:
            if isinstance(refusal, WrongRequestError):
                self.wrong.append(f"{call.method}: {refusal.description}")
            return _refused(refusal)

    async def _do(self, call: Call, request: Request) -> object:
        bot = self.bots.get(call.account)
        if bot is None:
            raise RefusalError(401, "Unauthorized")
        if call.method not in METHODS:
            raise WrongRequestError(404, "Not Found: method not found")
        asked, wanted = Asked(bot, call.method, request.state.files), judged(call.method, call.fields)
        if isinstance(wanted, GetUpdates):
            return await get_updates(self.world, asked, wanted)
        return DO[call.method](self.world, asked, wanted)

    def _download(self, call: Call) -> Response:
        kept = self.world.files.by_id.get(str(call.fields["path"]).rpartition("/")[2])
        if call.account not in self.bots or kept is None:
            raise RefusalError(404, "Not Found")
        return Response(kept[1].data, media_type="application/octet-stream")

    def misbehave(self, fault: Fault) -> Response:
        if fault.kind == "too_many":
            if fault.retry_after is None:
                return _refused(RefusalError(429, "Too Many Requests"))
            why = f"Too Many Requests: retry after {fault.retry_after}"
            return _refused(RefusalError(429, why, retry_after=fault.retry_after))
        if fault.kind == "broken":
            return _refused(RefusalError(fault.status, "Bad Gateway"))
        return _refused(RefusalError(400, f"Bad Request: {fault.message}"))


def _refused(refusal: RefusalError) -> Response:
    body: Json = {"ok": False, "error_code": refusal.status, "description": refusal.description}
    return JSONResponse(body | ({"parameters": refusal.parameters} if refusal.parameters else {}), refusal.status)


async def _fields(request: Request) -> tuple[Json, dict[str, Upload]]:
    """The fields of a request, from wherever Telegram takes them, and its files."""
    fields: Json = dict(request.query_params)
    files: dict[str, Upload] = {}
    body = await request.body()
    if request.headers.get("content-type", "").startswith("application/json") and body:
        try:
            return fields | json.loads(body), files
        except (TypeError, ValueError):
            return {"body": "not a JSON object"}, files
    async with request.form() as form:
        for name, value in form.multi_items():
            if not isinstance(value, UploadFile):
                fields[name] = value
                continue
            files[name] = Upload(await value.read(), value.filename or "file", value.content_type or "")
            if name in FILE_KINDS:
                fields[name] = f"attach://{name}"
    return fields, files


def _sees(bot: Bot, group: Group, message: Json) -> bool:
    """Whether a bot is told of a person's message in a group: privacy keeps from it what is not meant for it."""
    membership = group.bots.get(bot.id)
    if membership is None or membership.standing in ("left", "kicked"):
        return False
    text = str(message.get("text", message.get("caption", "")))
    answered = message.get("reply_to_message", {}).get("from", {}).get("id")
    meant = f"@{bot.username}" in text or (text.startswith("/") and "@" not in text) or answered == bot.id
    return membership.standing == "administrator" or not bot.privacy or meant or not content_of(message)
