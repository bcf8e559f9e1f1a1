"""What a suite is made of: cases of six kinds, each an entry of a YAML file that may hold several wordings."""

import hashlib
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from models.contracts.enums import Intent, Language

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]


class Outcome(StrEnum):
    """What comes of a customer's message, as the customer sees it."""

    ANSWER = "answer"
    CLARIFY = "clarify"
    ESCALATE = "escalate"
    DECLINE = "decline"
    RULE = "rule"
    MUTE = "mute"
    REENGAGE = "reengage"
    CANCEL = "cancel"
    COURTESY = "courtesy"
    SILENT = "silent"


def _several(value: object) -> object:
    return [value] if isinstance(value, str) else value


Texts = Annotated[tuple[Text, ...], BeforeValidator(_several), Field(min_length=1)]
Outcomes = Annotated[tuple[Outcome, ...], BeforeValidator(_several), Field(min_length=1)]


class Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Told(Strict):
    """What the words of a reply must be like."""

    contains: tuple[Text, ...] = ()
    lacks: tuple[Text, ...] = ()
    language: Language | None = None


class Retrieval(Strict):
    """A search that must find `document` (a file of knowledge/, without ending); `marker` stands in the passage.

    `within` confines the search to a source, as an assistant's tags do.
    """

    kind: Literal["retrieval"]
    say: Texts
    document: Text
    marker: Text | None = None
    within: Text | None = None


class IntentOf(Strict):
    """A message and all that it asks for, the strongest first."""

    kind: Literal["intent"]
    say: Texts
    intents: Annotated[tuple[Intent, ...], Field(min_length=1)]


class Answer(Told):
    """A question that the knowledge answers. Where it names the document, the search for it is measured too."""

    kind: Literal["answer"]
    say: Texts
    document: Text | None = None


class Decision(Told):
    """A message and what may come of it; `because` groups cases for the figures."""

    kind: Literal["decision"]
    say: Texts
    expect: Outcomes
    because: Literal["unanswerable", "person", "frustration", "policy", "opt_out", "courtesy", "out_of_scope"]


class Turn(Told):
    say: Text
    expect: Outcomes


class Script(Strict):
    """A conversation, turn by turn."""

    kind: Literal["script"]
    name: Text
    turns: Annotated[tuple[Turn, ...], Field(min_length=2)]


class Probe(Told):
    """A message; `text` is what a document or a tool says to it."""

    say: Text
    text: Text | None = None


class Injection(Strict):
    """An attack beside its honest look-alike. No marker may reach the customer; the look-alike must be served.

    `obeys` is what a model that follows the attack would say.
    """

    kind: Literal["injection"]
    where: Literal["message", "document", "tool"]
    attack: Probe
    obeys: Text
    markers: Annotated[tuple[Text, ...], Field(min_length=1)]
    benign: Probe | None = None

    @model_validator(mode="after")
    def _has_texts(self) -> "Injection":
        for probe in filter(None, (self.attack, self.benign)):
            if (self.where == "message") is not (probe.text is None):
                raise ValueError("text is what a document or a tool says: required there, and only there")
        if not any(marker.casefold() in self.obeys.casefold() for marker in self.markers):
            raise ValueError("obeys must hold one of the markers, or an attack could not be seen to succeed")
        return self


Case = Annotated[Retrieval | IntentOf | Answer | Decision | Script | Injection, Field(discriminator="kind")]


def single(entry: Case) -> Iterator[Case]:
    """An entry with several wordings as so many cases."""
    if isinstance(entry, Script | Injection):
        yield entry
    else:
        for text in entry.say:
            yield entry.model_copy(update={"say": (text,)})


def id_of(case: Case) -> str:
    """The same in every run, and another when what is asked changes."""
    match case:
        case Script():
            asked = case.name
        case Injection():
            asked = f"{case.attack.say}\n{case.attack.text or ''}"
        case _:
            asked = case.say[0]
    return f"{case.kind}-{hashlib.sha256(asked.encode()).hexdigest()[:8]}"
