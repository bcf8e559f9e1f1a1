"""Words of questions and passages compare across spellings and languages; questions say what they want to hear."""

from uuid import uuid4

import pytest

from activities.language.synonyms import group, means_ourselves
from activities.language.terms import folded_stem
from activities.retrieval.answer_kinds import Kind, held, wanted
from activities.retrieval.evidence import Question
from models.contracts.enums import Language
from models.contracts.knowledge import Passage


def passage(text: str, heading: str = "", title: str = "") -> Passage:
    return Passage(
        chunk_id=uuid4(),
        document_id=uuid4(),
        title=title,
        heading=heading,
        text=text,
        language=Language.EN,
        similarity=0.85,
        score=0.0,
    )


def near(question: str, text: str, heading: str = "") -> float:
    return Question.read(question).evidence(passage(text, heading)).near


def test_a_stem_is_the_same_in_every_form() -> None:
    assert {folded_stem(word) for word in ("китап", "китапты", "китаптан", "китаптары")} == {"kitap"}
    assert {folded_stem(word) for word in ("новый", "новая", "новые")} == {"nov"}
    assert folded_stem("delivery") == folded_stem("delivered")


def test_synonyms_are_one_group_in_every_language() -> None:
    assert group("delivery") == group("доставку") == group("жеткізу") == group("жеткизу") is not None
    assert group("delivery") != group("warranty")
    assert group("quantum") is None
    assert means_ourselves("магазина")
    assert not means_ourselves("доставка")


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("How much is gift wrapping?", Kind.PRICE),
        ("Почём ремонт?", Kind.PRICE),
        ("жеткізу қанша тұрады", Kind.PRICE),
        ("How long does it take?", Kind.DURATION),
        ("за сколько дней привезёте", Kind.DURATION),
        ("неше күнде жетеді", Kind.DURATION),
        ("До скольки вы открыты?", Kind.TIME),
        ("дүкен нешеге дейін ашық", Kind.TIME),
        ("Where are you?", Kind.PLACE),
        ("мекенжайыныз кандай", Kind.PLACE),
        ("What's your phone number?", Kind.CONTACT),
        ("Сколько человек в группе?", Kind.NUMBER),
    ],
)
def test_a_question_wants_a_kind_of_answer(question: str, kind: Kind) -> None:
    assert wanted(question) == {kind}


def test_where_something_of_mine_is_is_no_place() -> None:
    assert wanted("Where is my order?") == wanted("Где мой заказ?") == wanted("тапсырысым қайда") == frozenset()


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("It costs 1 490 ₸.", {Kind.PRICE, Kind.NUMBER}),
        ("Wrapping is free.", {Kind.PRICE}),
        ("It takes three days.", {Kind.DURATION, Kind.TIME, Kind.NUMBER}),
        ("Достық даңғылы, 36", {Kind.PLACE, Kind.NUMBER}),
        ("Write to us: help@example.com", {Kind.CONTACT}),
        ("We wrap gifts with care.", set()),
    ],
)
def test_a_text_holds_kinds_of_answers(text: str, kinds: set[Kind]) -> None:
    assert held(text) == kinds


def test_what_names_a_thing_without_its_price_lacks_it() -> None:
    question = Question.read("How much is gift wrapping?")
    assert question.evidence(passage("We offer gift wrapping.")).lacks == 1.0
    assert question.evidence(passage("Gift wrapping costs £3.")).lacks == 0.0
    assert (
        question.evidence(passage("Gift wrapping costs £3.")).near > question.evidence(passage("Gift wrapping.")).near
    )


def test_words_must_stand_together_or_in_the_heading() -> None:
    question = "Do helmets have a warranty?"
    together = near(question, "Helmets have a warranty. Lamps are sold here.")
    assert near(question, "Helmets are sold here. Lamps have a warranty.") < together
    assert near(question, "Helmets are sold here.", heading="Warranty") > near(question, "Helmets are sold here.")


def test_typos_and_languages_are_read_past() -> None:
    page = "Breakfast is served in the restaurant."
    assert near("is brekfast served", page) > 0.7
    assert near("завтрак", page) > 0.7
    assert near("brightness", page) == 0.0


def test_a_word_of_two_meanings_compares_within_its_own() -> None:
    assert near("Are you hiring?", "We hire bikes.") == 0.0
    assert near("Can I hire bikes?", "Bikes for hire.") == 1.0


def test_what_any_company_is_called_weighs_little() -> None:
    assert near("Where is the gym?", "Abay Avenue 52, second floor.") > 0.7
