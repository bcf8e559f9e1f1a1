"""The far side of the mail: a real SMTP server that keeps what it gets, and a worker that sends."""

import asyncio
import email
import email.policy
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, Envelope, Session
from temporalio.client import Client
from temporalio.worker import Worker

from activities.hand_over import HandOver
from activities.mail.send import SendMail
from activities.mail.smtp import SmtpMailer
from models.contracts.routing import OPERATIONS_QUEUE
from runtime.database import Database
from workflows.mail import MailWorkflow
from workflows.reconcile import ReconcileWorkflow

ORIGIN = "https://support.example.com"
SENDER = "Mainstay <support@example.com>"
LINK = re.compile(rf"{ORIGIN}/(\w+)#token=([\w-]+)")


@dataclass
class Postbox:
    """Mails as they came. `answers` is what the server says to the next ones, before it takes any."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    _came: asyncio.Condition = field(default_factory=asyncio.Condition)

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator["Postbox"]:
        postbox = cls()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: SMTP(postbox, loop=loop, hostname="postbox"), "127.0.0.1", 0)
        postbox.port = server.sockets[0].getsockname()[1]
        async with server:
            yield postbox

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # its name
        assert isinstance(envelope.content, bytes)
        if self.answers:
            return self.answers.pop(0)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert [str(to) for to in envelope.rcpt_tos] == [message["To"].addresses[0].addr_spec]
        async with self._came:
            self.mails.append(message)
            self._came.notify_all()
        return "250 OK"

    def all_to(self, address: str) -> list[EmailMessage]:
        """What has come for an address; other tests' mails may come here too."""
        return [mail for mail in self.mails if mail["To"].addresses[0].addr_spec == address]

    async def to(self, address: str, count: int = 1) -> EmailMessage:
        """The `count`-th mail to an address, when it is there."""
        async with self._came, asyncio.timeout(20):
            await self._came.wait_for(lambda: len(self.all_to(address)) >= count)
            return self.all_to(address)[count - 1]

    async def token(self, address: str, count: int = 1) -> tuple[str, str]:
        """What the link in that mail is for, and the token behind it."""
        found = LINK.search((await self.to(address, count)).get_content())
        assert found is not None, "the mail has no link"
        return found[1], found[2]


@asynccontextmanager
async def mailing(client: Client, database: Database, port: int) -> AsyncIterator[None]:
    """The worker that sends mails through the server at `port`."""
    send_mail = SendMail(database, SmtpMailer.at(f"smtp://127.0.0.1:{port}"), sender=SENDER, origin=ORIGIN)
    async with Worker(
        client,
        task_queue=OPERATIONS_QUEUE,
        workflows=[MailWorkflow, ReconcileWorkflow],
        activities=[send_mail.send_mail, HandOver(database, client).hand_over],
    ):
        yield
