"""Assistants, and the versions of their prompts."""

from uuid import UUID

from pydantic import ConfigDict, Field

from api.schemas.base import Instant, Name, PageQuery, Request, Response
from api.schemas.branches import Slug
from models.contracts.assistants import Assistant, Template
from models.contracts.enums import Language
from models.repositories.assistants import Prompt, Stored
from models.starters import Starter


class AssistantIn(Request):
    """The assistant with the slug `default` answers wherever no other was chosen."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"slug": "sales", "name": "Aida", "assistant": {"persona": "You are Aida, friendly and brief."}}
            ]
        }
    )

    slug: Slug = Field(description="Short and lasting name, unique in the tenant.")
    name: Name
    assistant: Assistant = Assistant()


class AssistantChange(Request):
    """Replaces the name and everything else; what is left out gets its default."""

    name: Name
    assistant: Assistant = Assistant()


class AssistantOut(Response):
    id: UUID
    slug: str
    name: str
    assistant: Assistant
    prompt_version: int = Field(description="In force. 0: the template that every assistant begins with.")
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, found: Stored) -> "AssistantOut":
        return cls(
            id=found.id,
            slug=found.slug,
            name=found.name,
            assistant=found.body,
            prompt_version=found.prompt_version or 0,
            created_at=found.created_at,
            updated_at=found.updated_at,
        )


class AssistantsQuery(PageQuery):
    cursor: UUID | None = Field(None, description="`next` of the page before.")


class PromptsQuery(PageQuery):
    cursor: int | None = Field(None, ge=1, lt=2**31, description="`next` of the page before.")


class PromptIn(Request):
    """A new version. Of placeholders there are {assistant}, {company}, {persona}, {instructions} and {language}."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"template": "You are {assistant} of {company}. {persona}\n\n{instructions}"}]}
    )

    template: Template
    note: Name | None = Field(None, description="What is new in it.")
    activate: bool = Field(True, description="Put it in force at once.")


class PromptOut(Response):
    version: int
    template: str
    note: str | None
    created_by: UUID | None
    created_at: Instant

    @classmethod
    def of(cls, found: Prompt) -> "PromptOut":
        return cls(
            version=found.version,
            template=found.template,
            note=found.note,
            created_by=found.created_by,
            created_at=found.created_at,
        )


class ActivateIn(Request):
    version: int = Field(
        ge=0, lt=2**31, description="An earlier one rolls back; 0 is what every assistant begins with."
    )


class StartersQuery(Request):
    language: Language | None = None


class StartersOut(Response):
    """Assistants to begin with, by industry and language. Create one of them, and change what is yours."""

    items: list[Starter]
