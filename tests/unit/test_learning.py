"""What decides whether two questions ask the same, two texts disagree, and what of a text tells who wrote it."""

import csv
import math
from collections import Counter, defaultdict
from itertools import combinations
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.embedding.nano import NanoEmbedder
from activities.learning.alike import Question, nearest
from activities.learning.clustering import gather
from activities.learning.disagreement import answers_disagree, passages_disagree
from activities.learning.note_gaps import gap_of
from activities.masking.names import without_name
from models.contracts.conversation import EscalationRef, Record, Reply, Standing
from models.contracts.enums import EscalationReason, EscalationStatus, Language, ReplyKind
from models.contracts.learning import GapReason
from runtime.ids import new_id

MODEL = "embedded/multilingual-e5-small"
BANKING = Path(__file__).parents[3] / "shared" / "data" / "banking77-train.csv"


# Clustering ---------------------------------------------------------------------------------------


def question(angle: float, language: Language = Language.EN, *stems: str) -> Question:
    vector = np.array([math.cos(angle), math.sin(angle)], np.float32)
    return Question(vector, frozenset(stems), language)


questions = st.lists(st.floats(0, math.pi), min_size=1, max_size=20).map(
    lambda angles: {UUID(int=number): question(angle) for number, angle in enumerate(angles)}
)


@given(new=questions, data=st.data())
def test_a_gathering_does_not_depend_on_the_order_in_which_questions_are_given(
    new: dict[UUID, Question], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(list(new.items())))
    assert gather(dict(shuffled), [], MODEL) == gather(new, [], MODEL)


@given(new=questions, split=st.integers(0, 20))
def test_a_few_at_a_time_are_gathered_as_if_all_had_come_at_once(new: dict[UUID, Question], split: int) -> None:
    ids = sorted(new)
    first = gather({each: new[each] for each in ids[:split]}, [], MODEL)
    leaders = [(each, new[each]) for each in first if first[each] == each]
    then = gather({each: new[each] for each in ids[split:]}, leaders, MODEL)
    assert first | then == gather(new, [], MODEL)


@given(new=questions)
def test_leaders_lead_themselves_and_never_one_another(new: dict[UUID, Question]) -> None:
    found = gather(new, [], MODEL)
    assert set(found) == set(new)
    leaders = set(found.values())
    assert all(found[leader] == leader for leader in leaders)
    for one, other in combinations(sorted(leaders), 2):
        assert nearest(new[other], [new[one]], MODEL) is None


def test_words_decide_between_questions_that_are_as_near_in_meaning() -> None:
    near = 0.4  # cosine 0.92
    asked = question(0, Language.EN, "pay", "bitcoin")
    assert nearest(asked, [question(near, Language.EN, "pay", "bitcoin", "shop")], MODEL) == 0
    assert nearest(asked, [question(near, Language.EN, "pay", "card", "shop", "online")], MODEL) is None
    assert nearest(asked, [question(near, Language.RU, "плати", "битко")], MODEL) == 0, "languages share no words"


def test_a_model_without_a_line_is_judged_by_words_alone() -> None:
    asked = question(0, Language.EN, "pay", "bitcoin")
    assert nearest(asked, [question(0, Language.EN, "sell", "sofa")], "openai/unknown") is None
    assert nearest(asked, [question(1.5, Language.EN, "pay", "bitcoin")], "openai/unknown") == 0


@pytest.mark.skipif(not BANKING.exists(), reason=f"{BANKING} is not there")
async def test_real_questions_are_gathered_by_what_they_ask() -> None:
    """Of every intent a few: pure groups matter more than few, for a gap is read by its first question."""
    by_intent: dict[str, list[str]] = defaultdict(list)
    with BANKING.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            by_intent[row["category"]].append(row["text"])
    asked = [(text, intent) for intent in sorted(by_intent)[:20] for text in by_intent[intent][:6]]
    embedder = NanoEmbedder()
    vectors = await embedder.embed_queries([text for text, _ in asked])
    await embedder.close()
    ids = [UUID(int=number) for number in range(len(asked))]
    new = {id_: Question.of(text, vector) for id_, (text, _), vector in zip(ids, asked, vectors, strict=True)}
    groups = gather(new, [], MODEL)
    found = [groups[id_] for id_ in ids]
    truth = [intent for _, intent in asked]
    assert purity(found, truth) >= 0.85
    assert mutual_information(found, truth) >= 0.75
    assert len(set(found)) <= 0.7 * len(asked)


def purity(found: list[UUID], truth: list[str]) -> float:
    """Share of questions that are of the intent which most of their group are of."""
    groups: dict[UUID, Counter[str]] = defaultdict(Counter)
    for group, intent in zip(found, truth, strict=True):
        groups[group][intent] += 1
    return sum(max(counts.values()) for counts in groups.values()) / len(truth)


