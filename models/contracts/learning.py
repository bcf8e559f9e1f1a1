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


class GapOrder(StrEnum):
    """What a person does about a gap."""

    DRAFT = "draft"
    CLOSE = "close"
    IGNORE = "ignore"


class ReviewInput(Frozen):
    """One look at all of a tenant's knowledge."""

    tenant_id: UUID


class Reviewed(Frozen):
    """What the look found: questions that were gathered, gaps that closed by themselves, contradictions there are."""

    questions: int = 0
    closed: int = 0
    contradictions: int = 0


class StepInput(Frozen):
    """The next `limit` of a step's things, after the id `after`."""

    tenant_id: UUID
    after: UUID | None = None
    limit: int = 64


class Stepped(Frozen):
    """`after`: where to go on; None: nothing is left."""

    looked: int = 0
    found: int = 0
    after: UUID | None = None


class ReviewsInput(Frozen):
    """A night's start of every tenant's review; carried across continue-as-new."""

    after: UUID | None = None
    tenants: int = 0


REVIEW = Workflow("review_knowledge", ReviewInput, Reviewed)
REVIEWS = Workflow("review_all_knowledge", ReviewsInput, ReviewsInput)

EMBED_QUESTIONS = Activity("embed_gap_questions", StepInput, Stepped)
GATHER_GAPS = Activity("gather_gaps", StepInput, Stepped)
ASK_AGAIN = Activity("ask_gaps_again", StepInput, Stepped)
FIND_CONTRADICTIONS = Activity("find_contradictions", StepInput, Stepped)
