"""The audit of the grounding check: answers that people have judged, `evals/grounding/*.yaml`.

Apart from the suites: it holds the guard itself to account, and needs no system.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated
from uuid import NAMESPACE_URL, uuid5

from pydantic import Field, TypeAdapter

from activities.embedding.port import Embedder
from activities.guards.grounding import check
from evals import document
from evals.cases import Strict, Text
from evals.suites import HERE
from models.contracts.enums import Language
from models.contracts.knowledge import Passage

Told = Annotated[dict[Text, Text], Field(min_length=1, max_length=1)]
"""An answer by its kind."""


class Page(Strict):
    """`language` None: that of the answers."""

    title: Text
    heading: str = ""
    text: Text
    language: Language | None = None


class Entry(Strict):
    """Passages, answers that they prove, and answers that they do not."""

    language: Language
    passages: Annotated[tuple[Page, ...], Field(min_length=1)]
    right: Annotated[tuple[Told, ...], Field(min_length=1)]
    wrong: Annotated[tuple[Told, ...], Field(min_length=1)]


ENTRIES: TypeAdapter[list[Entry]] = TypeAdapter(list[Entry])


@dataclass(frozen=True, slots=True)
class Judged:
    """An answer in `language`, and whether people say that the passages prove it. `kind` says how it differs."""

    kind: str
    answer: str
    language: Language
    passages: tuple[Passage, ...]
    right: bool

    async def blocked(self, embedder: Embedder) -> tuple[str, ...]:
        """Why the check blocks it; nothing when it passes."""
        found = await check(self.answer, self.passages, "", language=self.language, embedder=embedder)
        return found.reasons


def load() -> Iterator[Judged]:
    for path in sorted((HERE / "grounding").glob("*.yaml")):
        entries: list[Entry] = document.read(path).validated(ENTRIES)
        for entry in entries:
            passages = tuple(_passage(page, page.language or entry.language) for page in entry.passages)
            for right, answers in ((True, entry.right), (False, entry.wrong)):
                for told in answers:
                    ((kind, answer),) = told.items()
                    yield Judged(kind, answer, entry.language, passages, right)


def _passage(page: Page, language: Language) -> Passage:
    made_up = uuid5(NAMESPACE_URL, page.text)
    return Passage(
        chunk_id=made_up,
        document_id=made_up,
        title=page.title,
        heading=page.heading,
        text=page.text,
        language=language,
        similarity=0.9,
        score=1.0,
    )
