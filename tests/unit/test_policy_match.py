"""Topics are found by the words of their phrases, whatever stands around them; likeness only adds."""

import random
import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.embedding.port import EmbeddingSpace, Vector
from activities.policy import match, opt_out_apart
from activities.policy.likeness import Likeness
from activities.policy.words import PLAIN, Words, begins_nearly, one_off
from models.contracts.policy import Matching, OptOut, Policy, Topic

WORDS = st.text("abcdefghij", min_size=2, max_size=12)
PHRASES = st.lists(WORDS, min_size=1, max_size=3).map(" ".join)
TOPICS = st.lists(st.lists(PHRASES, min_size=1, max_size=3), min_size=1, max_size=4).map(
    lambda topics: tuple(Topic(name=f"t{place}", phrases=tuple(each)) for place, each in enumerate(topics))
)


def topic(*phrases: str, unless: tuple[str, ...] = (), examples: tuple[str, ...] = ()) -> Topic:
    return Topic(name="topic", phrases=phrases, unless=unless, examples=examples)


def about(text: str, *phrases: str, unless: tuple[str, ...] = ()) -> bool:
    return match(Policy(topics=(topic(*phrases, unless=unless),)), text) is not None


# What always holds --------------------------------------------------------------------------------


@given(TOPICS, st.data())
def test_a_phrase_is_found_in_whatever_order_case_and_company(topics: tuple[Topic, ...], data: st.DataObject) -> None:
    chosen = data.draw(st.sampled_from(topics))
    words = data.draw(st.sampled_from(chosen.phrases)).split()
    around = data.draw(st.lists(WORDS, max_size=4))
    said = data.draw(st.permutations([word.upper() + "s" for word in words] + around))
    found = match(Policy(topics=topics), ", ".join(said))
    assert found is not None
    assert topics.index(found) <= topics.index(chosen), "the first that matches"


@given(TOPICS, st.text("abcdefghij .", max_size=60))
def test_forgiving_ways_of_matching_only_add(topics: tuple[Topic, ...], text: str) -> None:
    plain = match(Policy(topics=topics, matching=PLAIN), text)
    forgiving = match(Policy(topics=topics), text)
    if plain is not None:
        assert forgiving is not None
        assert topics.index(forgiving) <= topics.index(plain)


@given(TOPICS, st.text("abcdefghij .", max_size=60))
def test_a_plain_match_is_all_words_begun(topics: tuple[Topic, ...], text: str) -> None:
    """The rule as the guide states it, written down a second time."""
    said = text.replace(".", " ").split()
    expected = next(
        (
            each
            for each in topics
            if any(all(any(word.startswith(part) for word in said) for part in p.split()) for p in each.phrases)
        ),
        None,
    )
    assert match(Policy(topics=topics, matching=PLAIN), text) == expected


@given(st.text(max_size=200), PHRASES)
def test_no_text_breaks_it(text: str, phrase: str) -> None:
    assert about(text, phrase) in (True, False)


@given(st.text("abcde", min_size=8, max_size=14), st.integers(1, 13), st.sampled_from("abcdex"), st.data())
def test_one_wrong_letter_behind_the_first_is_forgiven(word: str, place: int, letter: str, data: st.DataObject) -> None:
    place = min(place, len(word) - 1)
    wrong = data.draw(
        st.sampled_from(
            [
                word[:place] + letter + word[place + 1 :],
                word[:place] + letter + word[place:],
                word[:place] + word[place + 1 :],
                word[:place] + word[place : place + 2][::-1] + word[place + 2 :],
            ]
        )
    )
    assert about(f"xx {wrong} yy", word)


@given(st.text("ab", max_size=6), st.text("ab", max_size=6))
def test_one_off_is_the_distance_of_damerau(one: str, other: str) -> None:
    assert one_off(one, other) == (distance(one, other) <= 1)


def distance(one: str, other: str) -> int:
    """Optimal string alignment, from the textbook."""
    rows = [[i + j if i * j == 0 else 0 for j in range(len(other) + 1)] for i in range(len(one) + 1)]
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            cost = int(one[i - 1] != other[j - 1])
            rows[i][j] = min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + cost)
            if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                rows[i][j] = min(rows[i][j], rows[i - 2][j - 2] + 1)
    return rows[-1][-1]


