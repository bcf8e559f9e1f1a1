"""Tells whether a step leaves a question that knowledge could not answer, or not for sure."""

from uuid import UUID

from models.contracts.conversation import Record
from models.contracts.enums import EscalationReason, ReplyKind
from models.contracts.learning import GapReason
from models.repositories import gaps
from runtime.database import TenantTx

SURE = 0.85
"""Confidence from which on an answer is not looked at again."""

_BY_ESCALATION = {
    EscalationReason.KNOWLEDGE_GAP: GapReason.UNANSWERED,
    EscalationReason.UNSURE: GapReason.CLARIFIED,
}


async def note(tx: TenantTx, conversation: UUID, record: Record) -> None:
    """Note the question of a step that is about to be written, if it is a gap. Written again, it changes nothing."""
    message = record.about or next(iter(reversed(record.handled)), None)
    reason = gap_of(record)
    if message is not None and reason is not None:
        await gaps.note(tx, message, conversation, reason)


def gap_of(record: Record) -> GapReason | None:
    """None: the step answers, or was not asked anything. A declined question may still be none of the company's
    business; that is found out when it is embedded."""
    escalation = record.standing.escalation
    if record.opens and escalation is not None:
        return _BY_ESCALATION.get(escalation.reason)
    reply = record.reply
    match reply.kind if reply else None:
        case ReplyKind.CLARIFY if record.standing.unsure >= 2:
            return GapReason.CLARIFIED
        case ReplyKind.DECLINE:
            return GapReason.DECLINED
        case ReplyKind.QUOTE | ReplyKind.ANSWER if reply and reply.confidence is not None and reply.confidence < SURE:
            return GapReason.LOW_CONFIDENCE
    return None
