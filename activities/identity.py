"""Telling who a customer is: a code is mailed to the address on file, and tried when a message is one.

A code reaches no model, no log and no history. Of the message that was one, only that it was remains.
"""

import re
from datetime import timedelta
from uuid import UUID

import structlog
from temporalio import activity

from activities import phrases
from activities.mail.letters import letter, plain
from activities.mail.port import Mailer, MailRefusedError
from activities.masking.identifiers import digits_of
from models.contracts.audit import ActorKind, AuditAction
from models.contracts.privacy import SEND_CODE, CodeOutcome, CodeSent, SendCodeInput, SendOutcome
from models.contracts.turn import Verdict
from models.repositories import audit, identity_codes
from models.repositories.audit import SYSTEM, Actor
from models.repositories.identity_codes import DIGITS, LIFE, Addressee, Checked
from models.repositories.messages import Burst
from models.repositories.vault import Vault
from runtime.database import Database, TenantTx

log = structlog.get_logger(__name__)

CODE = re.compile(rf"(?<!\d)\d(?:[ \u00a0-]?\d){{{DIGITS - 1}}}(?!\d)")
WORD = re.compile(r"[^\W\d_]+")
MOST_WORDS = 4
LONGEST = 60
"""«Мой код из письма: 123 456» is a code; a question about order 123456 is none."""

VERDICTS = {
    CodeOutcome.RIGHT: Verdict.VERIFIED,
    CodeOutcome.WRONG: Verdict.WRONG_CODE,
    # Another is sent, if the customer may have one more.
    CodeOutcome.EXPIRED: Verdict.IDENTIFY,
    CodeOutcome.EXHAUSTED: Verdict.PERSON,
}


def code_in(text: str) -> str | None:
    """The six digits of a message that is a code, and nothing else."""
    if len(text) > LONGEST or "?" in text or len(WORD.findall(text)) > MOST_WORDS:
        return None
    found = CODE.search(text)
    return digits_of(found[0]) if found is not None and len(digits_of(text)) == DIGITS else None


async def try_codes(
    tx: TenantTx, vault: Vault, conversation_id: UUID, burst: Burst
) -> tuple[Verdict, UUID | None] | None:
    """What the codes in a burst say, the last of them deciding, and the message that the code was sent for.

    None when there is none among them. A burst that is understood again tries nothing again.
    """
    last: CodeOutcome | None = None
    about: UUID | None = None
    for said in burst.said:
        if said.tried is not None:
            last, about = said.tried, await identity_codes.about(tx, said.id)
        elif burst.code_awaited and (code := code_in(said.text)) is not None:
            checked = await identity_codes.check_in(tx, vault, conversation_id, said.id, code)
            if checked is not None:
                last, about = checked.outcome, checked.about
                await note(tx, Actor(ActorKind.CUSTOMER, checked.customer_id), checked)
    return None if last is None else (VERDICTS[last], about)


async def note(tx: TenantTx, by: Actor, checked: Checked) -> None:
    """Write down that a code was tried."""
    right = checked.outcome is CodeOutcome.RIGHT
    await audit.record(
        tx,
        by,
        AuditAction.CUSTOMER_VERIFIED if right else AuditAction.CUSTOMER_VERIFICATION_FAILED,
        checked.customer_id,
        code_id=str(checked.code_id),
        conversation_id=None if checked.conversation_id is None else str(checked.conversation_id),
        outcome=checked.outcome.value,
    )


async def verdict_on(tx: TenantTx, conversation_id: UUID) -> Verdict:
    """What comes of a matter for which a customer must be known: a person, or first a code where one can be sent."""
    standing = await identity_codes.standing(tx, conversation_id)
    needs_code = standing is not None and standing.reachable and not standing.verified
    return Verdict.IDENTIFY if needs_code else Verdict.PERSON


class SendCode:
    """Holds what the step needs. `sender`: `Name <address>`."""

    def __init__(self, database: Database, vault: Vault, mailer: Mailer, *, sender: str):
        self._database = database
        self._vault = vault
        self._mailer = mailer
        self._sender = sender

    @activity.defn(name=SEND_CODE.name)
    async def send_code(self, given: SendCodeInput) -> CodeSent:
        """Make a code and mail it. Raises MailNotSentError when it is to be tried again, which makes another code.

        A worker that dies after the server's yes mails two: the second is the one that is good.
        """
        async with self._database.tenant(given.tenant_id) as tx:
            if given.conversation_id is not None and given.message_id is not None:
                customer = await identity_codes.customer_of(tx, given.conversation_id)
                asked = customer and await identity_codes.ask(
                    tx,
                    customer,
                    code_id=given.code_id,
                    conversation=given.conversation_id,
                    message=given.message_id,
                )
                if asked is None:
                    return CodeSent(outcome=SendOutcome.TOO_MANY)
            addressee = await identity_codes.addressee(tx, given.code_id)
            if addressee is None:
                return CodeSent(outcome=SendOutcome.NO_ADDRESS)
            code = await identity_codes.make(tx, self._vault, given.code_id)
            await audit.record(
                tx,
                SYSTEM,
                AuditAction.CUSTOMER_CODE_SENT,
                addressee.customer_id,
                code_id=str(given.code_id),
                conversation_id=None if addressee.conversation_id is None else str(addressee.conversation_id),
            )
        try:
            await self._mail(given, addressee, code)
        except MailRefusedError as refused:
            log.warning("code refused", code_id=given.code_id, cause=str(refused))
            return CodeSent(outcome=SendOutcome.REFUSED)
        return CodeSent(outcome=SendOutcome.SENT)

    async def _mail(self, given: SendCodeInput, addressee: Addressee, code: str) -> None:
        subject, text = phrases.code_mail(
            addressee.language,
            company=plain(addressee.company),
            name=None if addressee.name is None else plain(addressee.name),
            code=code,
            minutes=LIFE // timedelta(minutes=1),
        )
        await self._mailer.send(
            letter(
                sender=self._sender,
                to=addressee.address,
                name=addressee.name or "",
                subject=subject,
                text=text,
                message_id=str(given.code_id),
            )
        )
