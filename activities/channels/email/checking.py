"""Whether a mailbox can be written from and read, and what its owner can do where it cannot."""

import asyncio
from collections.abc import Awaitable, Mapping

from activities.channels.email.files import Open
from activities.channels.email.smtp import Smtp
from activities.channels.port import ChannelError, TryLaterError
from models.contracts.accounts import EmailSettings
from models.contracts.channels import Health, HealthState

CHECK_SECONDS = 30.0
"""For each server: somebody waits for the answer."""
ADVICE: Mapping[str, str] = {
    "authentication": "refuses the user name or the password. Large providers want a password made for one program "
    "(app password), and access for mail programs switched on.",
    "address_not_allowed": "is at an address that this installation does not call, or without TLS: its operator can "
    "permit the network (MAINSTAY_EGRESS_ALLOW).",
    "certificate_expired": "shows a certificate whose time is over, or has not begun: it must be renewed there.",
    "certificate_of_another": "shows a certificate for another name. Give the host by the name that is in it.",
    "certificate_untrusted": "shows a certificate that nobody trusted here has signed. An operator can have this "
    "installation trust an authority of your own (SSL_CERT_FILE).",
    "no_tls": "speaks no TLS at this port, or only a version that is not safe any more. Ports 465 and 993 are for "
    "security tls; 587, 25 and 143 for security starttls.",
    "no_starttls": "does not offer STARTTLS, and no password goes there without it. Try security tls, with ports 465 "
    "and 993.",
    "no_sign_in": "takes no password as it is set up: most do so over TLS alone. Try security tls.",
    "not_supported": "lacks what is needed: folders whose mails are numbered (UIDVALIDITY, UIDNEXT).",
    "sender_refused": "refuses the address that mails are sent from: it must belong to the user that signs in.",
    "no_such_folder": "has no such folder: look up how it is written there.",
}
AWAY = "does not answer. See that host, port and security are right; what is to be sent waits."


def advice(code: str) -> tuple[str, ...]:
    """Where nobody has looked which of the two servers it is."""
    return (f"A server of the mailbox {ADVICE[code]}",) if code in ADVICE else ()


async def check(smtp: Smtp, open_mailbox: Open | None, settings: EmailSettings) -> Health:
    """`open_mailbox` None: mails are posted to us."""
    asked = [(f"The SMTP server {settings.smtp_host}", smtp.check(settings.address))]
    if open_mailbox is not None:
        asked.append((f"The IMAP server {settings.imap_host}", _opens(open_mailbox)))
    outcomes = await asyncio.gather(*(_within(question) for _, question in asked))
    failed = [(who, error) for (who, _), error in zip(asked, outcomes, strict=True) if error is not None]
    if not failed:
        return Health(state=HealthState.OK, external_id=settings.address.lower(), name=settings.address)
    away = all(isinstance(error, TryLaterError) for _, error in failed)
    worst = next((error for _, error in failed if not isinstance(error, TryLaterError)), failed[0][1])
    return Health(
        state=HealthState.AWAY if away else HealthState.DEAD,
        code=worst.code,
        advice=tuple(f"{who} {ADVICE.get(error.code, AWAY)}" for who, error in failed),
    )


async def _opens(open_mailbox: Open) -> None:
    async with open_mailbox():
        pass


async def _within(question: Awaitable[None]) -> ChannelError | None:
    """What is wrong, if anything is."""
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await question
    except ChannelError as error:
        return error
    except TimeoutError:
        return TryLaterError("unreachable")
    return None
