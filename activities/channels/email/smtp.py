"""Mails go out by SMTP: one connection each, and what the server's answers mean."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import aiosmtplib
from pydantic import SecretStr

from activities.channels.email.server import Server, securing, tls
from activities.channels.port import AccountError, ChannelError, RefusedError, TryLaterError, UnclearError

SECONDS = 60
"""For each answer. Some servers look for viruses before they take a mail."""
GREYLISTED_SECONDS = 120.0


class Smtp:
    def __init__(self, server: Server, user: str, password: SecretStr) -> None:
        self._server = server
        self._user = user
        self._password = password

    async def send(self, sender: str, receiver: str, content: bytes) -> None:
        """Raises ChannelError."""
        async with self._session() as smtp:
            await smtp.mail(sender)
            await smtp.rcpt(receiver)
            try:
                await smtp.data(content)
            except aiosmtplib.SMTPDataError:
                raise
            except (aiosmtplib.SMTPException, OSError):
                raise UnclearError("no_answer") from None
            # It is taken; how the server says goodbye changes nothing.
            with suppress(aiosmtplib.SMTPException, OSError):
                await smtp.quit()

    async def check(self, sender: str) -> None:
        """Whether the server lets us in, and write as `sender`. Raises ChannelError."""
        async with self._session() as smtp:
            await smtp.mail(sender)

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[aiosmtplib.SMTP]:
        """Signed in."""
        smtp = aiosmtplib.SMTP(
            hostname=self._server.host,
            sock=await self._server.socket(),
            use_tls=self._server.security == "tls",
            start_tls=False,
            tls_context=tls(),
            # What a server asks DNS about; the machine's own name is nobody's business.
            local_hostname="[127.0.0.1]",
            timeout=SECONDS,
        )
        try:
            with _told():
                with securing():
                    await smtp.connect()
                await smtp.ehlo()
                if self._server.security == "starttls":
                    await _secured(smtp)
                if not smtp.supported_auth_methods:
                    raise AccountError("no_sign_in")
                await smtp.login(self._user, self._password.get_secret_value())
                yield smtp
        finally:
            smtp.close()


async def _secured(smtp: aiosmtplib.SMTP) -> None:
    """Nothing is sent to a server that does not offer it, or to whoever takes the offer away."""
    if not smtp.supports_extension("starttls"):
        raise AccountError("no_starttls")
    with securing():
        await smtp.starttls()
    # What it offered before anybody could have said: it is asked again.
    await smtp.ehlo()


@contextmanager
def _told() -> Iterator[None]:
    """Turn what aiosmtplib raises into the port's errors. Its words quote the server's, which quote addresses."""
    try:
        yield
    except (aiosmtplib.SMTPException, OSError) as error:
        raise meaning(error) from None


def meaning(error: Exception) -> ChannelError:
    """What a failure before a mail was handed over, or the refusal of one, is to us."""
    match error:
        case aiosmtplib.SMTPAuthenticationError(code=530 | 538):
            return AccountError("no_sign_in")
        case aiosmtplib.SMTPAuthenticationError() if 500 <= error.code < 600:
            return AccountError("authentication")
        case aiosmtplib.SMTPSenderRefused() if 500 <= error.code < 600:
            return AccountError("sender_refused")
        case aiosmtplib.SMTPRecipientRefused() if 500 <= error.code < 600:
            # X.7 is the server's policy about us; the address may be a good one.
            return RefusedError("recipient_refused", unreachable=not error.message.startswith("5.7."))
        case aiosmtplib.SMTPDataError() if 500 <= error.code < 600:
            return RefusedError("mail_refused")
        case aiosmtplib.SMTPRecipientRefused() | aiosmtplib.SMTPDataError() if error.code != 421:
            return TryLaterError("not_now", after=GREYLISTED_SECONDS, chat=True)
        case aiosmtplib.SMTPResponseException():
            return TryLaterError(f"smtp_{error.code}")
        case _:
            return TryLaterError("unreachable")
