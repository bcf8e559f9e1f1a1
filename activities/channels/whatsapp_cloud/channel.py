"""A phone number of the Cloud API behind the port of channels."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any

import httpx

from activities.channels.form import form
from activities.channels.port import Fetched, Files, RefusedError, TryLaterError, UnclearError
from activities.channels.whatsapp_cloud import checking, reading, writing
from activities.channels.whatsapp_cloud.errors import TOLD_LATE
from activities.channels.whatsapp_cloud.files import fetching
from activities.channels.whatsapp_cloud.graph import Graph
from models.contracts.accounts import CloudCredentials, CloudSettings
from models.contracts.channels import (
    Arrived,
    Capabilities,
    Chat,
    Health,
    Markup,
    Media,
    MediaKind,
    Part,
    Rates,
    Unit,
)

CAPABILITIES = Capabilities(
    markup=Markup.WHATSAPP,
    # Meta says "characters" and not of which kind; what fits in UTF-16 fits however they are counted.
    unit=Unit.UTF16,
    # Of 4,096: choices that no button can hold are written beneath the text.
    text_limit=3_800,
    caption_limit=1_024,
    media=frozenset(MediaKind),
    captions=writing.CAPTIONS,
    media_bytes=writing.LARGEST_FILE,
    received_bytes=writing.LARGEST_FILE,
    buttons=writing.ROWS,
    typing_seconds=25,
    receipts=True,
    told_late=TOLD_LATE,
    # 80 a second are any number's. A person may get one message in six seconds in the long run, but 45 at once on
    # credit: a person at their phone never uses that up at one a second, and would wait at one in six. Should they
    # ever, Meta says so (131056), and this chat alone waits.
    rates=Rates(account_per_second=80, chat_per_second=1),
    window=timedelta(hours=24),
)


class WhatsAppCloud:
    capabilities = CAPABILITIES

    def __init__(self, settings: CloudSettings, graph: Graph, files: Files) -> None:
        self._settings = settings
        self._graph = graph
        self._files = files
        self._number = settings.phone_number_id

    def read(self, payload: Mapping[str, Any]) -> Sequence[Arrived]:
        return reading.read(payload, self._number)

    async def send(self, chat: Chat, part: Part) -> str:
        media_id = None if part.media is None else await self._upload(part.media)
        return await self._sent(writing.message(chat, part, media_id))

    async def invite(self, chat: Chat) -> str | None:
        """By words that Meta has approved: they alone may be said outside of the window. Raises ChannelError."""
        given = self._settings
        if given.template is None:
            return None
        template = writing.template(chat, given.template, given.template_language, given.template_parameters)
        return await self._sent(template)

    async def edit(self, chat: Chat, message_id: str, part: Part) -> None:  # noqa: ARG002  # the port's
        raise RefusedError("not_possible")

    async def remove(self, chat: Chat, message_id: str) -> None:  # noqa: ARG002  # the port's
        raise RefusedError("not_possible")

    async def typing(self, chat: Chat, message_id: str | None) -> None:  # noqa: ARG002  # the port's
        """Shown with a message of theirs, and two blue ticks on it and the ones before; without one there is no way to."""
        if message_id is not None:
            await self._graph.post(f"{self._number}/messages", writing.typing(message_id))

    async def check(self) -> Health:
        return await checking.check(self._graph, self._settings)

    def advice(self, code: str) -> tuple[str, ...]:
        return checking.advice(code)

    def fetch(self, ref: str) -> AbstractAsyncContextManager[Fetched]:
        return fetching(self._graph, self._number, ref)

    async def _upload(self, media: Media) -> str:
        writing.sent_as(media)
        filled = form({"messaging_product": "whatsapp"}, "file", media, self._files.read(media.key))
        answer = await self._graph.upload(f"{self._number}/media", filled.headers, filled.content)
        media_id = answer.get("id")
        if not isinstance(media_id, str):
            raise TryLaterError("unreadable_answer")
        return media_id

    async def _sent(self, body: Mapping[str, Any]) -> str:
        answer = await self._graph.post(f"{self._number}/messages", body)
        match answer:
            case {"messages": [{"id": str(message_id)}, *_]}:
                return message_id
            case _:
                raise UnclearError("unreadable_answer")


def open_whatsapp_cloud(
    settings: CloudSettings, credentials: CloudCredentials, client: httpx.AsyncClient, files: Files, base_url: str
) -> WhatsAppCloud:
    return WhatsAppCloud(settings, Graph(client, base_url, credentials.access_token), files)
