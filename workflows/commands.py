"""What a manager's command does to a conversation, or why it is refused. Pure: validators and handlers share it."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from models.contracts.conversation import Actor, CommandInput, EscalationRef, Refusal, Standing
from models.contracts.enums import Command, ConversationState, EscalationReason, EscalationStatus, Role

STAFF = {Role.OWNER, Role.ADMIN, Role.AGENT}
MAY_ACT_FOR_OTHERS = {Role.OWNER, Role.ADMIN}


@dataclass(frozen=True, slots=True)
class Transition:
    """Where the conversation stands after the command. `opens`: its escalation is new."""

    standing: Standing
    opens: bool = False


def apply(command: Command, given: CommandInput, standing: Standing, new_escalation: UUID) -> Transition | Refusal:
    """The transition that `command` makes, or the refusal. `new_escalation` is the id of one that it may open."""
    escalation = standing.escalation
    if given.by.role not in STAFF:
        return Refusal(reason="not_allowed", escalation=escalation)
    if standing.state is ConversationState.CLOSED:
        return Refusal(reason="closed", escalation=escalation)
    if command is Command.CLOSE:
        return Transition(_close(standing, given.by))
    if command is Command.ESCALATE:
        if escalation is not None and escalation.status.open:
            return Refusal(reason="already_escalated", escalation=escalation)
        return Transition(open_escalation(standing, new_escalation, EscalationReason.MANUAL), opens=True)

    if escalation is None or given.escalation_id != escalation.id:
        return Refusal(reason="not_found")
    if not escalation.status.open:
        return Refusal(reason="finished", escalation=escalation)
    if refusal := _held_by_another(command, given.by, escalation):
        return refusal
    return Transition(_move(command, given, standing, escalation))


def _held_by_another(command: Command, by: Actor, escalation: EscalationRef) -> Refusal | None:
    """Nobody takes an escalation from a colleague; owners and admins may end it or give it to somebody else."""
    if escalation.taken_by is None or escalation.taken_by == by.member_id:
        return None
    if command in (Command.RESOLVE, Command.RETURN, Command.SKIP, Command.REASSIGN) and by.role in MAY_ACT_FOR_OTHERS:
        return None
    return Refusal(reason="taken", escalation=escalation)


def _move(command: Command, given: CommandInput, standing: Standing, escalation: EscalationRef) -> Standing:
    me = given.by.member_id
    match command:
        case Command.TAKE | Command.REPLY:
            taken = {"status": EscalationStatus.ACTIVE, "taken_by": me}
            return _with(standing, ConversationState.MANAGER_ACTIVE, escalation, taken)
        case Command.SKIP:
            passed_on = {"status": EscalationStatus.PENDING, "taken_by": None, "offered_to": None}
            return _with(standing, ConversationState.PENDING, escalation, passed_on)
        case Command.REASSIGN:
            held = escalation.status is EscalationStatus.ACTIVE
            given_to = {"taken_by": given.to} if held else {"offered_to": given.to}
            return _with(standing, standing.state, escalation, given_to)
        case Command.RESOLVE:
            resolved = {
                "status": EscalationStatus.RESOLVED,
                "taken_by": escalation.taken_by or me,
                "closed_by": me,
            }
            # A resolved matter is a fresh start: mutes and counters belong to what led to it.
            fresh = {"unsure": 0, "opt_outs": 0, "opted_out_at": None, "muted_until": None}
            return _with(standing, ConversationState.BOT_ACTIVE, escalation, resolved).model_copy(update=fresh)
        case Command.RETURN:
            returned = {"status": EscalationStatus.RETURNED, "closed_by": me}
            return _with(standing, ConversationState.BOT_ACTIVE, escalation, returned)
        case Command.ESCALATE | Command.CLOSE:
            raise AssertionError("handled before an escalation is looked at")


def _with(
    standing: Standing, state: ConversationState, escalation: EscalationRef, change: Mapping[str, object]
) -> Standing:
    return standing.model_copy(update={"state": state, "escalation": escalation.model_copy(update=change)})


def _close(standing: Standing, by: Actor) -> Standing:
    return end(standing, EscalationStatus.CANCELLED, by.member_id)


def end(standing: Standing, status: EscalationStatus, by: UUID | None) -> Standing:
    """The conversation closed, and its open escalation with it."""
    closed = standing.model_copy(update={"state": ConversationState.CLOSED})
    return close_escalation(closed, status, by)


def close_escalation(standing: Standing, status: EscalationStatus, by: UUID | None) -> Standing:
    """The open escalation, if there is one, ended with `status`; the conversation's state is the caller's."""
    escalation = standing.escalation
    if escalation is None or not escalation.status.open:
        return standing
    ended = escalation.model_copy(update={"status": status, "closed_by": by})
    return standing.model_copy(update={"escalation": ended})


def open_escalation(standing: Standing, escalation: UUID, reason: EscalationReason) -> Standing:
    """A person is asked for: a new escalation, numbered after the last, and the conversation waits for them."""
    number = standing.escalation.number + 1 if standing.escalation else 1
    opened = EscalationRef(id=escalation, number=number, status=EscalationStatus.PENDING, reason=reason)
    return standing.model_copy(update={"state": ConversationState.PENDING, "escalation": opened})
