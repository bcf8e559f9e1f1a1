"""The escalation's process: notifications, the ladder and its timers. The state itself is the conversation's."""

from datetime import datetime
from uuid import UUID

from models.contracts.base import Activity, Frozen, Signal, Workflow
from models.contracts.enums import EscalationStatus, LadderStep


class Rung(Frozen):
    """One step of the ladder and when it is due (business hours are already counted in)."""

    step: LadderStep
    due_at: datetime


class EscalationInput(Frozen):
    """Starts the process beside its conversation. `requested_at` is when the person was asked for."""

    tenant_id: UUID
    conversation_id: UUID
    escalation_id: UUID
    number: int
    requested_at: datetime


class EscalationChanged(Frozen):
    """The conversation tells its escalation what became of it. A return to `pending` restarts the ladder."""

    status: EscalationStatus
    version: int


class PlanInput(Frozen):
    tenant_id: UUID
    escalation_id: UUID
    start_at: datetime


class Plan(Frozen):
    """The ladder of one escalation, soonest first."""

    rungs: tuple[Rung, ...]


class ClimbInput(Frozen):
    """One rung: notify whom it names. Does nothing when the escalation is no longer pending."""

    tenant_id: UUID
    conversation_id: UUID
    escalation_id: UUID
    round: int
    step: LadderStep


class Climbed(Frozen):
    """`pending` is false when a person has acted meanwhile (the record is the last word)."""

    pending: bool


class LearnInput(Frozen):
    """A resolved escalation whose question and answer may become knowledge."""

    tenant_id: UUID
    escalation_id: UUID


class Learned(Frozen):
    """`source_id` is set when the answer was approved at once and is to be ingested."""

    source_id: UUID | None = None
    job_id: UUID | None = None


ESCALATION = Workflow("escalation", EscalationInput, type(None))
CHANGED = Signal("changed", EscalationChanged)
PLAN = Activity("plan_ladder", PlanInput, Plan)
CLIMB = Activity("climb_ladder", ClimbInput, Climbed)
LEARN = Activity("learn", LearnInput, Learned)