# Examples -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("Хочу пожаловаться, вот мои жалобы", "жалоба"),
        ("Расскажите об операциях", "операция"),
        ("Хочу оформить возврата заявку", "возврат"),
        ("Меня не устраивают ваши услуги", "услуга"),
        ("Қызметтеріңізге шағымым бар", "қызмет"),
        ("Кітабымды қайтарыңыз", "кітап"),
        ("Төлемдеріңізді алмадым", "төлемі"),
        ("Ещё раз о счёте", "счет"),
        ("ＲＥＦＵＮＤ please", "refund"),
        ("re\u200bfund ple\u00adase", "refund"),
        ("мошеничество с картой", "мошенничество"),
        ("cancel my subscirption", "subscription"),
    ],
)
def test_other_forms_and_slips_are_found(text: str, phrase: str) -> None:
    assert about(text, phrase)


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("Есть ли картофель?", "карта"),
        ("The operator is nice", "operation"),
        ("I like your tone", "money"),
        ("замена экрана", "отмена"),
        ("a contrast of colours", "contract law"),
    ],
)
def test_other_words_are_not(text: str, phrase: str) -> None:
    assert not about(text, phrase)


def test_what_one_sentence_excludes_another_may_ask_for() -> None:
    unless = ("refund policy",)
    assert not about("What is your refund policy?", "refund", unless=unless)
    assert about("What is your refund policy? I want a refund.", "refund", unless=unless)
    assert about("refund now\nand what is the policy", "refund now", unless=unless)


def test_forms_and_slips_can_be_switched_off() -> None:
    assert not Words("картой", Matching(inflections=False)).have("карта")
    assert Words("картой").have("карта") is False, "plain unless told otherwise"
    assert Words("картой", Matching()).have("карта")
    assert not Words("subscirption", Matching(typos=False)).have("subscription")
    assert not begins_nearly("ubscription", "subscription")


def test_the_largest_policy_and_the_longest_message_take_no_second() -> None:
    some = random.Random(7)

    def words(count: int) -> list[str]:
        return ["".join(some.choices("abcdeiou", k=9)) for _ in range(count)]

    topics = tuple(
        Topic(name=f"t{place}", phrases=tuple(" ".join(words(2)) for _ in range(200))) for place in range(50)
    )
    text = " ".join(words(800))
    begun = time.process_time()
    assert match(Policy(topics=topics), text) is None
    assert time.process_time() - begun < 1


def test_own_words_for_an_opt_out_are_taken_out_with_their_sentence() -> None:
    policy = Policy(opt_out=OptOut(phrases=("не пишите",)))
    assert opt_out_apart(policy, "Спасибо. Не пишите мне больше!") == (True, "Спасибо.")
    assert opt_out_apart(policy, "Больше не пишите") == (True, "")
    assert opt_out_apart(policy, "Сколько стоит?") == (False, "Сколько стоит?")


# Likeness -----------------------------------------------------------------------------------------


class Directions:
    """Far side of the embedder's port: the first word decides the direction."""

    space = EmbeddingSpace("test", "directions", 3)

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def warm(self) -> None: ...

    async def embed_query(self, text: str) -> Vector:
        return {"refund": [1.0, 0.0, 0.0], "money": [0.95, 0.3122, 0.0]}.get(text.split(maxsplit=1)[0], [0.0, 0.0, 1.0])

    async def embed_queries(self, texts: Sequence[str]) -> list[Vector]:
        self.asked += texts
        return [await self.embed_query(text) for text in texts]

    async def embed_passages(self, texts: Sequence[str]) -> list[Vector]:
        return await self.embed_queries(texts)

    async def close(self) -> None: ...


async def alike(policy: Policy, *said: str, likeness: Likeness, embedder: Directions) -> bool:
    vector = await embedder.embed_query(said[0])
    return await likeness.match(policy, said, vector, embedder) is not None


async def test_a_sentence_that_is_like_an_example_is_about_its_topic() -> None:
    policy = Policy(topics=(topic("zz", unless=("policy",), examples=("refund me",)),))
    kept = {"likeness": Likeness(), "embedder": Directions()}
    assert await alike(policy, "money back", **kept)  # type: ignore[arg-type]  # a table of arguments
    assert not await alike(policy, "hello", **kept)  # type: ignore[arg-type]
    assert await alike(policy, "hello", "money back", **kept)  # type: ignore[arg-type]
    assert not await alike(policy, "money policy", **kept)  # type: ignore[arg-type]
    strict = policy.model_copy(update={"matching": Matching(likeness=0.96)})
    assert not await alike(strict, "money back", **kept)  # type: ignore[arg-type]
    assert kept["embedder"].asked.count("refund me") == 1, "examples are embedded once"  # type: ignore[attr-defined]
