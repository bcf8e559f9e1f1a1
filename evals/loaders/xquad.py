"""XQuAD (google-deepmind/xquad, CC BY-SA 4.0): questions must find their paragraph, among those of both languages.

Within a language words alone find nearly everything; across, where words are of no use, meaning is what is measured.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evals.cases import Retrieval
from evals.loaders.making import suite
from evals.suites import Suite

WITHIN = {"recall_at_5": 0.98, "recall_at_1": 0.92}
ACROSS = {"recall_at_5": 0.93}


def english(data: Path) -> Suite:
    return _load(data, asked="en", written="en", thresholds=WITHIN)


def russian(data: Path) -> Suite:
    return _load(data, asked="ru", written="ru", thresholds=WITHIN)


def across(data: Path) -> Suite:
    """Russian questions, which only English text may answer: a paragraph and its translation say the same."""
    return _load(data, asked="ru", written="en", thresholds=ACROSS)


def _load(data: Path, *, asked: str, written: str, thresholds: dict[str, float]) -> Suite:
    knowledge = {
        f"{language}/{name}": paragraph["context"]
        for language in ("en", "ru")
        for name, paragraph in _articles(data, language)
    }
    cases = (
        Retrieval(
            kind="retrieval",
            say=(entry["question"],),
            document=f"{written}/{name}",
            within=None if asked == written else written,
        )
        for name, paragraph in _articles(data, asked)
        for entry in paragraph["qas"]
    )
    title = f"XQuAD, questions in {asked} to text in {written}"
    return suite(f"xquad-{asked}-{written}", title, cases, thresholds, knowledge)


def _articles(data: Path, language: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Paragraphs by a name that is the same in all languages."""
    articles = json.loads((data / f"xquad-half.{language}.json").read_text("utf-8"))["data"]
    for number, article in enumerate(articles):
        for place, paragraph in enumerate(article["paragraphs"]):
            yield f"{number}-{place}", paragraph
