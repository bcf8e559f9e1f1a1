"""A bot of Telegram behind the port of channels."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx

from activities.channels.port import Fetched, Files, News, RefusedError, TryLaterError, UnclearError
from activities.channels.telegram import addressing, checking, forums, reading, writing
from activities.channels.telegram.api import ANSWER_SECONDS, Api
from activities.channels.telegram.errors import BAD_MARKUP, MESSAGE_GONE, NOT_MODIFIED, PHOTO_REFUSED
from activities.channels.telegram.files import LARGEST_DOWNLOAD, fetching
from models.contracts.accounts import TelegramCredentials, TelegramSettings
from models.contracts.channels import Arrived, Capabilities, Chat, Health, Markup, MediaKind, Part, Rates, Unit
from runtime.characters import beginning

LONGEST_NOTICE = 200
AT_ONCE = 100
"""Updates in an answer, the most there can be."""

CAPABILITIES = Capabilities(
    markup=Markup.TELEGRAM,
    unit=Unit.UTF16,
    text_limit=4_096,
    caption_limit=1_024,
    media=frozenset(MediaKind),
    media_bytes=writing.LARGEST_FILE,
    received_bytes=LARGEST_DOWNLOAD,
    buttons=100,
    edits=True,
    deletes=True,
    typing_seconds=5,
    rates=Rates(account_per_second=30, chat_per_second=1, group_per_minute=20),
)


class Telegram:
    capabilities = CAPABILITIES

    def __init__(self, settings: TelegramSettings, api: Api, files: Files) -> None:
        self._settings = settings
        self._api = api
        self._files = files

    def read(self, payload: Mapping[str, Any]) -> Sequence[Arrived]:
        return reading.read(payload)

    def addressed(self, payload: Mapping[str, Any]) -> bool:
        return addressing.addressed(payload, self._settings)

    async def send(self, chat: Chat, part: Part) -> str:
        match await self._sent(writing.request(chat, part), part):
            case {"message_id": int(message_id)}:
                return str(message_id)
            case _:
                raise UnclearError("unreadable_answer")

    async def edit(self, chat: Chat, message_id: str, part: Part) -> None:
        try:
            await self._sent(writing.edited(chat, message_id, part), part)
        except RefusedError as error:
            if error.code != NOT_MODIFIED:
                raise

    async def remove(self, chat: Chat, message_id: str) -> None:
        """What is gone already is no error."""
        fields = {"chat_id": writing.number(chat.id), "message_id": writing.number(message_id)}
        try:
            await self._api.ask("deleteMessage", fields)
        except RefusedError as error:
            if error.code != MESSAGE_GONE:
                raise

    async def typing(self, chat: Chat, message_id: str | None) -> None:  # noqa: ARG002  # the port's
        await self._api.ask("sendChatAction", {**writing.address(chat), "action": "typing"})

    async def check(self) -> Health:
        return await checking.check(self._api, self._settings)

    def advice(self, code: str) -> tuple[str, ...]:
        return checking.advice(code)

    def fetch(self, ref: str) -> AbstractAsyncContextManager[Fetched]:
        return fetching(self._api, ref)

    async def news(self, cursor: str | None, seconds: float) -> News:
        """See port.Polled. The cursor is the id of the first update that is not known yet."""
        fields: dict[str, Any] = {"timeout": int(seconds), "limit": AT_ONCE, "allowed_updates": reading.ALLOWED_UPDATES}
        if cursor is not None:
            fields["offset"] = int(cursor)
        updates = await self._api.ask("getUpdates", fields, seconds=seconds + ANSWER_SECONDS)
        if not isinstance(updates, list):
            raise TryLaterError("unreadable_answer")
        known = {
            each["update_id"]: each
            for each in updates
            if isinstance(each, dict) and isinstance(each.get("update_id"), int)
        }
        return News(
            deliveries=[(str(update_id), update) for update_id, update in known.items()],
            cursor=str(max(known) + 1) if known else cursor,
        )

    async def hook(self, url: str | None, secret: str) -> None:
        """See port.Hooked. What waits at Telegram goes on waiting."""
        if url is None:
            await self._api.ask("deleteWebhook", {})
            return
        fields = {"url": url, "secret_token": secret, "allowed_updates": reading.ALLOWED_UPDATES}
        await self._api.ask("setWebhook", fields)

    async def create_topic(self, chat: Chat, name: str) -> str:
        return await forums.create(self._api, chat, name)

    async def reopen_topic(self, chat: Chat) -> None:
        await forums.reopen(self._api, chat)

    async def delete_topic(self, chat: Chat) -> None:
        await forums.delete(self._api, chat)

    async def check_desk(self, chat: Chat) -> Health:
        return await forums.check(self._api, chat, self._settings.bot_id)

    def desk_refused(self, error: RefusedError) -> Health | None:
        return forums.refused(error.code) if error.code in forums.ADVICE else None

    async def acknowledge(self, press_id: str, text: str = "") -> None:
        fields = {"callback_query_id": press_id, **({"text": beginning(text, LONGEST_NOTICE)} if text else {})}
        await self._api.ask("answerCallbackQuery", fields)

    async def _sent(self, call: writing.Request, part: Part) -> Any:
        """Once more where a refusal says what to do otherwise: a refused call did nothing."""
        try:
            return await self._called(call, part)
        except RefusedError as error:
            if error.code == BAD_MARKUP and "parse_mode" in call.fields:
                return await self._called(writing.unmarked(call), part)
            if error.code == PHOTO_REFUSED and call.method == "sendPhoto":
                return await self._called(writing.Request("sendDocument", call.fields, "document"), part)
            raise

    async def _called(self, call: writing.Request, part: Part) -> Any:
        if call.name is None or part.media is None:
            return await self._api.act(call.method, call.fields)
        chunks = self._files.read(part.media.key)
        return await self._api.upload(call.method, call.fields, call.name, part.media, chunks)


def open_telegram(
    settings: TelegramSettings, credentials: TelegramCredentials, client: httpx.AsyncClient, files: Files, base_url: str
) -> Telegram:
    return Telegram(settings, Api(client, base_url, credentials.token), files)
