"""XQuAD (google-deepmind/xquad, CC BY-SA 4.0): English and Russian questions must find their English paragraph.

Within a language words alone find nearly everything; across, where words are of no use, meaning is what is measured.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evals.cases import Retrieval
from evals.loaders.making import suite
from evals.suites import Suite

THRESHOLDS = {"recall_at_5": 0.93, "recall_at_1": 0.8}


def load(data: Path) -> Suite:
    """English and Russian questions over the English paragraphs: half within a language, half across."""
    written = list(_articles(data, "en"))
    knowledge = {name: paragraph["context"] for name, paragraph in written}
    asked = [*written, *_articles(data, "ru")]
    cases = (
        Retrieval(kind="retrieval", say=(entry["question"],), document=name)
        for name, paragraph in asked
        for entry in paragraph["qas"]
    )
    return suite("xquad", "XQuAD, English and Russian questions to English text", cases, THRESHOLDS, knowledge)


def _articles(data: Path, language: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Paragraphs by a name that is the same in all languages."""
    articles = json.loads((data / f"xquad-half.{language}.json").read_text("utf-8"))["data"]
    for number, article in enumerate(articles):
        for place, paragraph in enumerate(article["paragraphs"]):
            yield f"{number}-{place}", paragraph
