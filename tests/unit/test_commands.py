"""Managers' commands: whatever is sent in whatever order, a conversation and its escalation agree."""

from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from models.contracts.conversation import Actor, CommandInput, EscalationRef, Refusal, Standing
from models.contracts.enums import Command, ConversationState, EscalationReason, EscalationStatus, Role
from workflows.commands import Transition, apply

AIGERIM = Actor(member_id=UUID(int=1), role=Role.AGENT)
BORIS = Actor(member_id=UUID(int=2), role=Role.AGENT)
OWNER = Actor(member_id=UUID(int=3), role=Role.OWNER)
STRANGER = Actor(member_id=UUID(int=4), role=Role.USER)

OPEN_FOR = {
    ConversationState.PENDING: EscalationStatus.PENDING,
    ConversationState.MANAGER_ACTIVE: EscalationStatus.ACTIVE,
}

orders = st.lists(
    st.tuples(st.sampled_from(Command), st.sampled_from([AIGERIM, BORIS, OWNER, STRANGER]), st.booleans()), max_size=15
)


def pending() -> Standing:
    return Standing(
        state=ConversationState.PENDING,
        escalation=EscalationRef(
            id=uuid4(), number=1, status=EscalationStatus.PENDING, reason=EscalationReason.HUMAN_REQUEST
        ),
    )


def given_by(actor: Actor, standing: Standing, **more: object) -> CommandInput:
    escalation = standing.escalation.id if standing.escalation else None
    return CommandInput(by=actor, escalation_id=escalation, **more)  # type: ignore[arg-type]  # a few optional ids


def moved(command: Command, actor: Actor, standing: Standing, **more: object) -> Standing:
    outcome = apply(command, given_by(actor, standing, **more), standing, uuid4())
    assert isinstance(outcome, Transition), outcome
    return outcome.standing


def refused(command: Command, actor: Actor, standing: Standing) -> Refusal:
    outcome = apply(command, given_by(actor, standing), standing, uuid4())
    assert isinstance(outcome, Refusal), outcome
    return outcome


@given(orders)
def test_state_and_escalation_agree_after_any_sequence(sequence: list[tuple[Command, Actor, bool]]) -> None:
    standing = Standing()
    for command, actor, knows_the_escalation in sequence:
        command_input = CommandInput(
            by=actor,
            escalation_id=standing.escalation.id if standing.escalation and knows_the_escalation else uuid4(),
            to=BORIS.member_id,
        )
        before = standing.model_copy(deep=True)
        outcome = apply(command, command_input, standing, uuid4())
        assert standing == before, "apply is pure"
        if isinstance(outcome, Refusal):
            continue
        standing = outcome.standing
        open_ = standing.escalation.status if standing.escalation and standing.escalation.status.open else None
        assert open_ is OPEN_FOR.get(standing.state)
        if open_ is EscalationStatus.ACTIVE:
            assert standing.escalation is not None
            assert standing.escalation.taken_by is not None


def test_two_managers_take_and_one_is_told_who_won() -> None:
    taken = moved(Command.TAKE, AIGERIM, pending())
    refusal = refused(Command.TAKE, BORIS, taken)
    assert refusal.reason == "taken"
    assert refusal.escalation is not None
    assert refusal.escalation.taken_by == AIGERIM.member_id
    assert moved(Command.TAKE, AIGERIM, taken) == taken, "taking twice changes nothing"


def test_a_reply_takes_a_pending_escalation() -> None:
    standing = moved(Command.REPLY, AIGERIM, pending(), message_id=uuid4())
    assert standing.state is ConversationState.MANAGER_ACTIVE


def test_nobody_but_owners_ends_a_colleagues_escalation() -> None:
    taken = moved(Command.TAKE, AIGERIM, pending())
    for command in (Command.RESOLVE, Command.RETURN, Command.SKIP, Command.REASSIGN, Command.REPLY):
        assert refused(command, BORIS, taken).reason == "taken"
    assert moved(Command.RESOLVE, OWNER, taken).escalation is not None
    assert refused(Command.REPLY, OWNER, taken).reason == "taken", "two voices would confuse the customer"


def test_resolving_is_a_fresh_start() -> None:
    worn = pending().model_copy(update={"unsure": 1, "opt_outs": 2})
    standing = moved(Command.RESOLVE, AIGERIM, worn)
    assert (standing.state, standing.unsure, standing.opt_outs) == (ConversationState.BOT_ACTIVE, 0, 0)
    assert standing.escalation is not None
    assert standing.escalation.closed_by == AIGERIM.member_id


def test_a_finished_escalation_says_who_finished_it() -> None:
    done = moved(Command.RESOLVE, AIGERIM, pending())
    refusal = refused(Command.TAKE, BORIS, done)
    assert refusal.reason == "finished"
    assert refusal.escalation is not None
    assert (refusal.escalation.status, refusal.escalation.closed_by) == (EscalationStatus.RESOLVED, AIGERIM.member_id)


def test_customers_accounts_may_not_command() -> None:
    assert refused(Command.TAKE, STRANGER, pending()).reason == "not_allowed"


def test_a_second_escalation_is_refused_and_a_later_one_is_numbered_on() -> None:
    standing = pending()
    assert refused(Command.ESCALATE, AIGERIM, standing).reason == "already_escalated"
    done = moved(Command.RETURN, AIGERIM, standing)
    again = moved(Command.ESCALATE, AIGERIM, done)
    assert again.escalation is not None
    assert again.escalation.number == 2


def test_closing_cancels_what_is_open_and_a_closed_conversation_takes_no_commands() -> None:
    closed = moved(Command.CLOSE, AIGERIM, pending())
    assert closed.state is ConversationState.CLOSED
    assert closed.escalation is not None
    assert closed.escalation.status is EscalationStatus.CANCELLED
    assert refused(Command.TAKE, AIGERIM, closed).reason == "closed"
