"""What a follow-up leans on, without a model."""

import pytest

from activities.turn.follow_up import leans_on_context, topic_of


@pytest.mark.parametrize(
    "text",
    [
        "And to Astana?",
        "what about weekends, are you open then?",
        "а сколько это стоит для студентов?",
        "А если заказ придёт с опозданием?",
        "ал қайтару мерзімі қандай болады?",
        "Тауарды жарты жылдан кейін қайтарсам ше?",
        "is there a cheaper one in the same colour?",
    ],
)
def test_it_leans_on_what_was_said(text: str) -> None:
    assert leans_on_context(text)


@pytest.mark.parametrize(
    "text", ["How much is delivery to Astana by courier?", "Сколько стоит доставка курьером до Алматы?"]
)
def test_it_stands_by_itself(text: str) -> None:
    assert not leans_on_context(text)


def test_a_thread_reaches_back_to_the_question_that_began_it() -> None:
    before = ["Do you repair winter boots?", "How much is courier delivery in town?", "and to Astana?"]
    assert topic_of(before) == "courier delivery town astana"


def test_words_that_say_nothing_are_not_carried() -> None:
    assert topic_of(["А сколько у вас стоит доставка?"]) == "стоит доставка"
    assert topic_of(["Ал ол қанша?"]) is None
    assert topic_of([]) is None


def test_a_long_story_does_not_drown_the_question() -> None:
    topic = topic_of([" ".join(f"word{chr(97 + n)}" for n in range(26))])
    assert topic is not None
    assert len(topic.split()) == 12
