"""Looks through a tenant's knowledge, every night and on demand: see the steps in activities/learning/review.py."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from models.contracts.learning import (
        ASK_AGAIN,
        EMBED_QUESTIONS,
        FIND_CONTRADICTIONS,
        GATHER_GAPS,
        REVIEW,
        REVIEWS,
        START_REVIEWS,
        Reviewed,
        ReviewInput,
        ReviewsInput,
        StepInput,
    )
    from workflows.calls import call
    from workflows.policies import BATCHES_PER_RUN

STEPS = (
    (EMBED_QUESTIONS, None),
    (GATHER_GAPS, "questions"),
    (ASK_AGAIN, "closed"),
    (FIND_CONTRADICTIONS, "contradictions"),
)
"""In their order, with the figure that each adds to."""


@workflow.defn(name=REVIEW.name)
class ReviewWorkflow:
    """See the module. A run that fails has lost nothing: the next one goes on."""

    @workflow.run
    async def run(self, start: ReviewInput) -> Reviewed:
        tenant, done, after = start.tenant_id, start.done, start.after
        batches = 0
        for number, (step, figure) in list(enumerate(STEPS))[start.step :]:
            while True:
                workflow.set_current_details(f"{step.name}: {done.questions} questions gathered so far.")
                stepped = await call(step, StepInput(tenant_id=tenant, after=after), tenant)
                after = stepped.after
                if figure is not None:
                    done = done.model_copy(update={figure: getattr(done, figure) + stepped.found})
                if after is None:
                    break
                batches += 1
                if batches >= BATCHES_PER_RUN or workflow.info().is_continue_as_new_suggested():
                    carried = {"step": number, "after": after, "done": done}
                    workflow.continue_as_new(start.model_copy(update=carried))
        return done


@workflow.defn(name=REVIEWS.name)
class ReviewsWorkflow:
    """Once a night: starts the reviews of all tenants, some at a time."""

    @workflow.run
    async def run(self, start: ReviewsInput) -> ReviewsInput:
        started = await call(START_REVIEWS, start, None)
        if started.after is None:
            return start
        carried = {"after": started.after, "tenants": start.tenants + started.tenants}
        return workflow.continue_as_new(start.model_copy(update=carried))
