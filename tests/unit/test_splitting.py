"""A document splits without loss, in order, within bounds, and the same way every time."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.ingestion.splitting import MAX_CHARACTERS, split

WORD = st.text("abcdefgжзийклқғү", min_size=1, max_size=12)
PARAGRAPH = st.lists(WORD, min_size=1, max_size=250).map(" ".join)
SENTENCES = st.lists(st.lists(WORD, min_size=1, max_size=12).map(" ".join), min_size=1, max_size=20).map(
    lambda sentences: " ".join(f"{sentence}." for sentence in sentences)
)
HEADING = st.builds(lambda level, title: f"{'#' * level} {title}", st.integers(1, 4), WORD)
BULLETS = st.lists(PARAGRAPH, min_size=1, max_size=6).map(lambda items: "\n".join(f"- {item}" for item in items))
NUMBERS = st.lists(WORD, min_size=1, max_size=6).map(
    lambda items: "\n".join(f"{number}. {item}" for number, item in enumerate(items, start=1))
)
QUOTE = PARAGRAPH.map(lambda text: f"> {text}")
CODE = SENTENCES.map(lambda text: f"```\n{text}\n```")
DOCUMENT = st.lists(PARAGRAPH | SENTENCES | HEADING | BULLETS | NUMBERS | QUOTE | CODE, max_size=12).map("\n\n".join)


def words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", text)


@given(DOCUMENT)
def test_every_word_is_kept_in_order(document: str) -> None:
    """Each word of a body stands in exactly one chunk; each heading's stand in a path or a text."""
    chunks = split(document)
    bodies = "\n".join(line for line in document.split("\n") if not line.startswith("#"))
    texts = words("\n".join(chunk.text for chunk in chunks))
    remaining = iter(texts)
    # Cutting a paragraph without spaces is the only way to break a word, and WORD is short.
    assert all(word in remaining for word in words(bodies))
    seen = set(texts) | {word for chunk in chunks for word in words(chunk.heading)}
    assert seen == set(words(document))


@given(DOCUMENT)
def test_chunks_are_bounded_and_stable(document: str) -> None:
    chunks = split(document)
    assert all(0 < len(chunk.text) <= MAX_CHARACTERS for chunk in chunks)
    assert [chunk.ordinal for chunk in chunks] == list(range(len(chunks)))
    assert [chunk.content_hash for chunk in split(document)] == [chunk.content_hash for chunk in chunks]


@given(st.text(max_size=3000), st.sampled_from(["markdown", "text"]))
def test_any_text_splits_within_bounds(document: str, markup: str) -> None:
    chunks = split(document, "markdown" if markup == "markdown" else "text")
    assert all(0 < len(chunk.text) <= MAX_CHARACTERS for chunk in chunks)


@given(st.lists(SENTENCES, max_size=8))
def test_plain_text_keeps_every_word(paragraphs: list[str]) -> None:
    document = "\n\n".join(paragraphs)
    assert words("\n".join(chunk.text for chunk in split(document, "text"))) == words(document)


@given(st.lists(st.lists(WORD, min_size=3, max_size=3), min_size=1, max_size=60))
def test_a_row_of_a_table_names_its_columns_wherever_it_is_cut(rows: list[list[str]]) -> None:
    table = "| City | Time | Price |\n|---|---|---|\n" + "\n".join(f"| {' | '.join(row)} |" for row in rows)
    lines = [line for chunk in split(table) for line in chunk.text.split("\n")]
    assert lines == [f"City: {city}; Time: {time}; Price: {price}" for city, time, price in rows]


def test_headings_become_the_path_and_are_embedded_with_the_text() -> None:
    (first, second) = split("# Delivery\n\nWe deliver.\n\n## Prices\n\nIt costs 990 ₸.\n")
    assert (first.heading, first.text) == ("Delivery", "We deliver.")
    assert (second.heading, second.text) == ("Delivery > Prices", "It costs 990 ₸.")
    assert second.embedded_text("Delivery") == "Delivery > Prices\nIt costs 990 ₸."


def test_a_heading_without_a_body_is_not_lost() -> None:
    assert [(chunk.heading, chunk.text) for chunk in split("# A\n## B\n## C\ntext\n## D")] == [
        ("A > B", "B"),
        ("A > C", "text"),
        ("A > D", "D"),
    ]


def test_a_list_stays_whole_where_it_fits() -> None:
    items = "\n".join(f"- {'word ' * 8}{number}" for number in range(10))
    chunks = split(f"{'Intro. ' * 40}\n\n{items}")
    assert [len(re.findall(r"^- ", chunk.text, re.MULTILINE)) for chunk in chunks] == [0, 10]


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("See [the form](https://x.example/a).", "See the form (https://x.example/a)."),
        ("Write to <help@x.example>.", "Write to help@x.example."),
        ("**Bold** and `code`\nand more", "Bold and code and more"),
        ("<b>tag</b> <!-- hidden -->", "<b>tag</b> <!-- hidden -->"),
        ("- one\n  - two\n    more", "- one\n  - two more"),
        ("3. c\n4. d", "3. c\n4. d"),
        ("Dial *150*0# or **21*7712*10#, it costs **50** tenge.", "Dial *150*0# or **21*7712*10#, it costs 50 tenge."),
    ],
)
def test_markup_becomes_plain_words(markdown: str, text: str) -> None:
    assert [chunk.text for chunk in split(markdown)] == [text]


def test_the_hash_changes_with_the_heading_and_the_text_alone() -> None:
    (one,) = split("# A\n\nsame")
    (other,) = split("# B\n\nsame")
    (moved,) = split("\n\n# A\n\n\nsame\n")
    assert one.content_hash != other.content_hash
    assert one.content_hash == moved.content_hash
