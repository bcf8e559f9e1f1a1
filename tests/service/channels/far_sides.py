"""Each provider with an account of ours and a customer: what we send is seen there, what they say is read here."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from email.message import EmailMessage
from typing import Any

import httpx
from pydantic import SecretStr

from activities.channels.chatflow.channel import open_chatflow
from activities.channels.email import reading
from activities.channels.email.channel import open_email
from activities.channels.port import Channel
from activities.channels.telegram.channel import open_telegram
from activities.channels.whatsapp_cloud.channel import open_whatsapp_cloud
from models.contracts.accounts import (
    ChatflowCredentials,
    ChatflowSettings,
    CloudCredentials,
    CloudSettings,
    EmailCredentials,
    EmailSettings,
    TelegramCredentials,
    TelegramSettings,
)
from models.contracts.channels import Arrived, Chat, MessageArrived
from runtime.egress.addresses import networks
from tests.fakes.chatflow import FakeChatflow
from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram.markup import units
from tests.fakes.whatsapp_cloud import FakeCloud
from tests.service.channels.post_office import PASSWORD, USER, Post, mail
from tests.service.channels.seeing import Seen, in_a_page, in_telegram, in_whatsapp

NO_FILES: Any = None


class FarSide(ABC):
    """`chat` is the customer's."""

    channel: Channel
    chat: Chat

    @abstractmethod
    def seen(self) -> dict[str, list[Seen]]:
        """What came since the last look, in order, by how it is looked at."""

    @abstractmethod
    def says(self, text: str) -> Sequence[Any]:
        """The deliveries in which a customer's words come."""

    def read(self, text: str) -> list[MessageArrived]:
        events: list[Arrived] = [event for each in self.says(text) for event in self.channel.read(each)]
        return [event for event in events if isinstance(event, MessageArrived)]


class Telegram(FarSide):
    def __init__(self, telegram: FakeTelegram, client: httpx.AsyncClient) -> None:
        self.fake, self.bot, self.aida = telegram, telegram.add_bot(), telegram.person()
        token = TelegramCredentials(token=SecretStr(self.bot.token))
        self.channel = open_telegram(TelegramSettings(), token, client, NO_FILES, telegram.url)
        self.chat = Chat(id=str(self.aida.id))
        telegram.says(self.bot, self.aida, "/start")

    def seen(self) -> dict[str, list[Seen]]:
        sent, self.fake.world.sends[:] = list(self.fake.world.sends), []
        return {"telegram": [in_telegram(each) for each in sent]}

    def says(self, text: str) -> Sequence[Any]:
        """As apps do it: a long text in several messages."""
        said: list[str] = []
        for character in text:
            if not said or units(said[-1] + character) > 4_096:
                said.append("")
            said[-1] += character
        for each in said:
            self.fake.says(self.bot, self.aida, each)
        return self.bot.mailbox.made[-len(said) :]


class Cloud(FarSide):
    def __init__(self, cloud: FakeCloud, client: httpx.AsyncClient) -> None:
        self.fake, self.number, self.aida = cloud, cloud.add_number(), cloud.person()
        settings = CloudSettings(phone_number_id=self.number.id)
        credentials = CloudCredentials(
            access_token=SecretStr(self.number.access_token),
            app_secret=SecretStr(self.number.app_secret),
            verify_token=SecretStr(self.number.verify_token),
        )
        self.channel = open_whatsapp_cloud(settings, credentials, client, NO_FILES, cloud.url)
        self.chat = Chat(id=self.aida.id)
        cloud.says(self.number, self.aida, "hi")

    def seen(self) -> dict[str, list[Seen]]:
        sent, self.fake.world.sends[:] = list(self.fake.world.sends), []
        return {"whatsapp": [in_whatsapp(each.text) for each in sent]}

    def says(self, text: str) -> Sequence[Any]:
        self.fake.says(self.number, self.aida, text)
        return self.number.outbox.made[-1:]


class Chatflow(FarSide):
    def __init__(self, chatflow: FakeChatflow, client: httpx.AsyncClient) -> None:
        self.fake, self.phone, self.aida = chatflow, chatflow.add_instance(), chatflow.person()
        credentials = ChatflowCredentials(token=SecretStr(self.phone.token))
        self.channel = open_chatflow(
            ChatflowSettings(instance_id=self.phone.id), credentials, client, NO_FILES, chatflow.url
        )
        self.chat = Chat(id=self.aida.id)

    def seen(self) -> dict[str, list[Seen]]:
        sent, self.fake.sends[:] = list(self.fake.sends), []
        return {"whatsapp": [in_whatsapp(each.text) for each in sent]}

    def says(self, text: str) -> Sequence[Any]:
        self.fake.says(self.phone, self.aida, text)
        return self.phone.outbox.made[-1:]


class Mailbox(FarSide):
    def __init__(self, post: Post, client: httpx.AsyncClient) -> None:
        self.post = post
        settings = EmailSettings(
            address=USER, receive="webhook", smtp_host="localhost", smtp_port=post.port, smtp_security="none"
        )
        opened = open_email(networks("127.0.0.0/8"))
        self.channel = opened(settings, EmailCredentials(password=SecretStr(PASSWORD)), client, NO_FILES, "")
        self.chat = Chat(id="aida@customer.example")

    def seen(self) -> dict[str, list[Seen]]:
        mails, self.post.mails[:] = list(self.post.mails), []
        return {
            "text": [Seen(_body(each, "plain"), {}) for each in mails],
            "page": [in_a_page(_body(each, "html")) for each in mails],
        }

    def says(self, text: str) -> Sequence[Any]:
        raw = mail("Aida <aida@customer.example>", text).as_bytes()
        return [reading.delivery(raw, "imap/1/2")[1]]


def _body(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


@asynccontextmanager
async def far_sides() -> AsyncIterator[dict[str, FarSide]]:
    """By provider. Nothing may be asked of them that their schema forbids."""
    async with (
        httpx.AsyncClient(trust_env=False) as client,
        FakeTelegram() as telegram,
        FakeCloud() as cloud,
        FakeChatflow() as chatflow,
        Post.open() as post,
    ):
        yield {
            "telegram": Telegram(telegram, client),
            "whatsapp_cloud": Cloud(cloud, client),
            "chatflow": Chatflow(chatflow, client),
            "email": Mailbox(post, client),
        }
        assert [*telegram.wrong, *cloud.wrong, *chatflow.wrong] == []
