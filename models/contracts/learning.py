"""Learning from people: what knowledge could not answer, gathered and asked again, and passages that disagree."""

from enum import StrEnum
from uuid import UUID

from models.contracts.base import Activity, Frozen, Workflow


class GapReason(StrEnum):
    """Why a question counts as a gap. `clarified`: the bot asked back twice."""

    UNANSWERED = "unanswered"
    CLARIFIED = "clarified"
    DECLINED = "declined"
    LOW_CONFIDENCE = "low_confidence"


class GapStatus(StrEnum):
    """`drafted`: a manager has answered it once, and the answer waits for review."""

    OPEN = "open"
    DRAFTED = "drafted"
    CLOSED = "closed"
    IGNORED = "ignored"


class Reviewed(Frozen):
    """What the look found: questions that were gathered, gaps that closed by themselves, passages that disagree."""

    questions: int = 0
    closed: int = 0
    contradictions: int = 0


class ReviewInput(Frozen):
    """One look at all of a tenant's knowledge. The rest is carried across continue-as-new: the step that is next and
    where it goes on."""

    tenant_id: UUID
    step: int = 0
    after: UUID | None = None
    done: Reviewed = Reviewed()


class StepInput(Frozen):
    """The next `limit` of a step's things, after the id `after`."""

    tenant_id: UUID
    after: UUID | None = None
    limit: int = 64


class Stepped(Frozen):
    """`found`: things of the kind that the step is after. `after`: where to go on; None: nothing is left."""

    found: int = 0
    after: UUID | None = None


class ReviewsInput(Frozen):
    """A night's start of every tenant's review; `after` and the count carry it across continue-as-new."""

    after: UUID | None = None
    tenants: int = 0
    limit: int = 100


class ReviewsStarted(Frozen):
    """`after`: the last tenant that was started; None: there was none left."""

    tenants: int = 0
    after: UUID | None = None


REVIEW = Workflow("review_knowledge", ReviewInput, Reviewed)
REVIEWS = Workflow("review_all_knowledge", ReviewsInput, ReviewsInput)

EMBED_QUESTIONS = Activity("embed_gap_questions", StepInput, Stepped)
GATHER_GAPS = Activity("gather_gaps", StepInput, Stepped)
ASK_AGAIN = Activity("ask_gaps_again", StepInput, Stepped)
FIND_CONTRADICTIONS = Activity("find_contradictions", StepInput, Stepped)
START_REVIEWS = Activity("start_reviews", ReviewsInput, ReviewsStarted)
