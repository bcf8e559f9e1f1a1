"""Turns a resolved escalation into a learned answer; an owner's becomes knowledge at once, if the tenant wants that.

The customer's name and whatever identifies a person are taken out first: what is learned is told to others.
"""

from dataclasses import replace

import structlog
from temporalio import activity

from activities.embedding.port import Vector
from activities.embedding.spaces import Spaces
from activities.language.quantities import quantities
from activities.learning.alike import Question, nearest
from activities.learning.disagreement import answers_disagree
from activities.masking import mask
from activities.masking.names import without_name
from activities.provider.errors import ProviderError
from models.contracts.enums import Language, LearnedStatus
from models.contracts.escalation import LEARN, Learned, LearnInput
from models.contracts.settings import TenantSettings
from models.repositories import learned, lessons, tenants
from models.repositories.learned import Known
from models.repositories.lessons import Lesson
from runtime.database import Database, TenantTx

log = structlog.get_logger(__name__)

CAUGHT_UP = 32
"""Entries whose vectors are made anew at a time, after the tenant has moved to another embedding space."""


class Learn:
    """Holds what the step needs."""

    def __init__(self, database: Database, spaces: Spaces):
        self._database = database
        self._spaces = spaces

    @activity.defn(name=LEARN.name)
    async def learn(self, given: LearnInput) -> Learned:
        """Propose what the escalation taught; `source_id` and `job_id` say what to ingest now, if anything."""
        async with self._database.tenant(given.tenant_id) as tx:
            taught = await lessons.lesson(tx, given.escalation_id)
            settings, spoken = await tenants.settings_and_language(tx)
            space = await self._spaces.searched(tx)
        if taught is None:
            return Learned()
        taught = anonymous(taught, settings, spoken)
        vector = await self._embed(given, taught, space)
        async with self._database.tenant(given.tenant_id) as tx:
            await learned.lock_queue(tx)
            return await self._propose(tx, given, taught, vector, space, approves=settings.learning.approve_owners)

    async def _embed(self, given: LearnInput, taught: Lesson, space: int) -> Vector | None:
        """The question's vector; those of known questions that lack one are made beside it. None: the model is away, and
        the answer becomes an entry of its own."""
        async with self._database.tenant(given.tenant_id) as tx:
            behind = await learned.without_vector(tx, taught.language, space, CAUGHT_UP)
        try:
            questions = [taught.question, *(question for _, question in behind)]
            vector, *others = await self._spaces.by_id[space].embed_queries(questions)
        except ProviderError as error:
            log.warning("embedding failed", cause=type(error).__name__)
            return None
        async with self._database.tenant(given.tenant_id) as tx:
            made = [(entry, question, each) for (entry, question), each in zip(behind, others, strict=True)]
            await learned.put_vectors(tx, space, made)
        return vector

    async def _propose(
        self, tx: TenantTx, given: LearnInput, taught: Lesson, vector: Vector | None, space: int, *, approves: bool
    ) -> Learned:
        """In the transaction that holds the queue. A retry finds what was stored."""
        found = await learned.of_escalation(tx, given.escalation_id)
        if found is not None:
            again = await learned.publish(tx, found) if found.status is LearnedStatus.APPROVED else None
            return Learned() if again is None else Learned(source_id=again.source_id, job_id=again.job_id)
        like = await self._like(tx, taught, vector, space)
        differs = like is not None and answers_disagree(taught.answer, like.answer)
        at_once = taught.by_owners and approves and (like is None or like.status is LearnedStatus.PROPOSED)
        on = None if at_once or like is None else like.id
        entry = await learned.propose(tx, given.escalation_id, taught, same_as=on, differs=on is not None and differs)
        assert entry is not None, "nobody else adds to the queue"
        if vector is not None:
            await learned.put_vectors(tx, space, [(entry, taught.question, vector)])
        if not at_once:
            await learned.announce(tx, entry, given.escalation_id, LearnedStatus.PROPOSED, taught.conversation_id)
            return Learned()
        if like is not None:
            await learned.pile_up(tx, like.id, entry, differs=differs)
        stored = await learned.get_for_update(tx, entry)
        assert stored is not None, "it was stored just now"
        staged = await learned.approve(tx, stored, taught.answered_by)
        await learned.announce(tx, entry, given.escalation_id, LearnedStatus.APPROVED, taught.conversation_id)
        return Learned(source_id=staged.source_id, job_id=staged.job_id)

    async def _like(self, tx: TenantTx, taught: Lesson, vector: Vector | None, space: int) -> Known | None:
        """The entry that answers the same question in the same language, with the same figures in it."""
        if vector is None:
            return None
        figures = set(quantities(taught.question))
        known = [
            each
            for each in await learned.known(tx, taught.language, space)
            if set(quantities(each.question)) == figures
        ]
        asked = Question.of(taught.question, vector)
        place = nearest(
            asked, [Question.of(each.question, each.vector) for each in known], self._spaces.by_id[space].space.family
        )
        return None if place is None else known[place]


def anonymous(taught: Lesson, settings: TenantSettings, spoken: Language) -> Lesson:
    """The lesson without what tells who asked."""

    def clean(text: str) -> str:
        return without_name(mask(text, settings.masking, spoken), taught.customer_name)

    return replace(taught, question=clean(taught.question), answer=clean(taught.answer), customer_name=None)
