"""Assistants: who answers in a conversation, in which words, from which knowledge and by which model."""

from string import Formatter
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StrictFloat, StrictInt, StringConstraints, model_validator

from models.contracts.base import Frozen
from models.contracts.enums import Language
from models.contracts.settings import Strict

DEFAULT_ASSISTANT = "default"
"""The slug of the assistant that answers where no other was chosen. Until a tenant writes it, it is `Assistant()`."""
DEFAULT_ROUTE = "default"
QUOTE_ROUTE = "quote"
"""The route without a model: the best passage is quoted."""

PLACEHOLDERS = ("assistant", "company", "persona", "instructions", "language")
DEFAULT_TEMPLATE = "{persona}\n\n{instructions}"

_LANGUAGE_NAMES = {Language.EN: "English", Language.RU: "Russian", Language.KK: "Kazakh"}


def _template(text: str) -> str:
    try:
        fields = list(Formatter().parse(text))
    except ValueError as error:
        raise ValueError(f"{error}; write {{{{ and }}}} for braces that are meant as such") from None
    allowed = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
    for _, name, form, conversion in fields:
        # An attribute or an index of a placeholder would reach into the program.
        if name is not None and (name not in PLACEHOLDERS or form or conversion):
            raise ValueError(f"has the placeholder {{{name}}}; there are {allowed}")
    return text


def _no_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain the character NUL (U+0000)")
    return text


Template = Annotated[
    str,
    StringConstraints(min_length=1, max_length=8000, strip_whitespace=True),
    AfterValidator(_no_nul),
    AfterValidator(_template),
]
Words = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_no_nul)]
Share = Annotated[StrictFloat, Field(ge=0, le=1)]
RouteName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,64}$")]


class Assistant(Strict):
    """Everything a tenant can tune about who answers. Every field has a default that suits most."""

    persona: Annotated[Words, Field(max_length=2000)] = Field("", description="Who it is, and in which tone it speaks.")
    instructions: Annotated[Words, Field(max_length=4000)] = Field("", description="What it should heed beside facts.")
    language: Language | None = Field(None, description="To answer in always; null: in the customer's language.")
    greeting: dict[Language, Annotated[Words, Field(min_length=1, max_length=1000)]] = Field(
        default_factory=dict, description="What it says to a greeting, by language."
    )
    answer_at: Share = Field(0.8, description="Confidence from which on a question is answered.")
    unsure_at: Share = Field(0.3, description="Confidence below which a person is asked; between the two it asks back.")
    tags: Annotated[
        tuple[Annotated[Words, Field(min_length=1, max_length=64)], ...],
        Field(max_length=50, description="Of the knowledge it answers from; none: those of the branch."),
    ] = ()
    route: RouteName = Field(DEFAULT_ROUTE, description="Of models; `quote` writes nothing and quotes.")
    temperature: Annotated[StrictFloat, Field(ge=0, le=2)] = 0.0
    max_tokens: Annotated[StrictInt, Field(ge=50, le=4000)] = 700

    @model_validator(mode="after")
    def _in_order(self) -> "Assistant":
        if self.unsure_at > self.answer_at:
            raise ValueError("unsure_at must not be above answer_at")
        return self


class Chosen(Frozen):
    """The assistant of a conversation (or of a question without one), with all that a turn needs of it.

    `id` None: nobody has written an assistant yet. `tags` are the assistant's, else the branch's; none: all knowledge.
    `template` is the prompt version in force.
    """

    id: UUID | None = None
    name: str = ""
    company: str = ""
    assistant: Assistant = Assistant()
    template: str = DEFAULT_TEMPLATE
    tags: tuple[str, ...] = ()

    def instructions(self, language: Language) -> str:
        """The prompt of its own, filled in; the rules that every assistant keeps come after it."""
        return self.template.format(
            assistant=self.name,
            company=self.company,
            persona=self.assistant.persona,
            instructions=self.assistant.instructions,
            language=_LANGUAGE_NAMES[language],
        ).strip()

    def greeting(self, language: Language) -> str | None:
        """What it says to a greeting; None: what every bot says."""
        return self.assistant.greeting.get(language)
