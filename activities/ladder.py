"""An escalation's ladder: when each rung is due, and what happens on it."""

from temporalio import activity

from activities import business_hours, phrases
from models.contracts.enums import LadderStep, ReplyKind
from models.contracts.escalation import CLIMB, PLAN, Climbed, ClimbInput, Plan, PlanInput, Rung
from models.contracts.settings import TenantSettings
from models.repositories import notices, tenants
from runtime.database import Database


class Ladder:
    """Holds what the rungs need."""

    def __init__(self, database: Database):
        self._database = database

    @activity.defn(name=PLAN.name)
    async def plan(self, given: PlanInput) -> Plan:
        """The rungs by the tenant's settings, counted in its business hours."""
        async with self._database.tenant(given.tenant_id) as tx:
            settings = await tenants.get_settings(tx)
        return Plan(rungs=tuple(rungs(given, settings)))

    @activity.defn(name=CLIMB.name)
    async def climb(self, given: ClimbInput) -> Climbed:
        """Notify whom the rung names, once; nothing happens when a person has acted meanwhile."""
        async with self._database.tenant(given.tenant_id) as tx:
            if not await notices.pending(tx, given.escalation_id):
                return Climbed(pending=False)
            delayed = phrases.phrase(ReplyKind.DELAYED, await notices.language(tx, given.conversation_id))
            await notices.give(tx, given, delayed if given.step is LadderStep.REMINDER_2 else None)
        return Climbed(pending=True)


def rungs(given: PlanInput, settings: TenantSettings) -> list[Rung]:
    ladder = settings.ladder
    minutes = {
        LadderStep.OFFERED: 0.0,
        LadderStep.TEAM: ladder.team_minutes,
        LadderStep.REMINDER_1: ladder.reminder_1_minutes,
        LadderStep.REMINDER_2: ladder.reminder_2_minutes,
    }
    return [
        Rung(step=step, due_at=business_hours.after(given.start_at, after, settings.business_hours))
        for step, after in minutes.items()
    ]
