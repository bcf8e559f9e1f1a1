"""What the calibrated confidence does to questions that it was not fitted on: other companies, other questions."""

import tomllib
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import pytest

from activities.generation.extractive import excerpt
from activities.retrieval.confidence import ANSWER_AT, UNSURE_AT, judged
from activities.retrieval.evidence import Question
from benchmarks.decision_cases import Case, Vectors, chunks, company_cases, sample_cases, search
from models.contracts.enums import Language
from models.contracts.knowledge import Passage, Retrieval

MODEL = "multilingual-e5-small"
DIALOGUE = Path(__file__).parents[2] / "samples" / "altyn_home" / "dialogue.toml"
TURNS = tomllib.loads(DIALOGUE.read_text("utf-8"))["turn"]
UNUSUAL = [0.0] * 384
"""A vector that is like no question's."""


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    return Vectors()


@pytest.fixture(scope="module")
async def held_out(vectors: Vectors) -> list[tuple[Case, Retrieval]]:
    cases = [*sample_cases("held"), *company_cases(held=True)]
    found = [(case, await search(case, vectors)) for case in cases]
    vectors.save()
    return found


def share(held: list[bool]) -> float:
    return sum(held) / len(held)


def test_uncovered_questions_are_practically_never_answered(held_out: list[tuple[Case, Retrieval]]) -> None:
    uncovered = [found.confidence for case, found in held_out if not case.documents]
    assert share([sure >= ANSWER_AT for sure in uncovered]) <= 0.035
    assert share([sure < UNSURE_AT for sure in uncovered]) >= 0.7


@pytest.mark.parametrize("language", Language)
def test_covered_questions_are_mostly_answered_right_and_hardly_ever_given_up(
    held_out: list[tuple[Case, Retrieval]], language: Language
) -> None:
    covered = [(case, found) for case, found in held_out if case.documents and case.asked is language]
    answered = [case.answered_by(found.passages[0]) for case, found in covered if found.confidence >= ANSWER_AT]
    assert len(answered) >= 0.4 * len(covered)
    assert share(answered) >= 0.9
    assert share([found.confidence < UNSURE_AT for _, found in covered]) <= 0.15


def test_the_passage_to_quote_comes_first(held_out: list[tuple[Case, Retrieval]]) -> None:
    assert share([case.answered_by(found.passages[0]) for case, found in held_out if case.documents]) >= 0.85


@pytest.mark.parametrize("number", range(len(TURNS)), ids=[str(turn["text"]) for turn in TURNS])
async def test_the_sample_day_goes_as_it_is_written(vectors: Vectors, number: int) -> None:
    turn = TURNS[number]
    question = f"{TURNS[number - 1]['text']} {turn['text']}" if turn.get("follow_up") else turn["text"]
    pool = next(case.pool for case in sample_cases("fit") if case.group == "sample, en+ru")
    found = await search(Case("", question, pool, ()), vectors)
    if turn["outcome"] == "answer":
        assert found.confidence >= ANSWER_AT
        assert found.passages[0].document_id == uuid5(NAMESPACE_URL, turn["source"])
        assert turn["contains"] in excerpt(question, found.passages[0].text)
    else:
        assert found.confidence < ANSWER_AT


def passage(text: str, similarity: float, language: Language = Language.EN, title: str = "") -> Passage:
    return Passage(
        chunk_id=uuid5(NAMESPACE_URL, text),
        document_id=uuid5(NAMESPACE_URL, text),
        title=title,
        text=text,
        language=language,
        similarity=similarity,
        score=0.0,
    )


def sure(question: str, *passages: Passage, model: str = MODEL) -> float:
    return judged(question, Language.EN, UNUSUAL, passages, model).confidence


def test_nothing_found_is_no_confidence() -> None:
    assert sure("What are your opening hours?") == 0.0


def test_confidence_grows_with_each_kind_of_evidence() -> None:
    question = "What are the opening hours in Almaty?"
    others = (passage("We sell sofas.", 0.80), passage("We repair lamps.", 0.80))
    said = sure(question, passage("Opening hours in Almaty: 10:00 to 21:00.", 0.86), *others)
    assert said > sure(question, passage("Opening hours in Almaty: see the door.", 0.86), *others)
    assert said > sure(question, passage("Bring your receipt.", 0.86), *others)
    assert said > sure(question, passage("Opening hours in Almaty: 10:00 to 21:00.", 0.83), *others)


def test_a_model_without_a_fit_is_believed_by_words_alone() -> None:
    """What its cosines mean nobody knows: however near it calls a passage, the words must be there."""
    others = (passage("We sell sofas.", 0.1), passage("We repair lamps.", 0.1))
    question = "What are the opening hours in Almaty?"
    assert sure(question, passage("Bring your receipt.", 0.99), *others, model="unheard-of") < UNSURE_AT
    said = passage("Opening hours in Almaty: 10:00 to 21:00.", 0.3)
    assert sure(question, said, *others, model="unheard-of") >= ANSWER_AT
    assert sure(question, said.model_copy(update={"similarity": 0.9}), *others, model="unheard-of") >= ANSWER_AT


async def test_a_company_with_one_page_can_be_answered(vectors: Vectors) -> None:
    (page,) = chunks("delivery", "# Delivery\n\nDelivery takes three working days within the country.")
    answered = await search(Case("", "How long does delivery take?", (page,), ()), vectors)
    assert answered.confidence >= ANSWER_AT
    for question in ("What does delivery cost?", "Do you sell cars?", "Where is your shop?"):
        found = await search(Case("", question, (page,), ()), vectors)
        assert found.confidence < ANSWER_AT, question


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("китапты кайтаруга бола ма", "Кітапты қайтаруға бола ма?"),
        ("жеткизу канша турады", "Жеткізу қанша тұрады?"),
        ("дукен кай жерде", "Дүкен қай жерде?"),
    ],
)
def test_kazakh_without_its_letters_holds_the_same_words(typed: str, meant: str) -> None:
    page = passage(
        "Кітапты 14 күнде қайтаруға болады. Жеткізу 900 ₸ тұрады. Дүкен Достық даңғылында.", 0.8, Language.KK
    )
    assert Question.read(typed).evidence(page) == pytest.approx(Question.read(meant).evidence(page), abs=0.05)


def test_of_two_translations_the_customers_own_is_quoted() -> None:
    english = passage("You can return goods within 14 days.", 0.855)
    russian = passage("Вернуть товар можно в течение 14 дней.", 0.85, Language.RU)
    found = judged("А если передумаю?", Language.RU, UNUSUAL, (english, russian), MODEL)
    assert found.passages == (russian, english)
    found = judged("And if I change my mind?", Language.EN, UNUSUAL, (russian, english), MODEL)
    assert found.passages == (english, russian)


def test_a_foreign_passage_is_quoted_when_nothing_else_is_near() -> None:
    english = passage("You can return goods within 14 days.", 0.90)
    russian = passage("Магазин открыт каждый день.", 0.82, Language.RU)
    found = judged("Сколько дней на возврат?", Language.RU, UNUSUAL, (russian, english), MODEL)
    assert found.passages == (english, russian)
