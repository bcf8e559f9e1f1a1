"""Assistants: what a template may hold, and what a model is told of it."""

import pytest
from pydantic import TypeAdapter, ValidationError

from activities.generation.port import GenerateRequest
from activities.generation.prompt import messages_for
from activities.retrieval.confidence import ANSWER_AT, UNSURE_AT
from models import starters
from models.contracts.assistants import Assistant, Chosen, Template
from models.contracts.enums import Language

TEMPLATE: TypeAdapter[str] = TypeAdapter(Template)


@pytest.mark.parametrize(
    "text",
    [
        "{customer}",
        "{0}",
        "{}",
        "{persona.__class__}",
        "{persona[0]}",
        "{persona!r}",
        "{persona:>1000000000}",
        "{persona:{company}}",
        "{",
        "}",
        "{persona",
        "a\x00b",
        "  ",
    ],
)
def test_a_template_has_only_the_placeholders_there_are(text: str) -> None:
    with pytest.raises(ValidationError):
        TEMPLATE.validate_python(text)


def test_a_wrong_placeholder_is_named_beside_those_there_are() -> None:
    with pytest.raises(ValidationError, match=r"\{customer\}; there are \{assistant\}, \{company\}"):
        TEMPLATE.validate_python("Hello {customer}")


def test_a_template_is_filled_in_before_the_rules() -> None:
    chosen = Chosen(
        name="Aida",
        company="Altyn {home}",
        assistant=Assistant(persona="You are brief.", instructions="Mention {nothing}."),
        template=TEMPLATE.validate_python("{{x}} {assistant} of {company}: {persona} {instructions} In {language}."),
    )
    said = chosen.instructions(Language.KK)
    assert said == "{x} Aida of Altyn {home}: You are brief. Mention {nothing}. In Kazakh."
    system = messages_for(GenerateRequest(question="?", language=Language.KK, passages=(), instructions=said))[0]
    assert system.text.startswith(said)
    assert "Use only the facts" in system.text.removeprefix(said)


def test_nobody_s_assistant_says_nothing_of_its_own() -> None:
    assert Chosen().instructions(Language.EN) == ""


def test_thresholds_begin_where_the_confidence_was_calibrated() -> None:
    assert (Assistant().answer_at, Assistant().unsure_at) == (ANSWER_AT, UNSURE_AT)
    with pytest.raises(ValidationError, match="unsure_at must not be above answer_at"):
        Assistant(answer_at=0.2, unsure_at=0.3)


def test_every_industry_has_a_starter_in_every_language() -> None:
    languages: dict[str, set[Language]] = {}
    for starter in starters.ALL:
        languages.setdefault(starter.industry, set()).add(starter.language)
        assert starter.assistant.greeting.keys() == {starter.language}
        assert starter.assistant.persona
        assert starter.assistant.instructions
    assert {"shop", "clinic", "telecom"} <= languages.keys()
    assert all(found == set(Language) for found in languages.values())
