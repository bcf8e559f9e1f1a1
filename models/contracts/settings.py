"""A tenant's own rules: settings with defaults that suit most, and the policy that no model can override."""

from datetime import time, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from models.contracts.enums import ChannelKind, Language


class Strict(BaseModel):
    """Base of everything a person writes: a field that does not exist is an error, not a silent no-op."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class OpenHours(Strict):
    """Working hours of one weekday, local time."""

    opens: time
    closes: time

    @model_validator(mode="after")
    def _in_order(self) -> "OpenHours":
        if self.opens >= self.closes:
            raise ValueError("opens must be before closes")
        return self


Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class BusinessHours(Strict):
    """When people work. A day that is not named is closed; no days at all means always open."""

    time_zone: str = "UTC"
    days: dict[Weekday, OpenHours] = Field(default_factory=dict)


class Ladder(Strict):
    """Minutes after the request for a person, counted in business hours."""

    team_minutes: Annotated[float, Field(ge=0)] = 5
    reminder_1_minutes: Annotated[float, Field(ge=0)] = 30
    reminder_2_minutes: Annotated[float, Field(ge=0)] = 60

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


class TenantSettings(Strict):
    """Everything a tenant can tune, validated whenever it is written."""

    quiet_seconds: dict[ChannelKind, Annotated[float, Field(ge=0, le=60)]] = Field(default_factory=dict)
    mute_minutes: Annotated[float, Field(gt=0)] = 30
    mute_again_hours: Annotated[float, Field(gt=0)] = 24
    opt_out_memory_hours: Annotated[float, Field(gt=0)] = 24
    clarifications: Annotated[int, Field(ge=0, le=5)] = 1
    ladder: Ladder = Ladder()
    business_hours: BusinessHours = BusinessHours()

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


Phrase = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=200)]


class Topic(Strict):
    """What a message is about when it has all words of one of the phrases (word beginnings count)."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,64}$")]
    phrases: Annotated[tuple[Phrase, ...], Field(min_length=1, max_length=200)]
    action: Literal["person", "rule"] = "person"
    text: dict[Language, Annotated[str, StringConstraints(min_length=1, max_length=2000)]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _rule_has_text(self) -> "Topic":
        if self.action == "rule" and not self.text:
            raise ValueError("text is required when action is rule: the words to answer with, by language")
        return self


class Policy(Strict):
    """Topics that always go to a person, and topics answered only by rule. The first match decides."""

    topics: tuple[Topic, ...] = ()
