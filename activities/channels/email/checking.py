"""Whether a mailbox can be written from and read, and what its owner can do where it cannot."""

from collections.abc import Mapping

from activities.channels.email.files import Open
from activities.channels.email.smtp import Smtp
from activities.channels.port import ChannelError, TryLaterError
from models.contracts.accounts import EmailSettings
from models.contracts.channels import Health, HealthState

ADVICE: Mapping[str, str] = {
    "authentication": "refuses the user name or the password. Large providers want a password made for one program "
    "(app password), and access for mail programs switched on.",
    "address_not_allowed": "is at an address that this installation does not call, or without TLS: its operator can "
    "permit the network (MAINSTAY_EGRESS_ALLOW).",
    "not_supported": "lacks what is needed: STARTTLS or a sign-in by password, as it is set up. Try security tls.",
    "sender_refused": "refuses the address that mails are sent from: it must belong to the user that signs in.",
    "no_such_folder": "has no such folder: look up how it is written there.",
}
AWAY = "does not answer. See that host, port and security are right; what is to be sent waits."


async def check(smtp: Smtp, open_mailbox: Open | None, settings: EmailSettings) -> Health:
    """`open_mailbox` None: mails are posted to us."""
    failed: list[tuple[str, ChannelError]] = []
    try:
        await smtp.check()
    except ChannelError as error:
        failed.append((f"The SMTP server {settings.smtp_host}", error))
    if open_mailbox is not None:
        try:
            async with open_mailbox():
                pass
        except ChannelError as error:
            failed.append((f"The IMAP server {settings.imap_host}", error))
    if not failed:
        return Health(state=HealthState.OK, external_id=settings.address.lower(), name=settings.address)
    away = all(isinstance(error, TryLaterError) for _, error in failed)
    worst = next((error for _, error in failed if not isinstance(error, TryLaterError)), failed[0][1])
    return Health(
        state=HealthState.AWAY if away else HealthState.DEAD,
        code=worst.code,
        advice=tuple(f"{who} {ADVICE.get(error.code, AWAY)}" for who, error in failed),
    )
