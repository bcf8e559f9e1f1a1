"""Both sides of a mailbox: Dovecot, which keeps it, and an SMTP server that takes what is sent from it."""

import asyncio
import email
import email.policy
import grp
import imaplib
import os
import pwd
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import make_msgid
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from runtime.embedded import ports
from tests.service.signer import Signer

USER, PASSWORD = "help@shop.example", "open-sesame"
BINARY = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

CONFIG = """
protocols = imap
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
listen = 127.0.0.1
disable_plaintext_auth = no
{tls}
auth_failure_delay = 0
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = {uid}
first_valid_gid = {gid}
mail_location = maildir:{folder}/mail
imap_capability = {capability}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
passdb {{
  driver = passwd-file
  args = scheme=plain {folder}/passwords
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}
}}
namespace inbox {{
  inbox = yes
}}
"""


@dataclass
class Mailbox:
    """A mailbox on Dovecot. With a certificate it does STARTTLS at `port`, and listens at `tls_port`. `home` is the
    server's folder."""

    port: int
    tls_port: int
    home: Path
    client: ssl.SSLContext | None
    password: str = PASSWORD

    def lock(self, password: str) -> None:
        """From now on this is the password: within a second, for Dovecot looks into its file no more often."""
        (self.home / "passwords").write_text(f"{USER}:{password}\n")
        self.password = password
        for _ in range(250):
            try:
                with self._open():
                    return
            except imaplib.IMAP4.error:
                time.sleep(0.02)
        raise AssertionError("the password is still another")

    def put(self, mail: EmailMessage | bytes, folder: str = "INBOX") -> None:
        """As if it had just come."""
        raw = mail if isinstance(mail, bytes) else mail.as_bytes(policy=email.policy.SMTP)
        with self._open() as imap:
            answer, _ = imap.append(folder, "", "", raw)
            assert answer == "OK"

    def renumber(self, folder: str, *mails: EmailMessage) -> None:
        """The folder is made anew, with these mails: all its numbers are others."""
        with self._open() as imap:
            imap.delete(folder)
            imap.create(folder)
        for mail in mails:
            self.put(mail, folder)

    @contextmanager
    def _open(self) -> Iterator[imaplib.IMAP4]:
        with imaplib.IMAP4("127.0.0.1", self.port) as imap:
            if self.client is not None:
                imap.starttls(self.client)
            imap.login(USER, self.password)
            yield imap


@contextmanager
def dovecot(*, idles: bool = True, signer: Signer | None = None, host: str = "127.0.0.1") -> Iterator[Mailbox]:
    """Skips the test where there is none. `signer` of its certificate for `host`; None: it knows no TLS."""
    if BINARY is None:
        pytest.skip("Dovecot is not installed: apt-get install dovecot-imapd")
    if not subprocess.check_output([BINARY, "--version"], text=True).startswith("2.3"):
        pytest.skip("the configuration of this test is for Dovecot 2.3")
    # Root may start it, and nothing in it may run as root.
    owner = pwd.getpwuid(os.getuid()) if os.getuid() else pwd.getpwnam("nobody")
    port = ports.pick(set())
    tls_port = ports.pick({port})
    folder = Path(tempfile.mkdtemp(prefix="dovecot-"))
    folder.chmod(0o755)
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    client, tls = None, "ssl = no"
    if signer is not None:
        certificate, key = signer.sign("dovecot", host)
        client = ssl.create_default_context(cafile=str(signer.ca))
        client.check_hostname = False
        tls = f"ssl = yes\nssl_cert = <{certificate}\nssl_key = <{key}"
    mailbox = Mailbox(port, tls_port if signer is not None else 0, folder, client)
    (folder / "passwords").write_text(f"{USER}:{PASSWORD}\n")
    config = folder / "dovecot.conf"
    config.write_text(
        CONFIG.format(
            folder=folder,
            user=owner.pw_name,
            group=grp.getgrgid(owner.pw_gid).gr_name,
            uid=owner.pw_uid,
            gid=owner.pw_gid,
            port=port,
            tls_port=mailbox.tls_port,
            tls=tls,
            capability="+IDLE" if idles else "IMAP4rev1 LITERAL+",
        )
    )
    server = subprocess.Popen([BINARY, "-F", "-c", str(config)])
    try:
        _wait(port, server, folder / "log")
        yield mailbox
    finally:
        server.terminate()
        server.wait(10)
        shutil.rmtree(folder)


