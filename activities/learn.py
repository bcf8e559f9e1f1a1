"""Turns a resolved escalation into a learned answer; an owner's is staged as knowledge at once."""

from temporalio import activity

from models.contracts.escalation import LEARN, Learned, LearnInput
from models.repositories import learned, staging
from models.repositories.staging import StagedDocument
from runtime.database import Database

SOURCE = "Learned answers"


class Learn:
    """Holds what the step needs."""

    def __init__(self, database: Database):
        self._database = database

    @activity.defn(name=LEARN.name)
    async def learn(self, given: LearnInput) -> Learned:
        """Propose what the escalation taught; `source_id` and `job_id` say what to ingest now, if anything."""
        async with self._database.tenant(given.tenant_id) as tx:
            taught = await learned.lesson(tx, given.escalation_id)
            if taught is None:
                return Learned()
            if not taught.by_owner:
                await learned.propose(tx, given.escalation_id, taught, None)
                return Learned()
            document = StagedDocument(
                name=str(given.escalation_id),
                title=taught.question,
                text=taught.answer,
                media_type="text/plain",
                language=taught.language,
            )
            source, job = await staging.stage(tx, SOURCE, (), [document])
            await learned.propose(tx, given.escalation_id, taught, source)
            return Learned(source_id=source, job_id=job)
