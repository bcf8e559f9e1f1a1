"""Managers' desks, as those who set them up see them."""

from uuid import UUID

from pydantic import Field

from api.schemas.base import Instant, Request, Response
from models.contracts.channels import HealthState
from models.repositories.desks import Desk


class DeskIn(Request):
    channel_account_id: UUID = Field(description="The Telegram bot that is to be in the group.")
    branch_id: UUID | None = Field(None, description="Default: the tenant's first branch.")


class DeskOut(Response):
    """A group of managers. Conversations of its branch that need a person get a topic there."""

    id: UUID
    branch_id: UUID
    channel_account_id: UUID
    linked: bool = Field(description="Whether a group is this desk's.")
    chat_id: str | None
    health: HealthState
    health_code: str | None
    advice: list[str] = Field(description="What a person can do about what is wrong.")
    checked_at: Instant | None
    waiting: int = Field(description="Posts that wait to be sent.")
    created_at: Instant

    @classmethod
    def of(cls, desk: Desk, waiting: int) -> "DeskOut":
        return cls(
            id=desk.id,
            branch_id=desk.branch_id,
            channel_account_id=desk.channel_account_id,
            linked=desk.chat_id is not None,
            chat_id=desk.chat_id,
            health=desk.health,
            health_code=desk.health_code,
            advice=desk.health_advice,
            checked_at=desk.checked_at,
            waiting=waiting,
            created_at=desk.created_at,
        )


class DesksOut(Response):
    items: list[DeskOut]


class LinkOut(Response):
    """A code, good once and for 15 minutes. It is shown here and nowhere else."""

    code: str
    command: str = Field(
        description="What to write: in the group (a desk's), or to the bot in a private chat (a person's)."
    )


class DeskWithLink(DeskOut):
    link: LinkOut
