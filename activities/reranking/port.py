"""The port through which passages are ordered anew, and the order when that fails."""

from collections.abc import Sequence
from typing import Protocol

import structlog

from activities.provider.errors import MalformedReplyError, ProviderError
from models.contracts.knowledge import Passage

log = structlog.get_logger(__name__)


class Reranker(Protocol):
    """Scores texts by how well each answers a question."""

    @property
    def provider(self) -> str: ...

    @property
    def model(self) -> str: ...

    async def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        """A score for each text, in their order; higher is better, and no scale is promised. Raises ProviderError, in
        time: customers wait."""

    async def close(self) -> None: ...


async def reranked(reranker: Reranker, question: str, passages: Sequence[Passage]) -> list[Passage]:
    """The passages, best first by the reranker; in the order given when it fails or takes too long."""
    found = list(passages)
    if len(found) < 2:
        return found
    texts = ["\n".join(filter(None, (passage.title, passage.heading, passage.text))) for passage in found]
    try:
        scores = await reranker.scores(question, texts)
    except ProviderError as error:
        log.warning("reranking failed", cause=type(error).__name__)
        return found
    order = sorted(range(len(found)), key=scores.__getitem__, reverse=True)
    return [found[place] for place in order]


def in_order(provider: str, rows: object, score: str, count: int) -> list[float]:
    """Scores in the order of the texts, from rows that name each text by its `index`. Raises MalformedReplyError."""
    try:
        by_index = {int(row["index"]): float(row[score]) for row in rows}  # type: ignore[attr-defined]  # as it came
        return [by_index[place] for place in range(count)]
    except (TypeError, ValueError, KeyError):
        raise MalformedReplyError(provider, f"expected an index and a {score} for each of {count} texts") from None
