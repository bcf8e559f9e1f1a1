"""The words of the product as closed sets. Values are what the database and the wire carry."""

from enum import StrEnum


class ConversationState(StrEnum):
    BOT_ACTIVE = "bot_active"
    PENDING = "pending"
    MANAGER_ACTIVE = "manager_active"
    CLOSED = "closed"


class EscalationStatus(StrEnum):
    PENDING = "pending"
    ACTIVE = "active"
    RESOLVED = "resolved"
    RETURNED = "returned"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def open(self) -> bool:
        return self in (EscalationStatus.PENDING, EscalationStatus.ACTIVE)


class EscalationReason(StrEnum):
    """Why a person was asked for."""

    HUMAN_REQUEST = "human_request"
    FRUSTRATION = "frustration"
    POLICY = "policy"
    KNOWLEDGE_GAP = "knowledge_gap"
    UNSURE = "unsure"
    FAILURE = "failure"
    MANUAL = "manual"


class Intent(StrEnum):
    """What a customer's message asks for, strongest signal first (see workflows/decide.py)."""

    OPT_OUT = "opt_out"
    HUMAN_REQUEST = "human_request"
    FRUSTRATION = "frustration"
    QUESTION = "question"
    GREETING = "greeting"
    THANKS = "thanks"
    OUT_OF_SCOPE = "out_of_scope"


class Language(StrEnum):
    EN = "en"
    RU = "ru"
    KK = "kk"


class ChannelKind(StrEnum):
    API = "api"
    WEB = "web"
    TELEGRAM = "telegram"
    WHATSAPP = "whatsapp"
    EMAIL = "email"


class Role(StrEnum):
    OWNER = "owner"
    ADMIN = "admin"
    AGENT = "agent"
    USER = "user"


class Direction(StrEnum):
    INBOUND = "inbound"
    OUTBOUND = "outbound"


class Author(StrEnum):
    CUSTOMER = "customer"
    BOT = "bot"
    MANAGER = "manager"
    SYSTEM = "system"


class MessageStatus(StrEnum):
    """`stored` is written and not yet handled by a turn; `draft` is a manager's text not yet accepted."""

    STORED = "stored"
    HANDLED = "handled"
    DRAFT = "draft"
    SENT = "sent"


class ReplyKind(StrEnum):
    """What an outbound message is, so that a client can render it without reading it."""

    ANSWER = "answer"
    QUOTE = "quote"
    CLARIFY = "clarify"
    ESCALATED = "escalated"
    PERSON_COMING = "person_coming"
    ESCALATION_CANCELLED = "escalation_cancelled"
    MUTED = "muted"
    REENGAGE = "reengage"
    GREETING = "greeting"
    THANKS = "thanks"
    DECLINE = "decline"
    RULE = "rule"
    DELAYED = "delayed"
    MANAGER = "manager"
    IDENTIFY = "identify"
    """A code was sent; the customer is asked for it."""
    WRONG_CODE = "wrong_code"
    VERIFIED = "verified"
    SLOW_DOWN = "slow_down"
    """Messages come faster than anybody could read them."""
    UNREADABLE = "unreadable"
    """A file, a sticker, something that only a person can look at."""


class Occasion(StrEnum):
    """How a turn follows on what was said before in its conversation."""

    FIRST = "first"
    GOES_ON = "goes_on"
    AGAIN = "again"
    RETURNED = "returned"
    """After so long that the earlier matter may be over."""


class SendStatus(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    UNKNOWN = "unknown"


class LearnedStatus(StrEnum):
    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"


class IngestStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class FileStatus(StrEnum):
    """What became of a file. `read`: its text is staged; `unchanged`: it says what is known already; `skipped`: a newer
    file of the same name came before it was read."""

    QUEUED = "queued"
    READ = "read"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    FAILED = "failed"


class Command(StrEnum):
    """What a manager can do with an escalation (and with the conversation that it belongs to)."""

    TAKE = "take"
    REPLY = "reply"
    RESOLVE = "resolve"
    SKIP = "skip"
    RETURN = "return"
    REASSIGN = "reassign"
    ESCALATE = "escalate"
    CLOSE = "close"


class LadderStep(StrEnum):
    """The rungs of an escalation's ladder, in the order in which they come due."""

    OFFERED = "offered"
    TEAM = "team"
    REMINDER_1 = "reminder_1"
    REMINDER_2 = "reminder_2"


class EventType(StrEnum):
    """What subscribers hear. Payloads carry ids; the gateway joins the text when it delivers."""

    MESSAGE = "message"
    STATE = "state"
    ESCALATION = "escalation"
    TURN = "turn"
    TYPING = "typing"
    INGEST = "ingest"
    LEARNED = "learned"
    BUDGET = "budget"
    DELIVERY = "delivery"
    """What became of a message on its way to the customer."""
    ATTACHMENT = "attachment"
    """What became of a file beside a message."""


class KeyPurpose(StrEnum):
    """What a key of the installation is for."""

    PAYLOADS = "payloads"
    SIGNING = "signing"
