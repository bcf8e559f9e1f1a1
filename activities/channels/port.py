"""The port of every channel: how it is written to, read and asked whether it lives.

An adapter is opened for one account and keeps nothing between calls. What goes wrong is one of the errors below, each
with a machine's word for it and never with a text, a token or an address: they land in histories and logs.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from models.contracts.channels import Arrived, Capabilities, Chat, Health, Part


class ChannelError(Exception):
    """Something was not done. `code` is a word such as `chat_not_found`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class TryLaterError(ChannelError):
    """It was certainly not done, and may be later: the provider is away or asks for patience.

    `after` is in seconds, where the provider names a time. `chat` is true when only this chat has to wait.
    """

    def __init__(self, code: str, *, after: float | None = None, chat: bool = False) -> None:
        super().__init__(code)
        self.after = after
        self.chat = chat


class RefusedError(ChannelError):
    """It will never be done: this message is wrong, or this chat is not to be written to.

    `unreachable`: nobody is to be written to in this chat any more (blocked, left, gone).
    """

    def __init__(self, code: str, *, unreachable: bool = False) -> None:
        super().__init__(code)
        self.unreachable = unreachable


class AccountError(ChannelError):
    """The provider does not know the account, or not its credentials: nothing will be done until a person acts."""


class MovedError(ChannelError):
    """The chat goes on as `to`: send it there."""

    def __init__(self, to: str) -> None:
        super().__init__("moved")
        self.to = to


class UnclearError(ChannelError):
    """Nobody knows whether it was done: the connection ended after the request had gone out."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A provider's file while it is read. `size` and `mime` as far as the provider tells."""

    chunks: AsyncIterator[bytes]
    size: int | None
    mime: str | None


class Files(Protocol):
    """The media store, as far as an adapter that sends files needs it."""

    def read(self, key: str) -> AsyncIterator[bytes]: ...

    def url(self, key: str) -> str:
        """A signed address that anybody can fetch the file from for a while."""


@dataclass(frozen=True, slots=True)
class News:
    """Deliveries of a provider that is asked for them: by the provider's name of each, as Channel.read takes them.
    `cursor` goes into the next question; asking with it tells the provider that these are kept. One that does not
    remember it is `forgetful`: the cursor is kept here."""

    deliveries: Sequence[tuple[str, Mapping[str, Any]]]
    cursor: str | None
    forgetful: bool = False


@runtime_checkable
class Polled(Protocol):
    """An account whose provider can be asked for news."""

    async def news(self, cursor: str | None, seconds: float) -> News:
        """What has come since `cursor`, waiting for it up to `seconds`. None: since whatever was kept last. Raises
        ChannelError."""


@runtime_checkable
class Hooked(Protocol):
    """An account whose provider has to be told where to deliver."""

    async def hook(self, url: str | None, secret: str) -> None:
        """Deliver to `url`, showing `secret`; None: nowhere, we ask. Raises ChannelError."""


@runtime_checkable
class InGroups(Protocol):
    """An account that may be a member of groups, where people talk with each other."""

    def addressed(self, payload: Mapping[str, Any]) -> bool:
        """Whether what a delivery says is for us. Pure."""


@runtime_checkable
class Inviting(Protocol):
    """An account with words that may be sent where the window for free ones is closed."""

    async def invite(self, chat: Chat) -> str | None:
        """Ask somebody to write, as the provider has approved it, and return the provider's name of that; None where no
        such words are set. Raises ChannelError."""


@runtime_checkable
class Forums(Protocol):
    """An account that can keep a desk of managers: a group with topics, and buttons under messages."""

    async def create_topic(self, chat: Chat, name: str) -> str:
        """Make a topic in the group and return the provider's name of it. Raises ChannelError."""

    async def reopen_topic(self, chat: Chat) -> None:
        """Open a topic that somebody closed. Raises ChannelError."""

    async def delete_topic(self, chat: Chat) -> None:
        """Delete a topic with all that stands in it; one that is gone is no error. Raises ChannelError."""

    async def acknowledge(self, press_id: str, text: str = "") -> None:
        """Tell whoever pressed a button (ButtonPressed.id) that it was noticed, with a short text or without. It has to
        be within seconds: RefusedError `too_late` otherwise. Raises ChannelError."""

    async def check_desk(self, chat: Chat) -> Health:
        """Whether the account may do all this in the group, and what is missing. Raises nothing."""

    def desk_refused(self, error: RefusedError) -> Health | None:
        """What is wrong with the group, where a refusal is for that; None where it is for what was sent. Pure."""


class Channel(Protocol):
    """One account of one provider, opened by its adapter."""

    @property
    def capabilities(self) -> Capabilities: ...

    def read(self, payload: Mapping[str, Any]) -> Sequence[Arrived]:
        """What a provider's delivery says, in its order. Pure. What is of no concern here is left out; what should be
        understood and cannot be is a MessageArrived with `unsupported`. Raises ValueError when it is no delivery."""

    async def send(self, chat: Chat, part: Part) -> str:
        """Send one part and return the provider's name of it. Raises ChannelError."""

    async def edit(self, chat: Chat, message_id: str, part: Part) -> None:
        """Change what was sent, where the channel can; saying the same again is no error. Raises ChannelError."""

    async def remove(self, chat: Chat, message_id: str) -> None:
        """Take back what was sent, where the channel can. Raises ChannelError."""

    async def typing(self, chat: Chat, message_id: str | None) -> None:
        """Show for a while (Capabilities.typing_seconds) that an answer is being written, to the message that they wrote
        last; it is read then, where the channel shows that. Raises ChannelError."""

    async def check(self) -> Health:
        """Whether the account lives and can do what is needed of it, and what is missing. Raises nothing."""

    def advice(self, code: str) -> tuple[str, ...]:
        """What a person can do about an account that is refused for this (AccountError). Pure."""

    def fetch(self, ref: str) -> AbstractAsyncContextManager[Fetched]:
        """A file that arrived (Attachment.ref). Raises ChannelError."""
