"""Mail through an SMTP server."""

from dataclasses import dataclass, field
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

import aiosmtplib

from activities.mail.port import MailNotSentError, MailRefusedError

SECONDS = 20
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class SmtpMailer:
    """One connection a mail: mails are few, and a server that was restarted is not noticed."""

    host: str
    port: int
    user: str | None
    password: str | None = field(repr=False)
    # TLS from the first byte; else the connection is made secure before anything is said (STARTTLS).
    secure: bool

    @classmethod
    def at(cls, url: str) -> "SmtpMailer":
        """`smtp://user:password@host:587` (STARTTLS) or `smtps://…:465`; runtime.settings has checked it."""
        parts = urlsplit(url)
        secure = parts.scheme == "smtps"
        return cls(
            host=parts.hostname or "localhost",
            port=parts.port or (465 if secure else 587),
            user=None if parts.username is None else unquote(parts.username),
            password=None if parts.password is None else unquote(parts.password),
            secure=secure,
        )

    async def send(self, message: EmailMessage) -> None:
        """See port.Mailer."""
        try:
            await aiosmtplib.send(
                message,
                hostname=self.host,
                port=self.port,
                username=self.user,
                password=self.password,
                use_tls=self.secure,
                start_tls=self._start_tls(),
                timeout=SECONDS,
            )
        except aiosmtplib.SMTPException as error:
            # The server's words quote addresses, and sometimes credentials: only the kind of failure goes on.
            raise (MailRefusedError if _for_good(error) else MailNotSentError)(type(error).__name__) from None
        except OSError as error:
            raise MailNotSentError(type(error).__name__) from None

    def _start_tls(self) -> bool | None:
        """Always, but to this machine, where it is used if the server offers it."""
        if self.secure:
            return False
        return None if self.host in LOOPBACK else True


def _for_good(error: aiosmtplib.SMTPException) -> bool:
    """Whether the server has refused this very mail. That it refuses us (a wrong password) an operator can mend."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return all(500 <= each.code < 600 for each in error.recipients)
    refusals = aiosmtplib.SMTPRecipientRefused | aiosmtplib.SMTPDataError
    return isinstance(error, refusals) and 500 <= error.code < 600
