"""Channel accounts, as those who manage them see them."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field, JsonValue, StrictBool, StrictInt

from api.schemas.base import Instant, Name, PageQuery, Request, Response
from models.contracts.accounts import CREDENTIALS, SETTINGS
from models.contracts.channels import HealthState, Provider
from models.contracts.enums import ChannelKind, SendStatus
from models.repositories.arrivals import Heard
from models.repositories.channel_accounts import Account


class ChannelAccountsQuery(PageQuery):
    cursor: UUID | None = Field(None, description="`next` of the page before.")


def _one_of(models: Iterable[type[BaseModel]], *, or_null: bool = False) -> dict[str, JsonValue]:
    """Each provider's own fields, for readers of the OpenAPI document; the route checks them."""
    found: list[JsonValue] = [model.model_json_schema() for model in models]
    return {"anyOf": [*found, {"type": "null"}] if or_null else found}


class ChannelAccountIn(Request):
    provider: Provider
    name: Name
    branch_id: UUID | None = Field(None, description="Default: the tenant's first branch.")
    settings: dict[str, Any] = Field({}, json_schema_extra=_one_of(SETTINGS.values()))
    credentials: dict[str, Any] | None = Field(
        None,
        description="What the provider gave you. Kept sealed, and never shown again.",
        json_schema_extra=_one_of(CREDENTIALS.values(), or_null=True),
    )


class ChannelAccountPatch(Request):
    name: Name | None = None
    disabled: StrictBool | None = Field(None, description="A disabled account takes nothing in, and sends nothing.")
    settings: dict[str, Any] | None = Field(None, description="In place of those it has.")
    credentials: dict[str, Any] | None = Field(None, description="In place of those it has.")


class ChannelAccountCheckIn(Request):
    take_over: StrictBool = Field(
        False,
        description="Have the provider deliver to nobody else any more: another program may have used the account.",
    )


class ChannelAccountRotateIn(Request):
    overlap_minutes: StrictInt = Field(60, ge=0, le=10_080, description="How long the secret until now stays good.")


class ChannelAccountOut(Response):
    id: UUID
    branch_id: UUID
    kind: ChannelKind
    provider: Provider
    name: str
    disabled: bool
    settings: dict[str, Any]
    health: HealthState = Field(description="`dead`: somebody must act, see `advice`. `away`: what is queued waits.")
    health_code: str | None
    advice: list[str] = Field(description="What a person can do about it, in plain sentences.")
    checked_at: Instant | None
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
            provider=account.provider,
            name=account.name,
            disabled=account.disabled,
            settings=account.settings,
            health=account.health,
            health_code=account.health_code,
            advice=account.health_advice,
            checked_at=account.checked_at,
            webhook_path=_webhook_path(account),
            signed=account.signed,
            previous_until=account.previous_until,
            created_at=account.created_at,
        )


def _webhook_path(account: Account) -> str | None:
    takes = account.provider in (Provider.API, Provider.WHATSAPP_CLOUD, Provider.CHATFLOW) or (
        account.settings.get("receive") == "webhook"
    )
    return f"/v1/channels/{account.kind.value}/{account.id}" if takes else None


class ChannelAccountWithSecret(ChannelAccountOut):
    webhook_url: str | None = Field(
        description="`webhook_path` below the address that this installation tells others (`MAINSTAY_PUBLIC_URL`)."
    )
    webhook_secret: str | None = Field(
        description="What webhooks are signed with, `whsec_…`, mails that a provider posts among them; of `chatflow`: the `key` in the address it delivers to; of "
        "`web`: the identity secret, `mis_…`, which signs who is signed in on a page. It is shown this once."
    )

    @classmethod
    def with_secret(cls, account: Account, secret: str | None, origin: str) -> "ChannelAccountWithSecret":
        shown = ChannelAccountOut.of(account)
        url = None if shown.webhook_path is None else f"{origin}{shown.webhook_path}"
        return cls(**dict(shown), webhook_url=url, webhook_secret=secret)


class HeardOut(Response):
    """A customer's message to an account."""

    conversation_id: UUID
    message_id: UUID
    at: Instant

    @classmethod
    def of(cls, heard: Heard) -> "HeardOut":
        return cls(conversation_id=heard.conversation_id, message_id=heard.message_id, at=heard.at)


class ChannelAccountState(ChannelAccountOut):
    """An account, and what is on its way."""

    last_heard: HeardOut | None = Field(description="The last message that came in; null: nobody has written yet.")

    sends: dict[SendStatus, int] = Field(description="Messages of the last 90 days by what became of them.")
    unreadable: int = Field(description="What the provider delivered and nobody could read: it was put aside.")


class ChannelAccountRetryOut(Response):
    queued: int = Field(description="Messages that had failed, or whose fate was unknown, and are sent again.")
