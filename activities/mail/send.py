"""Sends one mail to a member, with a token that is made now: none lies in a database or a history."""

import structlog
from temporalio import activity

from activities.mail.letters import compose
from activities.mail.port import Mailer, MailRefusedError
from models.contracts.mail import SEND_MAIL, Mailed, MailInput
from models.contracts.people import MailPurpose, TokenPurpose
from models.repositories import mails, one_time_tokens
from models.repositories.mails import Outgoing
from runtime.database import Database, TenantTx

log = structlog.get_logger(__name__)

TOKENS = {
    MailPurpose.CONFIRM: TokenPurpose.CONFIRM,
    MailPurpose.RESET: TokenPurpose.RESET,
    MailPurpose.INVITE: TokenPurpose.INVITE,
}


class SendMail:
    """Holds what the step needs. `sender`: `Name <address>`; `origin`: where links lead."""

    def __init__(self, database: Database, mailer: Mailer, *, sender: str, origin: str):
        self._database = database
        self._mailer = mailer
        self._sender = sender
        self._origin = origin

    @activity.defn(name=SEND_MAIL.name)
    async def send_mail(self, given: MailInput) -> Mailed:
        """Send the mail unless it was sent. Raises MailNotSentError when it is to be tried again.

        A worker that dies between the server's yes and our note of it sends the mail twice, the second time with a new
        token, which voids the first.
        """
        async with self._database.tenant(given.tenant_id) as tx:
            outgoing = await mails.begin(tx, given.mail_id)
            if outgoing is None or _settled(outgoing):
                await mails.failed(tx, given.mail_id)
                return Mailed(sent=False)
            token = await _token(tx, outgoing)
        message = compose(outgoing, token, sender=self._sender, origin=self._origin)
        try:
            await self._mailer.send(message)
        except MailRefusedError as refused:
            log.warning("mail refused", mail_id=given.mail_id, purpose=outgoing.purpose, cause=str(refused))
            async with self._database.tenant(given.tenant_id) as tx:
                await mails.failed(tx, given.mail_id)
            return Mailed(sent=False)
        async with self._database.tenant(given.tenant_id) as tx:
            await mails.sent(tx, given.mail_id)
        return Mailed(sent=True)


def _settled(outgoing: Outgoing) -> bool:
    """Whether what the mail asks for has been done while it waited."""
    return outgoing.joined and outgoing.purpose in (MailPurpose.CONFIRM, MailPurpose.INVITE)


async def _token(tx: TenantTx, outgoing: Outgoing) -> str | None:
    purpose = TOKENS.get(outgoing.purpose)
    return None if purpose is None else await one_time_tokens.issue(tx, outgoing.member_id, purpose)
