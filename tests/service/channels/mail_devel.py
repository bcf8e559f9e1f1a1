"""mail-devel, another program's SMTP and IMAP server in one: everybody's mailboxes, in memory."""

import email
import email.policy
import imaplib
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from runtime.embedded import ports

PASSWORD = "open-sesame"
BINARY = Path(sys.executable).with_name("mail_devel")


@dataclass
class MailDevel:
    """Its ports, and its process."""

    imap: int
    smtp: int
    log: Path
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        told = ["--host", "127.0.0.1", "--multi-user", "--no-http", "--password", PASSWORD]
        listening = ["--imap-port", str(self.imap), "--smtp-port", str(self.smtp)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([BINARY, *told, *listening], stdout=log, stderr=log)
        for port in (self.imap, self.smtp):
            self._wait(port)

    def stop(self) -> None:
        """Nothing is left of its mailboxes."""
        if self.process is not None:
            # Told to end, it waits for those who listen.
            self.process.kill()
            self.process.wait()

    def sends(self, mail: EmailMessage) -> None:
        with smtplib.SMTP("127.0.0.1", self.smtp) as smtp:
            smtp.send_message(mail)

    def has(self, address: str) -> list[EmailMessage]:
        """The mails in somebody's mailbox, as they see them."""
        with imaplib.IMAP4("127.0.0.1", self.imap) as imap:
            imap.login(address, PASSWORD)
            imap.select("INBOX", readonly=True)
            _, found = imap.fetch("1:*", "(BODY.PEEK[])")
        raw = [each[1] for each in found if isinstance(each, tuple)]
        return [email.message_from_bytes(each, policy=email.policy.default) for each in raw]

    def _wait(self, port: int) -> None:
        for _ in range(500):
            assert self.process is not None, "it was started"
            assert self.process.poll() is None, self.log.read_text()
            try:
                with socket.create_connection(("127.0.0.1", port), 1):
                    return
            except OSError:
                time.sleep(0.02)
        raise AssertionError(self.log.read_text())


@contextmanager
def mail_devel(folder: Path) -> Iterator[MailDevel]:
    imap = ports.pick(set())
    server = MailDevel(imap, ports.pick({imap}), folder / "mail-devel.log")
    server.start()
    try:
        yield server
    finally:
        server.stop()
