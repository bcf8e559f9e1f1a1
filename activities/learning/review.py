"""The steps of a look through a tenant's knowledge: gather what it could not answer, ask that again, and find passages
that disagree. Each goes on where it was: what is done shows in the rows, or in the id to go on after."""

import asyncio
from uuid import UUID

import structlog
from temporalio import activity
from temporalio.client import Client

from activities.embedding.spaces import Spaces
from activities.ingestion.ingest import classified
from activities.learning.alike import Question
from activities.learning.clustering import gather
from activities.learning.disagreement import passages_disagree
from activities.learning.note_gaps import SURE
from activities.masking import mask
from activities.retrieval.retrieve import Retriever
from activities.understanding.classify import core
from activities.understanding.language import detect
from models.contracts.learning import (
    ASK_AGAIN,
    EMBED_QUESTIONS,
    FIND_CONTRADICTIONS,
    GATHER_GAPS,
    START_REVIEWS,
    GapReason,
    ReviewInput,
    ReviewsInput,
    ReviewsStarted,
    StepInput,
    Stepped,
)
from models.processes import review
from models.repositories import assistants, gaps, knowledge_health, retention, tenants
from models.repositories.gaps import Asked
from runtime.database import Database

log = structlog.get_logger(__name__)

NEAR = 0.1
"""Confidence below which a question that was declined is none of the company's business."""
COMPARED = 2_000
"""Gaps that a new question may belong to, the latest."""


class Review:
    """Holds what the steps need."""

    def __init__(self, database: Database, spaces: Spaces, retriever: Retriever):
        self._database = database
        self._spaces = spaces
        self._retriever = retriever

    @activity.defn(name=EMBED_QUESTIONS.name)
    async def embed_gap_questions(self, given: StepInput) -> Stepped:
        """Give the next questions their vectors; those that were declined with reason are dropped."""
        with classified():
            async with self._database.tenant(given.tenant_id) as tx:
                space = await self._spaces.searched(tx)
                questions = await gaps.unembedded(tx, space, given.limit)
                masking, spoken = await tenants.masking(tx)
            if not questions:
                return Stepped()
            foreign = [each.id for each in questions if not await self._is_ours(given.tenant_id, each)]
            kept = [each for each in questions if each.id not in foreign]
            outgoing = [mask(core(each.text), masking, spoken) for each in kept]
            vectors = await self._spaces.by_id[space].embed_queries(outgoing) if outgoing else []
            async with self._database.tenant(given.tenant_id) as tx:
                await gaps.forget(tx, foreign)
                made = [(each.id, vector) for each, vector in zip(kept, vectors, strict=True)]
                await gaps.put_question_vectors(tx, space, made)
            return Stepped(found=len(kept), after=questions[-1].id)

    @activity.defn(name=GATHER_GAPS.name)
    async def gather_gaps(self, given: StepInput) -> Stepped:
        """Put the next questions into gaps, and give gaps what managers have answered."""
        with classified():
            async with self._database.tenant(given.tenant_id) as tx:
                space = await self._spaces.searched(tx)
                questions = await gaps.ungathered(tx, space, given.limit)
                leaders = await gaps.leaders(tx, space, limit=COMPARED) if questions else []
                model = self._spaces.by_id[space].space.family
                known = [(each.question.id, _question(each.question)) for each in leaders]
                new = {each.id: _question(each) for each in questions}
                groups = await asyncio.to_thread(gather, new, known, model)
                await gaps.assign(tx, groups, {each.question.id: each.gap_id for each in leaders})
                await gaps.draft_all(tx)
            return Stepped(found=len(questions), after=questions[-1].id if questions else None)

    @activity.defn(name=ASK_AGAIN.name)
    async def ask_gaps_again(self, given: StepInput) -> Stepped:
        """Ask the first question of the next gaps; those that knowledge answers now are closed."""
        with classified():
            async with self._database.tenant(given.tenant_id) as tx:
                leaders = await gaps.unsettled_leaders(tx, given.after, given.limit)
            closed = 0
            for leader in leaders:
                if await self._confidence(given.tenant_id, leader.question) >= SURE:
                    async with self._database.tenant(given.tenant_id) as tx:
                        closed += await gaps.settle(tx, leader.gap_id)
                activity.heartbeat()
            return Stepped(found=closed, after=leaders[-1].gap_id if leaders else None)

    @activity.defn(name=FIND_CONTRADICTIONS.name)
    async def find_contradictions(self, given: StepInput) -> Stepped:
        """Compare the next passages with those nearest to them."""
        with classified():
            async with self._database.tenant(given.tenant_id) as tx:
                space = await self._spaces.searched(tx)
                dimension = self._spaces.by_id[space].space.dimension
                looked = await knowledge_health.neighbours(tx, space, dimension, given.after, given.limit)
            pairs = await asyncio.to_thread(_disagreeing, looked)
            async with self._database.tenant(given.tenant_id) as tx:
                await knowledge_health.put_contradictions(tx, pairs)
                if not looked:
                    await knowledge_health.drop_settled(tx)
            return Stepped(found=len(pairs), after=looked[-1].id if looked else None)

    async def _is_ours(self, tenant: UUID, question: Asked) -> bool:
        if question.reason is not GapReason.DECLINED:
            return True
        activity.heartbeat()
        return await self._confidence(tenant, question) >= NEAR

    async def _confidence(self, tenant: UUID, question: Asked) -> float:
        """How likely knowledge answers it now, where it was asked: with the tags of whoever answers there."""
        async with self._database.tenant(tenant) as tx:
            chosen = await assistants.of_conversation(tx, question.conversation_id)
            masking, spoken = await tenants.masking(tx)
        text = core(question.text)
        found = await self._retriever.find(
            tenant, text, detect(text), outgoing=mask(text, masking, spoken), tags=chosen.tags or None
        )
        return found.confidence


class StartReviews:
    """Holds what the step needs."""

    def __init__(self, database: Database, client: Client):
        self._database = database
        self._client = client

    @activity.defn(name=START_REVIEWS.name)
    async def start_reviews(self, given: ReviewsInput) -> ReviewsStarted:
        """Start the reviews of the next tenants. One that is being deleted holds up nobody."""
        async with self._database.system() as tx:
            found = await retention.tenants_after(tx, given.after, given.limit)
        started = 0
        for tenant in found:
            try:
                await review(self._client, ReviewInput(tenant_id=tenant))
                started += 1
            except Exception as error:  # noqa: BLE001  # tomorrow is another night
                log.warning("review_not_started", tenant_id=tenant, cause=type(error).__name__)
            activity.heartbeat()
        return ReviewsStarted(tenants=started, after=found[-1] if found else None)


def _question(asked: Asked) -> Question:
    assert asked.vector is not None, "only questions with vectors are gathered"
    return Question.of(asked.text, asked.vector)


def _disagreeing(looked: list[knowledge_health.Neighbours]) -> list[tuple[UUID, UUID]]:
    return [
        (passage.id, other)
        for passage in looked
        for other, text in passage.others.items()
        if passages_disagree(passage.text, text)
    ]
