"""The conversation's process: what starts it, what reaches it, what it answers, and what it remembers."""

from datetime import datetime, timedelta
from uuid import UUID

from pydantic import BaseModel, Field

from models.contracts.base import Frozen, Signal, Update, Workflow
from models.contracts.enums import (
    ChannelKind,
    Command,
    ConversationState,
    EscalationReason,
    EscalationStatus,
    Language,
    Occasion,
    ReplyKind,
    Role,
)


class Actor(Frozen):
    """Who gave a command. No name: names are read from the records when they are shown."""

    member_id: UUID
    role: Role


class EscalationRef(Frozen):
    """An escalation as the conversation knows it."""

    id: UUID
    number: int
    status: EscalationStatus
    reason: EscalationReason
    offered_to: UUID | None = None
    taken_by: UUID | None = None
    closed_by: UUID | None = None


class InboundMessage(Frozen):
    """A customer's stored message, by id, and the seconds of silence that end its burst (0 answers at once)."""

    message_id: UUID
    quiet_seconds: float = 0.0


class CommandInput(Frozen):
    """One manager's command. `escalation_id` is the escalation the manager saw (escalate and close need none);
    `message_id` the manager's stored draft (reply); `to` the member who is to have it (reassign)."""

    by: Actor
    escalation_id: UUID | None = None
    message_id: UUID | None = None
    to: UUID | None = None


class ConversationView(Frozen):
    """What a command is answered with. `version` tells which record shows it (see conversations.version)."""

    conversation_id: UUID
    version: int
    state: ConversationState
    escalation: EscalationRef | None = None


class Refusal(Frozen):
    """Why a command was refused: the details of an ApplicationError of type `CommandRefused`."""

    reason: str
    """not_found | finished | taken | not_allowed | closed | already_escalated | busy"""
    escalation: EscalationRef | None = None


REFUSED = "CommandRefused"


class Standing(BaseModel):
    """Where a conversation stands; mirrored in its record at each step."""

    state: ConversationState = ConversationState.BOT_ACTIVE
    language: Language | None = None
    version: int = 0
    turn: int = 0
    unsure: int = 0
    opt_outs: int = 0
    opted_out_at: datetime | None = None
    muted_until: datetime | None = None
    spoke_at: datetime | None = None
    """When a customer or a manager wrote last. None: not since this is noted."""
    slowed: bool = False
    """The customer was asked to write slower, and the bot is silent until they do."""
    escalation: EscalationRef | None = None
    """The open escalation, or the last one: a late command is told who finished it."""


class Reply(Frozen):
    """What to tell the customer, by reference: the text is made where it is written down.

    `passages` are quoted (kind quote), cited (kind answer, whose text is the draft) or shown with a question back (kind
    clarify; none where a model has found no answer in them); `rule` names a policy's
    canned text; `mute` is how long the bot will be silent; `people_at` when people come again, where the reply promises
    one in quiet hours.
    """

    kind: ReplyKind
    language: Language
    passages: tuple[UUID, ...] = ()
    draft: UUID | None = None
    confidence: float | None = None
    rule: str | None = None
    mute: timedelta | None = None
    occasion: Occasion | None = None
    people_at: datetime | None = None


class Record(Frozen):
    """One step of a conversation, written in one transaction: where it stands now, the messages that this step
    handled, the reply, and the command or cause behind it. Applied once, by version."""

    standing: Standing
    handled: tuple[UUID, ...] = ()
    reply: Reply | None = None
    opens: bool = False
    """Whether `standing.escalation` is opened by this step (its row is inserted, its process started)."""
    moves: bool = False
    """Whether its status changed in this step (its process is told)."""
    forwarded: bool = False
    command: Command | None = None
    by: Actor | None = None
    manager_message: UUID | None = None
    about: UUID | None = None
    """The message that an escalation is about, where it is not the last one handled."""


class Memory(BaseModel):
    """All that a conversation knows of itself, carried across continue-as-new. A reopened conversation starts
    from its record (standing). `seen` holds the last ids taken in; the record is the last word on duplicates.
    `records` are steps that are decided and not yet written."""

    standing: Standing = Field(default_factory=Standing)
    inbox: list[UUID] = Field(default_factory=list)
    seen: list[UUID] = Field(default_factory=list)
    records: list[Record] = Field(default_factory=list)
    active_at: datetime | None = None
    quiet_until: datetime | None = None


class ConversationInput(Frozen):
    """Starts (or reopens) the process of one conversation. A `one_shot` conversation (a single question from the
    command line or /agent/ask) is never asked back: it is answered, or a person is asked for."""

    tenant_id: UUID
    conversation_id: UUID
    channel: ChannelKind
    one_shot: bool = False
    memory: Memory = Field(default_factory=Memory)


CONVERSATION = Workflow("conversation", ConversationInput, type(None))
INBOUND = Signal("inbound", InboundMessage)
COMMANDS = {command: Update(command.value, CommandInput, ConversationView) for command in Command}
"""Every command is an update (validated, answered) and, under the same name, a signal for operators."""
