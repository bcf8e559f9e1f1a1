"""What a run waits for, in plain words, for operators in the Temporal UI. No customer text, no names."""

from datetime import datetime

from models.contracts.conversation import Standing
from models.contracts.enums import ConversationState, EscalationStatus
from models.contracts.escalation import Rung


def of_conversation(standing: Standing, now: datetime) -> str:
    number = f" (escalation {standing.escalation.number})" if standing.escalation else ""
    match standing.state:
        case ConversationState.PENDING:
            return f"A person was asked for{number}; waiting for a manager to take it."
        case ConversationState.MANAGER_ACTIVE:
            return f"A manager has the conversation{number}; the bot is silent."
        case ConversationState.CLOSED:
            return "Closed."
        case ConversationState.BOT_ACTIVE:
            if standing.muted_until is not None and standing.muted_until > now:
                return f"The customer asked for quiet until {standing.muted_until:%Y-%m-%d %H:%M} UTC."
            return f"Waiting for the customer; {standing.turn} turns so far."


def of_escalation(status: EscalationStatus, next_rung: Rung | None) -> str:
    if status is EscalationStatus.ACTIVE:
        return "A manager has it; waiting for the outcome."
    if not status.open:
        return f"Finished: {status.value}."
    if next_rung is None:
        return "Every reminder was sent; waiting for a manager."
    return f"Waiting for a manager; next: {next_rung.step.value} at {next_rung.due_at:%Y-%m-%d %H:%M:%S} UTC."