def mutual_information(found: list[UUID], truth: list[str]) -> float:
    """Normalised by the mean of both entropies: 1 where groups and intents are the same."""
    total = len(truth)

    def entropy(counts: Counter[object]) -> float:
        return -sum(count / total * math.log(count / total) for count in counts.values())

    ours, theirs = entropy(Counter(found)), entropy(Counter(truth))
    both = entropy(Counter(zip(found, truth, strict=True)))
    return 2 * (ours + theirs - both) / (ours + theirs)


# Disagreement -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "disagree"),
    [
        ("Yes, for 40,000 ₸ a day.", "Yes, for 55,000 ₸ a day.", True),
        ("It takes 3 days.", "Three days.", False),
        ("It takes 3 days.", "It costs 500 ₸.", False),
        ("Yes, we do.", "No, we do not.", True),
        ("Да, возим.", "Нет, не возим.", True),
        ("Иә, болады.", "Жоқ, болмайды.", True),
        ("We do.", "Not at all.", False),
    ],
    ids=["price", "spelled", "other_unit", "no", "no_ru", "no_kk", "neither"],
)
def test_answers_disagree(one: str, other: str, disagree: bool) -> None:
    assert answers_disagree(one, other) is disagree
    assert answers_disagree(other, one) is disagree


@pytest.mark.parametrize(
    ("one", "other", "disagree"),
    [
        ("The warranty on sofas is 24 months.", "Good sofas. The warranty on sofas is 12 months.", True),
        ("Delivery to Astana takes 2 days.", "Delivery to Almaty takes 5 days.", False),
        ("Доставка по городу занимает 2 дня.", "Мы рядом. Доставка по городу занимает пять дней.", True),
        ("We are open from 9:00.", "The warranty is 24 months.", False),
        ("Refunds take 5 days.", "Refunds take 5 days or 2 weeks.", False),
    ],
    ids=["warranty", "two_cities", "russian", "two_things", "one_says_more"],
)
def test_passages_disagree(one: str, other: str, disagree: bool) -> None:
    assert passages_disagree(one, other) is disagree
    assert passages_disagree(other, one) is disagree


# Names --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name", "masked"),
    [
        ("I am Anna. Anna's order is late.", "Anna Lee", "I am [name]. [name] order is late."),
        ("Помогите Анне, пишет анна", "Анна", "Помогите [name], пишет [name]"),
        ("Айгерімнің тапсырысы қайда?", "Айгерім", "[name] тапсырысы қайда?"),
        ("Will you deliver? I am Smith", "Will Smith", "Will you deliver? I am [name]"),
        ("Annapolis is far", "Anna", "Annapolis is far"),
        ("Nothing is known", None, "Nothing is known"),
        ("I am Li", "Li", "I am Li"),
    ],
    ids=["latin", "cases", "kazakh", "word", "part", "nobody", "short"],
)
def test_the_customers_name_is_taken_out(text: str, name: str | None, masked: str) -> None:
    assert without_name(text, name) == masked


# What is a gap ------------------------------------------------------------------------------------


def step(kind: ReplyKind | None, *, confidence: float | None = None, unsure: int = 0) -> Record:
    reply = None if kind is None else Reply(kind=kind, language=Language.EN, confidence=confidence)
    return Record(standing=Standing(unsure=unsure), reply=reply)


def escalated(reason: EscalationReason) -> Record:
    escalation = EscalationRef(id=new_id(), number=1, status=EscalationStatus.PENDING, reason=reason)
    reply = Reply(kind=ReplyKind.ESCALATED, language=Language.EN)
    return Record(standing=Standing(escalation=escalation), reply=reply, opens=True)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (escalated(EscalationReason.KNOWLEDGE_GAP), GapReason.UNANSWERED),
        (escalated(EscalationReason.UNSURE), GapReason.CLARIFIED),
        (escalated(EscalationReason.HUMAN_REQUEST), None),
        (escalated(EscalationReason.FAILURE), None),
        (step(ReplyKind.CLARIFY, unsure=1), None),
        (step(ReplyKind.CLARIFY, unsure=2), GapReason.CLARIFIED),
        (step(ReplyKind.DECLINE), GapReason.DECLINED),
        (step(ReplyKind.QUOTE, confidence=0.81), GapReason.LOW_CONFIDENCE),
        (step(ReplyKind.ANSWER, confidence=0.97), None),
        (step(ReplyKind.GREETING), None),
        (step(None), None),
    ],
    ids=lambda value: None if isinstance(value, Record) else str(value),
)
def test_what_is_noted_as_a_gap(record: Record, reason: GapReason | None) -> None:
    assert gap_of(record) is reason
