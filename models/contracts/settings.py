"""A tenant's own settings, with defaults that suit most. Rules that no model can override: policy.py."""

from datetime import time, timedelta
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StringConstraints,
    model_validator,
)

from models.contracts.enums import ChannelKind
from models.contracts.origins import listed_origin


class Strict(BaseModel):
    """Base of everything a person writes: a field that does not exist is an error, not a silent no-op."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Origin = Annotated[str, StringConstraints(max_length=300), AfterValidator(listed_origin)]


def _no_number(value: object) -> object:
    """A number would be read as seconds after midnight."""
    if isinstance(value, bool | int | float):
        raise ValueError("must be a time of day, as 09:00")  # noqa: TRY004  # what pydantic tells the client
    return value


ClockTime = Annotated[time, BeforeValidator(_no_number)]

MONTH = 31 * 24 * 60
"""In minutes: what somebody sets to more than that is a mistake."""


class OpenHours(Strict):
    """Working hours of one weekday, local time."""

    opens: ClockTime
    closes: ClockTime

    @model_validator(mode="after")
    def _in_order(self) -> "OpenHours":
        if self.opens >= self.closes:
            raise ValueError("opens must be before closes")
        return self


Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class BusinessHours(Strict):
    """When people work. A day that is not named is closed; no days at all means always open."""

    time_zone: Annotated[str, StringConstraints(max_length=64)] = "UTC"
    days: dict[Weekday, OpenHours] = Field(default_factory=dict)


class Ladder(Strict):
    """Minutes after the request for a person, counted in business hours."""

    team_minutes: Annotated[StrictFloat, Field(ge=0, le=MONTH)] = 5
    reminder_1_minutes: Annotated[StrictFloat, Field(ge=0, le=MONTH)] = 30
    reminder_2_minutes: Annotated[StrictFloat, Field(ge=0, le=MONTH)] = 60

    @model_validator(mode="after")
    def _ascends(self) -> "Ladder":
        if not self.team_minutes <= self.reminder_1_minutes <= self.reminder_2_minutes:
            raise ValueError("team_minutes, reminder_1_minutes, reminder_2_minutes must ascend")
        return self


DEFAULT_QUIET_SECONDS = {
    ChannelKind.API: 0.0,
    ChannelKind.WEB: 0.0,
    ChannelKind.TELEGRAM: 1.5,
    ChannelKind.WHATSAPP: 1.5,
    ChannelKind.EMAIL: 0.0,
}


class PasswordRules(Strict):
    """What a tenant asks of its people's passwords, beyond what is asked of all (see api/identity/password_rules.py)."""

    min_length: Annotated[StrictInt, Field(ge=8, le=64)] = 12
    # An upper-case letter, a lower-case one, a digit and something else. Length helps more, so it is off.
    mixed: StrictBool = False


class Masking(Strict):
    """What is taken out of a customer's words before they go to a model (see activities/masking)."""

    card: StrictBool = True
    iban: StrictBool = True
    national_id: StrictBool = True
    email: StrictBool = True
    phone: StrictBool = True


class Budgets(Strict):
    """What models may cost. Once it is used up the best passage is quoted, or a person is asked."""

    tokens_per_day: Annotated[StrictInt, Field(ge=0, le=10**12)] | None = Field(
        None, description="Tokens a day (UTC), of questions and answers together."
    )
    cost_per_month: Annotated[StrictFloat, Field(ge=0, le=10**9)] | None = Field(
        None, description="Money a calendar month (UTC), in the currency that the models' prices are in."
    )

    @property
    def unlimited(self) -> bool:
        return self.tokens_per_day is None and self.cost_per_month is None

    @property
    def cost_limit(self) -> int | None:
        """Of a month, in millionths."""
        return None if self.cost_per_month is None else round(self.cost_per_month * 1_000_000)


class Learning(Strict):
    """What is learned from people without anybody being asked."""

    # What an owner answers becomes knowledge at once; otherwise it waits for review like everybody's.
    approve_owners: StrictBool = True
    # A page that answers rest on and nobody has touched for so many days is reported.
    stale_days: Annotated[StrictInt, Field(ge=1, le=3650)] = 180


class TenantSettings(Strict):
    """Everything a tenant can tune, validated whenever it is written."""

    quiet_seconds: dict[ChannelKind, Annotated[StrictFloat, Field(ge=0, le=60)]] = Field(default_factory=dict)
    mute_minutes: Annotated[StrictFloat, Field(gt=0, le=MONTH)] = 30
    mute_again_hours: Annotated[StrictFloat, Field(gt=0, le=MONTH / 60)] = 24
    opt_out_memory_hours: Annotated[StrictFloat, Field(gt=0, le=MONTH / 60)] = 24
    clarifications: Annotated[StrictInt, Field(ge=0, le=5)] = 2
    allowed_origins: Annotated[tuple[Origin, ...], Field(max_length=50)] = Field(
        (), description="Origins of web pages that may call for this tenant, as https://www.example.com."
    )
    ladder: Ladder = Ladder()
    business_hours: BusinessHours = BusinessHours()
    # Whether people may register themselves, as `user`.
    registration: StrictBool = False
    passwords: PasswordRules = PasswordRules()
    # Whoever works here (agents, admins, owners) can do nothing before they have added one.
    require_second_factor: StrictBool = False
    # Closed conversations are erased after so many days. None: they are kept.
    retention_days: Annotated[StrictInt, Field(ge=1, le=3650)] | None = None
    masking: Masking = Masking()
    budgets: Budgets = Budgets()
    learning: Learning = Learning()
    # How long a customer who gave the right code counts as verified.
    verified_minutes: Annotated[StrictInt, Field(ge=1, le=1440)] = 30
    # How long the deletion of the whole tenant can be called off.
    tenant_deletion_grace_hours: Annotated[StrictInt, Field(ge=1, le=720)] = 72

    @property
    def mute(self) -> timedelta:
        return timedelta(minutes=self.mute_minutes)

    @property
    def mute_again(self) -> timedelta:
        return timedelta(hours=self.mute_again_hours)

    @property
    def opt_out_memory(self) -> timedelta:
        return timedelta(hours=self.opt_out_memory_hours)

    def quiet(self, channel: ChannelKind) -> float:
        """Seconds of silence that end a burst on `channel`."""
        return self.quiet_seconds.get(channel, DEFAULT_QUIET_SECONDS[channel])
