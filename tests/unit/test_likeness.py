"""Passages that say nearly the same are found, and those that differ in what matters are not."""

import random

import pytest

from activities.ingestion.likeness import features

WORDS = sorted({"".join(random.Random(seed).choices("абвгдежзиклмн", k=6)) for seed in range(3000)})


def passage(seed: int) -> list[str]:
    return random.Random(seed).sample(WORDS, 100)


@pytest.mark.parametrize("seed", range(50))
def test_one_other_word_in_a_hundred_is_nearly_the_same(seed: int) -> None:
    words = passage(seed)
    one = features("Help", " ".join(words))
    words[seed] = "иначе"
    other = features("Help", " ".join(words))
    assert one.like(other)
    assert set(one.bands) & set(other.bands)
    assert one.exact != other.exact


def test_other_words_are_not_the_same() -> None:
    one, other = (features("Help", " ".join(passage(seed))) for seed in (1, 2))
    assert not one.like(other)
    assert not set(one.bands) & set(other.bands)


def test_another_number_is_never_the_same() -> None:
    words = passage(1)
    one, other = (features("Help", " ".join([*words, price])) for price in ("1490", "1590"))
    assert not one.like(other)


def test_case_spaces_and_punctuation_do_not_matter_and_headings_do() -> None:
    assert features("Help", "Money is back.").exact == features("help", "money  is back").exact
    assert features("Astana", "It takes 2 days.").exact != features("Almaty", "It takes 2 days.").exact


def test_short_texts_are_alike_only_word_for_word() -> None:
    one, other = features("", "We deliver to Astana on Monday."), features("", "We deliver to Almaty on Monday.")
    assert (one.bands, one.like(other), one.like(one)) == ((), False, False)


def test_bands_are_what_they_have_always_been() -> None:
    """They are in the database: other numbers would find nothing that was stored before."""
    assert features("Help", " ".join(f"слово {number}" for number in range(30))).bands[0] == 3139971931326623807
