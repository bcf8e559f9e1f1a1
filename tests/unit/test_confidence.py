"""What the calibrated confidence does to questions that it was not fitted on, over the sample company's pages."""

import tomllib
from pathlib import Path
from uuid import NAMESPACE_URL, uuid4, uuid5

import pytest

from activities.generation.extractive import best_passage, excerpt
from activities.retrieval.confidence import ANSWER_AT, UNSURE_AT, confidence
from activities.understanding.language import detect
from benchmarks.fit_confidence import Case, Vectors, sample_cases, search
from models.contracts.enums import Language
from models.contracts.knowledge import Passage

MODEL = "multilingual-e5-small"
DIALOGUE = Path(__file__).parents[2] / "samples" / "altyn_home" / "dialogue.toml"
TURNS = tomllib.loads(DIALOGUE.read_text("utf-8"))["turn"]


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    return Vectors()


async def held_out(vectors: Vectors) -> list[tuple[Case, float]]:
    cases = list(sample_cases("held"))
    sure = [(case, confidence(case.question, await search(case, vectors), MODEL)) for case in cases]
    vectors.save()
    return sure


async def test_uncovered_questions_are_practically_never_answered(vectors: Vectors) -> None:
    uncovered = [sure for case, sure in await held_out(vectors) if case.answers is None]
    assert sum(sure >= ANSWER_AT for sure in uncovered) <= 0.03 * len(uncovered)
    assert sum(sure < UNSURE_AT for sure in uncovered) >= 0.8 * len(uncovered)


@pytest.mark.parametrize("group", ["sample en on en", "sample en on en+ru", "sample ru on ru", "sample ru on en+ru"])
async def test_covered_questions_are_mostly_answered_and_hardly_ever_given_up(vectors: Vectors, group: str) -> None:
    covered = [sure for case, sure in await held_out(vectors) if case.group == group and case.answers]
    assert sum(sure >= ANSWER_AT for sure in covered) >= 0.6 * len(covered)
    assert sum(sure < UNSURE_AT for sure in covered) <= 0.15 * len(covered)


@pytest.mark.parametrize("number", range(len(TURNS)), ids=[str(turn["text"]) for turn in TURNS])
async def test_the_sample_day_goes_as_it_is_written(vectors: Vectors, number: int) -> None:
    turn = TURNS[number]
    question = f"{TURNS[number - 1]['text']} {turn['text']}" if turn.get("follow_up") else turn["text"]
    pool = next(case.pool for case in sample_cases("fit") if case.group.endswith("en+ru"))
    found = await search(Case("", question, pool, None), vectors)
    quoted = best_passage(question, detect(question), found)
    assert quoted
    if turn["outcome"] == "answer":
        assert confidence(question, found, MODEL) >= ANSWER_AT
        assert quoted.document_id == uuid5(NAMESPACE_URL, turn["source"])
        assert turn["contains"] in excerpt(question, quoted.text)
    else:
        assert confidence(question, found, MODEL) < UNSURE_AT


def passage(text: str, similarity: float) -> Passage:
    return Passage(
        chunk_id=uuid4(),
        document_id=uuid4(),
        title="",
        text=text,
        language=Language.EN,
        similarity=similarity,
        score=0.0,
    )


def test_nothing_found_is_no_confidence() -> None:
    assert confidence("What are your opening hours?", (), MODEL) == 0.0


def test_confidence_grows_with_each_kind_of_evidence() -> None:
    question = "What are the opening hours in Almaty?"
    others = (passage("We sell sofas.", 0.83), passage("We repair lamps.", 0.83))
    said = confidence(question, (passage("Opening hours in Almaty: 10:00 to 21:00.", 0.86), *others), MODEL)
    unsaid = confidence(question, (passage("Bring your receipt.", 0.86), *others), MODEL)
    near = confidence(question, (passage("Opening hours in Almaty: 10:00 to 21:00.", 0.83), *others), MODEL)
    assert said > max(unsaid, near)
    assert said >= ANSWER_AT
    assert unsaid < ANSWER_AT


def test_a_tenant_with_one_chunk_can_be_answered() -> None:
    (only,) = [passage("We are open from 10:00 to 21:00 every day in Almaty.", 0.90)]
    assert confidence("When are you open in Almaty?", (only,), MODEL) >= UNSURE_AT
    assert confidence("Do you sell cars?", (only.model_copy(update={"similarity": 0.80}),), MODEL) < UNSURE_AT


def test_a_model_without_a_fit_is_believed_by_words_alone() -> None:
    """What its cosines mean nobody knows: however near it calls a passage, the words must be there."""
    others = (passage("We sell sofas.", 0.1), passage("We repair lamps.", 0.1))
    question = "What are the opening hours in Almaty?"
    unsaid = (passage("Bring your receipt.", 0.99), *others)
    said = (passage("Opening hours in Almaty: 10:00 to 21:00.", 0.3), *others)
    assert confidence(question, unsaid, "unheard-of") < UNSURE_AT
    assert confidence(question, said, "unheard-of") >= ANSWER_AT


def test_a_model_is_known_by_its_name_wherever_it_runs() -> None:
    found = (passage("Opening hours in Almaty: 10:00 to 21:00.", 0.86), passage("We sell sofas.", 0.83))
    question = "What are the opening hours in Almaty?"
    assert confidence(question, found, f"intfloat/{MODEL}") == confidence(question, found, MODEL)
