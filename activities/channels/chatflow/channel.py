"""An instance of ChatFlow, which is a phone with WhatsApp, behind the port of channels."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx

from activities.channels.chatflow import reading
from activities.channels.chatflow.api import Api
from activities.channels.chatflow.files import LARGEST_FILE, fetching
from activities.channels.port import AccountError, Fetched, Files, RefusedError, TryLaterError
from models.contracts.accounts import ChatflowCredentials, ChatflowSettings
from models.contracts.channels import (
    Arrived,
    Capabilities,
    Chat,
    Health,
    HealthState,
    Markup,
    Media,
    MediaKind,
    Part,
    Rates,
    Unit,
)
from runtime.ids import new_id

# How a file of each kind is sent, and what its address is called there.
METHODS = {
    MediaKind.IMAGE: ("send-image", "imageurl"),
    MediaKind.VIDEO: ("send-video", "videourl"),
    MediaKind.DOCUMENT: ("send-doc", "docurl"),
    MediaKind.AUDIO: ("send-audio", "audiourl"),
    MediaKind.VOICE: ("send-audio", "audiourl"),
    MediaKind.STICKER: ("send-image", "imageurl"),
}
CAPTIONS = frozenset(METHODS) - {MediaKind.AUDIO, MediaKind.VOICE}

CAPABILITIES = Capabilities(
    markup=Markup.WHATSAPP,
    # Texts travel in addresses, where a byte takes three at most (%D0): 7,200 of the 8,000 that an address may have.
    unit=Unit.BYTES,
    text_limit=2_400,
    caption_limit=2_000,
    media=frozenset(METHODS),
    captions=CAPTIONS,
    media_bytes=16 * 1024 * 1024,
    received_bytes=LARGEST_FILE,
    # It names no limit. A phone that writes faster than a person reads is what WhatsApp blocks.
    rates=Rates(chat_per_second=1),
)

ADVICE = {
    "token_refused": "ChatFlow refuses the token: copy it anew from its dashboard.",
    "instance_unknown": "ChatFlow does not know this instance: copy its id from the dashboard.",
    "phone_away": "The phone is not connected: link it in ChatFlow's dashboard by the QR code.",
    "payment_missing": "ChatFlow's subscription has ended.",
}
UNKNOWN_REFUSAL = "ChatFlow refuses the account: see its dashboard for what is wrong."
AWAY = "ChatFlow does not answer; what is to be sent waits."
UNPROVED = (
    "ChatFlow answers, but tells neither whether the token is good nor whether the phone is connected: send a test."
)


class ChatFlow:
    capabilities = CAPABILITIES

    def __init__(self, api: Api, files: Files) -> None:
        self._api = api
        self._files = files

    def read(self, payload: Mapping[str, Any]) -> Sequence[Arrived]:
        return reading.read(payload)

    async def send(self, chat: Chat, part: Part) -> str:
        """Raises ChannelError. The name is ours: ChatFlow tells none."""
        jid = chat.id if "@" in chat.id else f"{chat.id}@s.whatsapp.net"
        if part.media is None:
            await self._api.call("send-text", {"jid": jid, "msg": _written(part)})
        else:
            await self._send_file(jid, part, part.media)
        return str(new_id())

    async def edit(self, chat: Chat, message_id: str, part: Part) -> None:  # noqa: ARG002  # the port's
        raise RefusedError("not_possible")

    async def remove(self, chat: Chat, message_id: str) -> None:  # noqa: ARG002  # the port's
        raise RefusedError("not_possible")

    async def typing(self, chat: Chat, message_id: str | None) -> None:
        """Nothing: ChatFlow cannot."""

    async def check(self) -> Health:
        """It has no question about an account; asked to send nothing to nobody, it says at least what it dislikes."""
        try:
            await self._api.call("send-text", {}, acts=False)
        except TryLaterError as error:
            return Health(state=HealthState.AWAY, code=error.code, advice=(AWAY,))
        except AccountError as error:
            return Health(state=HealthState.DEAD, code=error.code, advice=self.advice(error.code))
        except RefusedError:
            pass
        return Health(state=HealthState.OK, advice=(UNPROVED,))

    def advice(self, code: str) -> tuple[str, ...]:
        return (ADVICE.get(code, UNKNOWN_REFUSAL),)

    def fetch(self, ref: str) -> AbstractAsyncContextManager[Fetched]:
        return fetching(self._api.origin, ref)

    async def _send_file(self, jid: str, part: Part, media: Media) -> None:
        method, name = METHODS[media.kind]
        fields = {"jid": jid, name: self._files.url(media.key)}
        text = _lines(part)
        if media.kind in CAPTIONS:
            # It refuses a file without one. A document is called by nothing else.
            fields["caption"] = text or (media.name if media.kind is MediaKind.DOCUMENT else " ")
        elif text:
            raise RefusedError("no_caption")
        await self._api.call(method, fields)


def _written(part: Part) -> str:
    """A part without a file: ChatFlow has words for everything else."""
    text = _lines(part)
    if not text:
        raise RefusedError("empty")
    return text


def _lines(part: Part) -> str:
    lines = [part.text]
    if part.place is not None:
        point = f"https://maps.google.com/?q={part.place.latitude:.6f},{part.place.longitude:.6f}"
        lines += [part.place.title or "", part.place.address or "", point]
    if part.contact is not None:
        lines.append(" ".join((part.contact.name, *part.contact.phones)))
    lines += [f"• {button.text}" for row in part.buttons for button in row]
    return "\n".join(filter(None, lines))


def open_chatflow(
    settings: ChatflowSettings,
    credentials: ChatflowCredentials,
    client: httpx.AsyncClient,
    files: Files,
    base_url: str,
) -> ChatFlow:
    return ChatFlow(Api(client, base_url, credentials.token, settings.instance_id), files)