def _wait(port: int, server: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(250):
        assert server.poll() is None, log.read_text() if log.exists() else "it did not start"
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as connection:
                if connection.recv(4).startswith(b"* OK"):
                    return
        except OSError:
            pass
        time.sleep(0.02)
    raise AssertionError(log.read_text())


@dataclass
class Post:
    """An SMTP server at `port`, where USER signs in, and what it took. `to_…`: what it says to the next receivers, or
    mails, before it takes any. `passwords` are those that it was told, with whether that was said over TLS."""

    port: int = 0
    password: str = PASSWORD
    passwords: list[tuple[str, bool]] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)
    to_receivers: list[str] = field(default_factory=list)
    to_mails: list[str] = field(default_factory=list)
    drops: int = 0
    """How many mails more it takes without an answer: the connection ends."""
    _came: asyncio.Condition = field(default_factory=asyncio.Condition)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, *, tls: ssl.SSLContext | None = None, starttls: ssl.SSLContext | None = None
    ) -> AsyncIterator["Post"]:
        """`tls`: from the first byte; `starttls`: before a password is taken; neither: never."""
        post = cls()
        loop = asyncio.get_running_loop()

        def session() -> SMTP:
            required = starttls is not None
            return SMTP(
                post,
                loop=loop,
                hostname="post",
                tls_context=starttls,
                authenticator=post._signed_in,
                auth_require_tls=required,
            )

        server = await loop.create_server(session, "127.0.0.1", 0, ssl=tls)
        post.port = server.sockets[0].getsockname()[1]
        async with server:
            yield post

    async def handle_RCPT(  # noqa: N802  # its name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.to_receivers:
            return self.to_receivers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  # its name
        if self.to_mails:
            return self.to_mails.pop(0)
        assert isinstance(envelope.content, bytes)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert [str(to) for to in envelope.rcpt_tos] == [message["To"].addresses[0].addr_spec]
        assert (session.authenticated, envelope.mail_from) == (True, USER)
        async with self._came:
            self.mails.append(message)
            self._came.notify_all()
        if self.drops:
            self.drops -= 1
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        return "250 OK"

    async def sent_to(self, address: str, count: int = 1) -> list[EmailMessage]:
        """What was sent to an address, when so many mails are there."""

        def found() -> list[EmailMessage]:
            return [mail for mail in self.mails if mail["To"].addresses[0].addr_spec == address]

        async with self._came, asyncio.timeout(60):
            await self._came.wait_for(lambda: len(found()) >= count)
            return found()

    def _signed_in(self, server: SMTP, _session: Session, _envelope: Envelope, _way: str, given: object) -> AuthResult:
        assert isinstance(given, LoginPassword)
        assert isinstance(server.transport, asyncio.Transport)
        said = given.login.decode(), given.password.decode()
        self.passwords.append((said[1], server.transport.get_extra_info("sslcontext") is not None))
        return AuthResult(success=said == (USER, self.password), handled=False)


def mail(sender: str, text: str, *, subject: str = "A question", to: str = USER, **headers: str) -> EmailMessage:
    """`headers` by names with `_` for `-`."""
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = sender, to, subject
    made["Message-ID"] = headers.pop("message_id", make_msgid(domain="customer.example"))
    for name, value in headers.items():
        made[name.replace("_", "-")] = value
    made.set_content(text)
    return made
