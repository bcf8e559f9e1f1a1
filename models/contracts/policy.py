"""A tenant's policy: the rules that no model can override. Every part has a default; an empty policy is a policy."""

import re
from datetime import time, timedelta
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from models.contracts.enums import Language
from models.contracts.settings import ClockTime, Strict

NEW: dict[str, bool] = {"new": True}
"""The validation context of a policy that is being written. Rules that are younger than policies look for it: what was
stored before there was such a rule keeps working."""

_WORD = re.compile(r"[\w#]")


def _is_new(info: ValidationInfo) -> bool:
    return bool(info.context and info.context.get("new"))


def _has_a_word(value: str, info: ValidationInfo) -> str:
    if _is_new(info) and not _WORD.search(value):
        raise ValueError("must have a word: letters or digits")
    return _storable(value)


def _storable(value: str) -> str:
    if "\x00" in value:
        raise ValueError("must not contain the character NUL (U+0000)")
    return value


def _said(value: str, info: ValidationInfo) -> str:
    if _is_new(info) and not value.strip():
        raise ValueError("must not be blank")
    return _storable(value)


def _domain(value: str) -> str:
    if not re.fullmatch(r"(?:[\w-]{1,63}\.)+[^\W\d_]{2,63}", value.lower()):
        raise ValueError("must be a domain without scheme and path, as example.com")
    return value.lower()


Phrase = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=2, max_length=200), AfterValidator(_has_a_word)
]
Phrases = Annotated[tuple[Phrase, ...], Field(max_length=200)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=2000), AfterValidator(_said)]
Texts = dict[Language, Text]
Domain = Annotated[str, StringConstraints(max_length=253), AfterValidator(_domain)]

MAX_TOPICS = 200
MAX_EXAMPLES = 500
"""In all topics together: each is embedded once by every worker."""


class Topic(Strict):
    """What a message is about when it has all words of one of the phrases, or is like one of the examples.

    A sentence with all words of one of `unless` is not about it. The first topic that matches decides.
    """

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,64}$")]
    phrases: Annotated[Phrases, Field(min_length=1)]
    unless: Phrases = ()
    examples: Annotated[tuple[Phrase, ...], Field(max_length=50)] = ()
    # `identify`: a person, once the customer has given the code that was sent to the address on file.
    action: Literal["person", "rule", "identify"] = "person"
    text: Texts = Field(default_factory=dict)

    @model_validator(mode="after")
    def _rule_has_text(self) -> "Topic":
        if self.action == "rule" and not self.text:
            raise ValueError("text is required when action is rule: the words to answer with, by language")
        return self


class Matching(Strict):
    """How phrases and examples are compared with what customers write. Word beginnings always count."""

    # Other endings of Russian and Kazakh words.
    inflections: StrictBool = True
    # One wrong, missing, additional or swapped letter in words of eight letters or more, but not the first.
    typos: StrictBool = True
    # Cosine of a sentence with an example from which on they mean the same. Depends on the embedding model.
    likeness: Annotated[StrictFloat, Field(ge=0.5, le=1)] = 0.9


class OptOut(Strict):
    """Words with which customers ask for silence, beside those that are understood anyway, and what the bot says."""

    phrases: Phrases = ()
    muted: Texts = Field(default_factory=dict)
    reengage: Texts = Field(default_factory=dict)


class QuietHours(Strict):
    """Hours of the night in the tenant's time zone: the bot answers, says when people come, and begins nothing."""

    begins: ClockTime
    ends: ClockTime

    @model_validator(mode="after")
    def _last(self) -> "QuietHours":
        if self.begins.tzinfo or self.ends.tzinfo:
            raise ValueError("begins and ends are local times of the tenant, as 22:00")
        if self.begins == self.ends:
            raise ValueError("begins and ends must differ; leave quiet_hours out for none")
        return self

    def hold_at(self, clock: time) -> bool:
        """Whether they hold at a local time; they may pass midnight."""
        if self.begins < self.ends:
            return self.begins <= clock < self.ends
        return clock >= self.begins or clock < self.ends


class Greetings(Strict):
    """After how long a silence the bot greets again."""

    # Up to then a conversation goes on without a greeting.
    goes_on_minutes: Annotated[StrictFloat, Field(ge=0, le=24 * 60)] = 30
    # From then on the bot greets by itself, and asks a customer who only greets whether the earlier matter goes on.
    returns_hours: Annotated[StrictFloat, Field(gt=0, le=24 * 31)] = 24

    @model_validator(mode="after")
    def _in_order(self) -> "Greetings":
        if self.goes_on > self.returns:
            raise ValueError("goes_on_minutes must not be longer than returns_hours")
        return self

    @property
    def goes_on(self) -> timedelta:
        return timedelta(minutes=self.goes_on_minutes)

    @property
    def returns(self) -> timedelta:
        return timedelta(hours=self.returns_hours)


class Flood(Strict):
    """What a customer may write within a minute, in all their conversations. Beyond it the bot says so once."""

    messages_per_minute: Annotated[StrictInt, Field(ge=3, le=200)] = 30
    # The same words again and again.
    repeats_per_minute: Annotated[StrictInt, Field(ge=2, le=200)] = 10

    def exceeded_by(self, messages: int, repeats: int) -> bool:
        return messages > self.messages_per_minute or repeats > self.repeats_per_minute


class Claims(Strict):
    """What an answer that a model has written may not say; the customer then gets a quote, or a person."""

    # All words of a phrase in one sentence; # stands for any number.
    forbidden: Phrases = ()
    # These very words may stand there all the same.
    allowed: Phrases = ()
    # Links and e-mail addresses lead to these domains and what is below them. Left out: wherever the knowledge leads.
    link_domains: Annotated[tuple[Domain, ...], Field(max_length=100)] | None = None


class Policy(Strict):
    """Topics that always go to a person or are answered by rule, and the manners of the conversation."""

    topics: tuple[Topic, ...] = ()
    matching: Matching = Matching()
    opt_out: OptOut = OptOut()
    quiet_hours: QuietHours | None = None
    greetings: Greetings = Greetings()
    # null: no limit, for systems that write in their customers' names.
    flood: Flood | None = Flood()
    claims: Claims = Claims()

    @field_validator("topics")
    @classmethod
    def _few_and_distinct(cls, topics: tuple[Topic, ...], info: ValidationInfo) -> tuple[Topic, ...]:
        if not _is_new(info):
            return topics
        names = [topic.name for topic in topics]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"every topic needs a name of its own; more than one is called {', '.join(twice)}")
        if len(topics) > MAX_TOPICS:
            raise ValueError(f"must be at most {MAX_TOPICS}")
        if sum(len(topic.examples) for topic in topics) > MAX_EXAMPLES:
            raise ValueError(f"must have at most {MAX_EXAMPLES} examples in all topics together")
        return topics
