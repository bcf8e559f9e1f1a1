"""A manager's command, from the request to what it led to.

The conversation's process decides. The gateway checks what the process cannot know (who may act for whom, whether
a member exists) and answers from the record what is settled for good: a finished escalation, a closed conversation.
"""

from dataclasses import dataclass
from uuid import UUID

from api.gateway import Gateway
from api.identity.auth import may
from api.intake import attach, until_recorded
from api.limits import check_length
from api.permissions import Permission
from api.problems import ProblemError, invalid, not_found, unavailable
from api.schemas.escalations import CommandOut, EscalationBrief
from models.contracts.conversation import (
    Actor,
    CommandInput,
    ConversationInput,
    ConversationView,
    EscalationRef,
    Refusal,
)
from models.contracts.enums import Command, ConversationState, EscalationStatus
from models.processes import CommandRefusedError
from models.repositories import conversations, escalations, messages, standings, tenants
from models.repositories.tenants import Caller
from runtime.database import TenantTx

RECORD_SECONDS = 3.0

ENDED = {
    EscalationStatus.RESOLVED: "resolved",
    EscalationStatus.RETURNED: "returned to the bot",
    EscalationStatus.CANCELLED: "cancelled",
    EscalationStatus.EXPIRED: "closed because nobody wrote any more",
}


@dataclass(frozen=True, slots=True)
class Order:
    """A command as it was requested. `update_id` is the same for repetitions of one request."""

    command: Command
    update_id: str
    member_id: UUID | None = None
    text: str | None = None
    files: tuple[UUID, ...] = ()
    to: UUID | None = None


async def on_escalation(gateway: Gateway, caller: Caller, escalation: UUID, order: Order) -> CommandOut:
    """Carry out a command on an escalation. Raises ProblemError: 403, 404, 409 refused, 422, 503 outcome unknown."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        found = await escalations.get(tx, escalation)
        if found is None:
            raise not_found("escalation")
        start = await _start(tx, found.conversation_id)
        if not found.status.open:
            ref = _reference(found)
            raise await _refused(tx, Refusal(reason="finished", escalation=ref), start.memory.standing.state)
        given = await _given(gateway, tx, caller, start, order, escalation)
    return await _carry_out(gateway, start, order, given)


async def on_conversation(gateway: Gateway, caller: Caller, conversation: UUID, order: Order) -> CommandOut:
    """Escalate or close a conversation. Raises like `on_escalation`."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        found = await conversations.get(tx, conversation)
        if found is None:
            raise not_found("conversation")
        start = await _start(tx, conversation)
        if found.state is ConversationState.CLOSED:
            refusal = Refusal(reason="closed", escalation=start.memory.standing.escalation)
            raise await _refused(tx, refusal, found.state)
        given = await _given(gateway, tx, caller, start, order, None)
    return await _carry_out(gateway, start, order, given)


async def _start(tx: TenantTx, conversation: UUID) -> ConversationInput:
    found = await standings.start_input(tx, conversation)
    if found is None:
        raise not_found("conversation")
    return found[0]


async def _given(
    gateway: Gateway, tx: TenantTx, caller: Caller, start: ConversationInput, order: Order, escalation: UUID | None
) -> CommandInput:
    """The command's input; a reply's text is stored as a draft, so that the process sees its id only."""
    by = await _actor(tx, caller, order.member_id)
    if order.to is not None and await tenants.get_member(tx, order.to) is None:
        raise invalid("to", "there is no such member")
    draft = None
    if order.text is not None:
        check_length("text", order.text, gateway.settings.message_max_chars)
        draft = await messages.add_draft(tx, start.conversation_id, by.member_id, order.text)
        await attach(tx, start.conversation_id, draft, order.files)
    return CommandInput(by=by, escalation_id=escalation, message_id=draft, to=order.to)


async def _actor(tx: TenantTx, caller: Caller, member_id: UUID | None) -> Actor:
    if member_id is None or member_id == caller.member_id:
        return Actor(member_id=caller.member_id, role=caller.role)
    if not may(caller, Permission.ESCALATIONS_DELEGATE):
        raise ProblemError(403, "Only an owner or an admin may act for another member: leave member_id out.")
    member = await tenants.get_member(tx, member_id)
    if member is None:
        raise invalid("member_id", "there is no such member")
    return Actor(member_id=member.id, role=member.role)


