"""An escalation's ladder: when each rung is due, and what happens on it."""

from temporalio import activity

from activities import phrases
from activities.hours import business_hours, quiet_hours
from models.contracts.enums import LadderStep, ReplyKind
from models.contracts.escalation import CLIMB, PLAN, Climbed, ClimbInput, Plan, PlanInput, Rung
from models.contracts.lanes import Lane
from models.contracts.policy import Policy
from models.contracts.settings import TenantSettings
from models.pokes import Pokes
from models.repositories import notices, policies, tenants
from runtime.database import Database

TOLD_TO_CUSTOMERS = LadderStep.REMINDER_2


class Ladder:
    """Holds what the rungs need."""

    def __init__(self, database: Database, pokes: Pokes):
        self._database = database
        self._pokes = pokes

    @activity.defn(name=PLAN.name)
    async def plan(self, given: PlanInput) -> Plan:
        """The rungs by the tenant's settings, counted in its business hours."""
        async with self._database.tenant(given.tenant_id) as tx:
            settings, policy = await tenants.get_settings(tx), await policies.in_force(tx)
        return Plan(rungs=tuple(rungs(given, settings, policy)))

    @activity.defn(name=CLIMB.name)
    async def climb(self, given: ClimbInput) -> Climbed:
        """Notify whom the rung names, once; nothing happens when a person has acted meanwhile."""
        async with self._database.tenant(given.tenant_id) as tx:
            if not await notices.pending(tx, given.escalation_id):
                return Climbed(pending=False)
            delayed = phrases.phrase(ReplyKind.DELAYED, await notices.language(tx, given.conversation_id))
            queued_at = await notices.give(tx, given, delayed if given.step is TOLD_TO_CUSTOMERS else None)
        if queued_at is not None:
            self._pokes.poke(given.tenant_id, queued_at, Lane.OUT)
        return Climbed(pending=True)


def rungs(given: PlanInput, settings: TenantSettings, policy: Policy) -> list[Rung]:
    """When each rung is due. The one that customers hear of waits for the end of quiet hours."""
    ladder = settings.ladder
    minutes = {
        LadderStep.OFFERED: 0.0,
        LadderStep.TEAM: ladder.team_minutes,
        LadderStep.REMINDER_1: ladder.reminder_1_minutes,
        LadderStep.REMINDER_2: ladder.reminder_2_minutes,
    }
    hours = settings.business_hours
    due = {step: business_hours.after(given.start_at, after, hours) for step, after in minutes.items()}
    told = due[TOLD_TO_CUSTOMERS]
    due[TOLD_TO_CUSTOMERS] = quiet_hours.end(policy.quiet_hours, hours.time_zone, told) or told
    return [Rung(step=step, due_at=at) for step, at in due.items()]
