"""The managers' desk: a group of a messenger in which each conversation that asks for a person has a topic."""

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, TypeAdapter

from models.contracts.base import Frozen
from models.contracts.enums import Command, EscalationStatus

BUTTONS = (Command.TAKE, Command.SKIP, Command.RETURN, Command.RESOLVE)
"""What a manager can do by pressing a button under a card."""


class Review(StrEnum):
    """What can be done by pressing a button under an answer that is proposed as knowledge."""

    APPROVE = "approve"
    EDIT = "edit"
    REJECT = "reject"


class Said(StrEnum):
    """What the desk tells by itself; its words are in activities/desk/words."""

    # In a topic: what became of the escalation.
    TAKEN = "taken"
    PASSED_ON = "passed_on"
    REASSIGNED = "reassigned"
    RESOLVED = "resolved"
    RETURNED = "returned"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REMINDER = "reminder"
    OWNERS = "owners"
    # In a topic: what did not reach somebody.
    NOT_DELIVERED = "not_delivered"
    HELD = "held"
    FILE_REFUSED = "file_refused"
    # In a topic: why something that a person wrote or pressed was not done.
    WHO_ARE_YOU = "who_are_you"
    NOT_ALLOWED = "not_allowed"
    HELD_BY = "held_by"
    FINISHED = "finished"
    NOBODY_ASKED = "nobody_asked"
    NOT_POSSIBLE = "not_possible"
    UNDECIDED = "undecided"
    KIND_UNKNOWN = "kind_unknown"
    TOO_LONG = "too_long"
    EDITS_STAY = "edits_stay"
    # After the review of a learned answer.
    APPROVED = "approved"
    REJECTED = "rejected"
    REVIEWED = "reviewed"
    NO_ROOM = "no_room"
    HOW_TO_EDIT = "how_to_edit"
    ANSWER_EDITED = "answer_edited"
    # In answer to a command.
    LINKED = "linked"
    LINKED_YOU = "linked_you"
    WRONG_CODE = "wrong_code"
    # To whoever writes in private to a bot that only serves a desk.
    ONLY_A_DESK = "only_a_desk"
    # Outside of topics: why nothing is posted into them; and the same in private, to owners.
    NO_FORUM = "no_forum"
    NO_RIGHTS = "no_rights"
    STOPPED = "stopped"


ENDED = {
    EscalationStatus.RESOLVED: Said.RESOLVED,
    EscalationStatus.RETURNED: Said.RETURNED,
    EscalationStatus.CANCELLED: Said.CANCELLED,
    EscalationStatus.EXPIRED: Said.EXPIRED,
}


class CardPost(Frozen):
    """The escalation's card, sent once and edited from then on. What it shows is read when it is sent."""

    type: Literal["card"] = "card"


class MessagePost(Frozen):
    """What somebody said in the conversation. `changed`: it was shown before, and is not what it was."""

    type: Literal["message"] = "message"
    message_id: UUID
    changed: bool = False


class FilePost(Frozen):
    """A file that the customer sent."""

    type: Literal["file"] = "file"
    attachment_id: UUID


class NoticePost(Frozen):
    """A sentence of the desk's own. `member_id` is who it is about, `code` a word of the provider's or of ours.

    `chat` and `private` name where it goes when it is no topic's; then `about` may be the desk that it is about.
    `reply_to` is what it answers.
    """

    type: Literal["notice"] = "notice"
    said: Said
    member_id: UUID | None = None
    code: str | None = None
    about: UUID | None = None
    chat: str | None = None
    private: bool = False
    reply_to: str | None = None


class LearnedPost(Frozen):
    """An answer that is proposed as knowledge. `message_id`: where it stands already, to be shown as it is now."""

    type: Literal["learned"] = "learned"
    learned_id: UUID
    message_id: str | None = None


class ForgetPost(Frozen):
    """A topic whose customer was erased is to be deleted with all that stands in it."""

    type: Literal["forget"] = "forget"
    topic: str


Post = Annotated[CardPost | MessagePost | FilePost | NoticePost | LearnedPost | ForgetPost, Field(discriminator="type")]
"""What a desk is told: ids and words of ours, never what somebody wrote."""

POST: TypeAdapter[Post] = TypeAdapter(Post)
