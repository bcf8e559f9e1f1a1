"""What a customer is told of what could not be taken: a file that was refused, a mail that was not read to its end."""

from uuid import UUID

from activities import phrases
from activities.understanding.language import detect
from models.contracts.channels import MessageArrived
from models.repositories import left_out
from models.repositories.left_out import Untold
from runtime.database import TenantTx

MIB = 1 << 20


async def tell(tx: TenantTx, to: Untold, reason: str, limit: int) -> UUID | None:
    """`reason`: the word that managers see; `limit`: bytes that would be taken. The account in whose lane it waits; None
    where events deliver it."""
    language = detect(to.text, to.spoken, to.usual)
    return await left_out.tell(tx, to, phrases.left_out(language, reason, max(1, limit // MIB)), language)


async def tell_what_was_not_read(tx: TenantTx, message_id: UUID, message: MessageArrived) -> None:
    """Of a message that was just stored and was understood in part. One of which nothing was has its turn's reply."""
    if message.unsupported is None or not (message.text.strip() or message.attachments or message.read_bytes):
        return
    if (untold := await left_out.untold(tx, message_id)) is not None:
        reason = message.unsupported if message.unsupported in phrases.LEFT_OUT else "unsupported"
        await tell(tx, untold, reason, message.read_bytes or 0)
