"""Channel accounts, as those who manage them see them."""

from typing import Literal
from uuid import UUID

from pydantic import Field, StrictBool, StrictInt

from api.schemas.base import Instant, Name, PageQuery, Request, Response
from models.contracts.enums import ChannelKind
from models.repositories.channel_accounts import Account


class ChannelAccountsQuery(PageQuery):
    cursor: UUID | None = Field(None, description="`next` of the page before.")


class ChannelAccountIn(Request):
    kind: Literal["api", "web"]
    name: Name
    branch_id: UUID | None = Field(None, description="Default: the tenant's first branch.")


class ChannelAccountPatch(Request):
    name: Name | None = None
    disabled: StrictBool | None = Field(None, description="A disabled account takes nothing in.")


class ChannelAccountRotateIn(Request):
    overlap_minutes: StrictInt = Field(60, ge=0, le=10_080, description="How long the secret until now stays good.")


class ChannelAccountOut(Response):
    id: UUID
    branch_id: UUID
    kind: ChannelKind
    name: str
    disabled: bool
    webhook_path: str | None = Field(description="Where the other side delivers; null: this kind takes no webhooks.")
    signed: bool = Field(description="It has a webhook secret; without one it takes no webhooks.")
    previous_until: Instant | None = Field(description="After a rotation: until then the secret before is good too.")
    created_at: Instant

    @classmethod
    def of(cls, account: Account) -> "ChannelAccountOut":
        return cls(
            id=account.id,
            branch_id=account.branch_id,
            kind=account.kind,
            name=account.name,
            disabled=account.disabled,
            webhook_path=f"/v1/channels/api/{account.id}" if account.kind is ChannelKind.API else None,
            signed=account.signed,
            previous_until=account.previous_until,
            created_at=account.created_at,
        )


class ChannelAccountWithSecret(ChannelAccountOut):
    webhook_secret: str | None = Field(description="What webhooks are signed with, `whsec_…`. It is shown this once.")

    @classmethod
    def with_secret(cls, account: Account, secret: str | None) -> "ChannelAccountWithSecret":
        return cls(**dict(ChannelAccountOut.of(account)), webhook_secret=secret)
