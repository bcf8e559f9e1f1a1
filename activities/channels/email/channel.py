"""A mailbox behind the port of channels."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx

from activities.channels.accounts import Open
from activities.channels.email import checking, reading, writing
from activities.channels.email.files import fetching, origin
from activities.channels.email.imap import BrokenError, RefusalError
from activities.channels.email.mailbox import Mailbox, Position, open_mailbox
from activities.channels.email.parsing import LARGEST_MAIL
from activities.channels.email.server import Server
from activities.channels.email.smtp import Smtp
from activities.channels.port import AccountError, Fetched, Files, News, RefusedError
from models.contracts.accounts import EmailCredentials, EmailSettings
from models.contracts.channels import Arrived, Capabilities, Chat, Health, Markup, MediaKind, Part, Rates
from runtime.egress.addresses import Network
from runtime.media.port import MissingError

AT_ONCE = 20
"""Mails that one question brings."""
LOOK_SECONDS = 30.0
"""How often a folder is looked at whose server does not tell of new mails."""
HUNG_UP_SECONDS = 10.0
"""From a sign-in to the next one at least, where the server ends the connection."""

CAPABILITIES = Capabilities(
    markup=Markup.MARKDOWN,
    text_limit=100_000,
    caption_limit=100_000,
    media=frozenset(MediaKind),
    captions=frozenset(MediaKind),
    media_bytes=writing.LARGEST_FILE,
    # In base64, as files travel.
    received_bytes=LARGEST_MAIL * 3 // 4,
    rates=Rates(account_per_second=5),
    threads=True,
    # Each question signs in, which providers count.
    news_seconds=120,
)


class Email:
    capabilities = CAPABILITIES

    def __init__(
        self, settings: EmailSettings, credentials: EmailCredentials, files: Files, allowed: Sequence[Network]
    ) -> None:
        self._settings = settings
        self._password = credentials.password
        self._files = files
        self._allowed = allowed
        smtp = Server(settings.smtp_host, settings.smtp_port, settings.smtp_security, allowed)
        self._smtp = Smtp(smtp, settings.user, credentials.password)

    def read(self, payload: Mapping[str, Any]) -> Sequence[Arrived]:
        return reading.read(payload, self._settings.address)

    async def send(self, chat: Chat, part: Part) -> str:
        mail = writing.mail(self._settings, chat, part, await self._data(part))
        await self._smtp.send(self._settings.address, chat.id, mail.as_bytes())
        return writing.message_id(part, self._settings.address)

    async def edit(self, chat: Chat, message_id: str, part: Part) -> None:  # noqa: ARG002  # the port's
        raise RefusedError("not_possible")

    async def remove(self, chat: Chat, message_id: str) -> None:  # noqa: ARG002  # the port's
        raise RefusedError("not_possible")

    async def typing(self, chat: Chat, message_id: str | None) -> None:  # noqa: ARG002  # the port's
        raise RefusedError("not_possible")

    async def check(self) -> Health:
        polls = self._settings.receive == "poll"
        return await checking.check(self._smtp, self._open if polls else None, self._settings)

    def advice(self, code: str) -> tuple[str, ...]:
        return checking.advice(code)

    def fetch(self, ref: str) -> AbstractAsyncContextManager[Fetched]:
        return fetching(self._open, self._files, ref)

    async def news(self, cursor: str | None, seconds: float) -> News:
        """See port.Polled. Without a cursor nothing is read but what comes from now on."""
        async with self._open() as mailbox:
            position = Position.of(cursor)
            if position is None:
                return News((), str(mailbox.end), forgetful=True)
            found = await mailbox.since(position)
            if not found and await _may_have_come(mailbox, seconds):
                found = await mailbox.since(position)
            return await _news(mailbox, position, found[:AT_ONCE])

    def _open(self) -> AbstractAsyncContextManager[Mailbox]:
        if self._settings.imap_host is None:
            raise AccountError("no_mailbox")
        server = Server(self._settings.imap_host, self._settings.imap_port, self._settings.imap_security, self._allowed)
        return open_mailbox(server, self._settings.user, self._password, self._settings.folder)

    async def _data(self, part: Part) -> bytes | None:
        if part.media is None:
            return None
        if part.media.size > writing.LARGEST_FILE:
            raise RefusedError("too_large")
        try:
            return b"".join([chunk async for chunk in self._files.read(part.media.key)])
        except MissingError:
            raise RefusedError("file_gone") from None


async def _may_have_come(mailbox: Mailbox, seconds: float) -> bool:
    """Wait until a mail may have come. False: the server ended the connection, as some do with those who wait."""
    begun = time.monotonic()
    try:
        if mailbox.idles:
            await mailbox.imap.idle(seconds)
        else:
            await asyncio.sleep(min(seconds, LOOK_SECONDS))
            await mailbox.imap.ask("NOOP")
    except (BrokenError, OSError):
        # Some do that each time, and count.
        await asyncio.sleep(min(seconds, HUNG_UP_SECONDS) - (time.monotonic() - begun))
        return False
    return True


async def _news(mailbox: Mailbox, position: Position, found: Sequence[int]) -> News:
    """The mails of these numbers. When the connection ends between them, those before it."""
    deliveries: list[tuple[str, dict[str, Any]]] = []
    for uid in found:
        try:
            raw = await mailbox.raw(uid)
        except (RefusalError, BrokenError, OSError):
            if not deliveries:
                raise
            break
        if raw is not None:
            # Megabytes take a while to be taken apart.
            where = origin(mailbox.end.validity, uid)
            deliveries.append(await asyncio.to_thread(reading.delivery, raw, where, cut=len(raw) >= LARGEST_MAIL))
        position = Position(mailbox.end.validity, uid)
    if position.validity != mailbox.end.validity:
        position = mailbox.end
    return News(deliveries, str(position), forgetful=True)


def open_email(allowed: Sequence[Network]) -> Open:
    """The adapter. `allowed`: networks that mailboxes' servers may be in besides the public internet. Where they are is
    the account's own choice: there is no address of a provider to be given."""

    def opened(
        settings: EmailSettings, credentials: EmailCredentials, _client: httpx.AsyncClient, files: Files, _base_url: str
    ) -> Email:
        return Email(settings, credentials, files, allowed)

    return opened
