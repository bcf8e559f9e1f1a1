"""The steps of a turn: what the activities of a conversation take and give. No text crosses here."""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from models.contracts.base import Activity, Frozen
from models.contracts.conversation import Record, Standing
from models.contracts.enums import ConversationState, Language
from models.contracts.knowledge import Understanding


class Coverage(StrEnum):
    """How well knowledge covers a question."""

    COVERED = "covered"
    UNSURE = "unsure"
    UNCOVERED = "uncovered"


class Verdict(StrEnum):
    """What a tenant's policy says of a message, before anything else is considered."""

    NONE = "none"
    PERSON = "person"
    RULE = "rule"
    IDENTIFY = "identify"
    """A person, once the customer has shown who they are: a code can be sent to them."""
    VERIFIED = "verified"
    """The message is the right code."""
    WRONG_CODE = "wrong_code"
    UNREADABLE = "unreadable"
    """There are no words in it: a photo, a voice message, a sticker."""


class TurnRules(Frozen):
    """A tenant's settings as far as a decision needs them."""

    mute: timedelta = timedelta(minutes=30)
    mute_again: timedelta = timedelta(hours=24)
    opt_out_memory: timedelta = timedelta(hours=24)
    clarifications: int = 2
    """Times in a row that the bot asks back before it asks for a person."""
    goes_on: timedelta = timedelta(minutes=30)
    """A conversation that was silent for less goes on without a greeting."""
    returns: timedelta = timedelta(hours=24)
    """After a longer silence the bot greets first."""


MOST_TOGETHER = 200
"""Messages that one turn handles at most. What waited longer than anybody should is answered in several turns."""


class PrepareInput(Frozen):
    """A burst of stored messages to understand together, oldest first."""

    tenant_id: UUID
    conversation_id: UUID
    message_ids: tuple[UUID, ...]
    state: ConversationState
    language: Language | None = None


class Prepared(Frozen):
    """What the burst means and what knowledge has for it. `message_ids` are those that no turn has handled
    yet, with what was stored before them, MOST_TOGETHER at most; empty means that there is nothing to do. `degraded` marks retrieval that failed."""

    message_ids: tuple[UUID, ...]
    understanding: Understanding | None = None
    verdict: Verdict = Verdict.NONE
    rule: str | None = None
    coverage: Coverage = Coverage.UNCOVERED
    confidence: float = 0.0
    passages: tuple[UUID, ...] = ()
    writes: bool = False
    """Whether a model writes answers here; otherwise the best passage is quoted."""
    degraded: bool = False
    rules: TurnRules = TurnRules()
    about: UUID | None = None
    """Of a code: the message for which it was sent, and which a person is to see first."""
    flooding: bool = False
    """The customer writes faster than the policy lets them; nothing else was looked at."""
    people_at: datetime | None = None
    """When people come again, in quiet hours."""


class GenerateInput(Frozen):
    """An answer to write from passages. Each attempt at a turn has a draft id of its own, so that a cancelled
    attempt that finishes late can overwrite nothing."""

    tenant_id: UUID
    conversation_id: UUID
    draft_id: UUID
    message_ids: tuple[UUID, ...]
    passages: tuple[UUID, ...]
    language: Language


class Outcome(StrEnum):
    """How generation ended. Everything but `written` leads to a quote, `no_answer` to the unsure path."""

    WRITTEN = "written"
    NO_ANSWER = "no_answer"
    UNGROUNDED = "ungrounded"
    FAILED = "failed"


class Generated(Frozen):
    outcome: Outcome
    causes: tuple[str, ...] = ()
    """Kinds of what went wrong (`number`, `timeout`, `truncated` …), never text."""


class RecordInput(Frozen):
    """`run` names the chain of runs that the step is from (the same across continue-as-new)."""

    tenant_id: UUID
    conversation_id: UUID
    run: str
    record: Record


class Recorded(Frozen):
    """`message_id` is the outbound message that the step wrote, if it wrote one. `standing` is set when nothing was
    written, because another chain of runs has written since this one's start was read, or because the step is a command
    that the records refuse: the process begins anew from there."""

    message_id: UUID | None = None
    standing: Standing | None = None


PREPARE = Activity("prepare", PrepareInput, Prepared)
GENERATE = Activity("generate", GenerateInput, Generated)
RECORD = Activity("record", RecordInput, Recorded)