async def _carry_out(gateway: Gateway, start: ConversationInput, order: Order, given: CommandInput) -> CommandOut:
    tenant, conversation = start.tenant_id, start.conversation_id
    with gateway.wakeups.subscribe(conversation) as subscription:
        try:
            view = await gateway.processes.command(order.command, given, start, order.update_id)
        except CommandRefusedError as refused:
            async with gateway.records.tenant(tenant) as tx:
                if given.message_id is not None:
                    await messages.drop_draft(tx, given.message_id)
                found = await conversations.get(tx, conversation)
                recorded_state = start.memory.standing.state if found is None else found.state
                problem = await _refused(tx, refused.refusal, recorded_state)
            raise problem from None
        recorded = await until_recorded(gateway, subscription, tenant, conversation, view.version, RECORD_SECONDS)
    return await _outcome(gateway, tenant, view, given, recorded=recorded)


async def _outcome(
    gateway: Gateway, tenant: UUID, view: ConversationView, given: CommandInput, *, recorded: bool
) -> CommandOut:
    async with gateway.records.tenant(tenant) as tx:
        if recorded and given.message_id is not None:
            # Still a draft, though the step is written: this was a repetition, and the first text was sent.
            await messages.drop_draft(tx, given.message_id)
        brief = None if view.escalation is None else await _brief(tx, view.escalation)
    return CommandOut(
        conversation_id=view.conversation_id,
        state=view.state,
        version=view.version,
        recorded=recorded,
        escalation=brief,
    )


async def _refused(tx: TenantTx, refusal: Refusal, recorded: ConversationState) -> ProblemError:
    """The problem that tells a manager why, and who was quicker."""
    match refusal.reason:
        case "not_found":
            return not_found("escalation")
        case "not_allowed":
            return ProblemError(403, "This member's role may not answer customers.")
        case "busy":
            return unavailable("The conversation is just moving on; repeat the command.", retry_after=1)
        case _:
            pass  # a conflict, told below
    brief = None if refusal.escalation is None else await _brief(tx, refusal.escalation)
    return ProblemError(
        409,
        _sentence(refusal.reason, brief),
        kind=f"command-{refusal.reason.replace('_', '-')}",
        reason=refusal.reason,
        state=_state(refusal, recorded).value,
        escalation=None if brief is None else brief.model_dump(mode="json"),
    )


def _state(refusal: Refusal, recorded: ConversationState) -> ConversationState:
    """Where the conversation stands. The record may be a step behind the process; what was refused is not."""
    if refusal.reason == "closed":
        return ConversationState.CLOSED
    match refusal.escalation and refusal.escalation.status:
        case None:
            return recorded
        case EscalationStatus.PENDING:
            return ConversationState.PENDING
        case EscalationStatus.ACTIVE:
            return ConversationState.MANAGER_ACTIVE
        case _:
            return ConversationState.CLOSED if recorded is ConversationState.CLOSED else ConversationState.BOT_ACTIVE


def _sentence(reason: str, escalation: EscalationBrief | None) -> str:
    if reason == "closed":
        return "The conversation is closed; the customer's next message opens it again."
    if reason == "already_escalated":
        return "A person has been asked for already."
    if escalation is None:
        return "The command does not fit the state of the conversation."
    if reason == "taken" and escalation.taken_by is not None:
        return f"The escalation was already taken by {escalation.taken_by.name}."
    by = "" if escalation.closed_by is None else f" by {escalation.closed_by.name}"
    return f"The escalation was already {ENDED.get(escalation.status, escalation.status.value)}{by}."


async def _brief(tx: TenantTx, escalation: EscalationRef) -> EscalationBrief:
    who = {escalation.offered_to, escalation.taken_by, escalation.closed_by} - {None}
    return EscalationBrief.of(escalation, await escalations.names(tx, {member for member in who if member}))


def _reference(escalation: escalations.Escalation) -> EscalationRef:
    return EscalationRef(
        id=escalation.id,
        number=escalation.number,
        status=escalation.status,
        reason=escalation.reason,
        offered_to=escalation.offered_to,
        taken_by=escalation.taken_by,
        closed_by=escalation.closed_by,
    )
