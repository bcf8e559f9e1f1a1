"""Searches while a tenant's knowledge is embedded anew and switched to the new model: failed ones, their times against
those before, and their recall against the exact answer of the space that they were searched in.

Both models are servers at the far side of a wire that answer at once: what is measured is Mainstay's part. Questions are
words written backwards, which only the models understand.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx
import numpy as np
from numpy.typing import NDArray

from benchmarks import system
from benchmarks.figures import Figures, command, console
from benchmarks.load import percentile
from tests.fakes.embedding import FakeEmbedder, serving, vector

IN_FLIGHT = 4
TOP = 10
RECALL = 0.97
CHUNKS_A_DOCUMENT = 50
WORDS_A_CHUNK = 12
WORDS = 120
"""Few, so that every question has more than TOP chunks that are near."""
QUESTIONS = 200
JOB_SECONDS = 1_800
PASSAGE = re.compile(r"item(\d+)x\b")
"""How a chunk is told from what else models are asked."""


@dataclass(frozen=True, slots=True)
class Search:
    """When it began and ended, by the clock of the measurement; `recall` None: it failed."""

    begun: float
    ended: float
    recall: float | None


@dataclass(frozen=True, slots=True)
class Question:
    """`nearest` has the chunks that are nearest to it in each model's space."""

    text: str
    nearest: Sequence[frozenset[str]]


async def measure(figures: Figures) -> None:
    documents, quiet_seconds = (8, 3.0) if figures.quick else (120, 20.0)
    chunks = documents * CHUNKS_A_DOCUMENT
    console.print(f"re-index of {chunks} chunks under {IN_FLIGHT} searches at a time: learning")
    async with _moving() as (under_test, old, new):
        written = _Writer()
        await _learn(under_test.api, [written.document() for _ in range(documents)])
        questions = _questions(written, old, new)
        load = _Load(under_test.api, questions)
        async with load.going_on():
            await asyncio.sleep(quiet_seconds)
            console.print("moving")
            begun = time.perf_counter()
            await _reindex(under_test.api)
            switched = time.perf_counter()
            await asyncio.sleep(quiet_seconds)
    missing = chunks - len({place for text in new.asked for place in PASSAGE.findall(text)})
    figures.add("reindex_chunks_per_s", chunks / (switched - begun), "1/s")
    figures.add("reindex_chunks_missing", missing, "chunks", at_most=0)
    _report(figures, load.done, begun, switched)


def _report(figures: Figures, done: Sequence[Search], begun: float, switched: float) -> None:
    figures.add("reindex_searches", len(done), "searches")
    figures.add("reindex_searches_failed", sum(each.recall is None for each in done), "searches", at_most=0)
    phases = {
        "before": [each for each in done if each.ended < begun],
        "during": [each for each in done if each.ended >= begun and each.begun <= switched],
        "after": [each for each in done if each.begun > switched],
    }
    for share in (0.5, 0.99):
        taken = {
            name: 1000 * percentile([each.ended - each.begun for each in phase], share)
            for name, phase in phases.items()
        }
        for name, milliseconds in taken.items():
            baseline = None if name == "before" else taken["before"]
            figures.add(f"reindex_search_p{100 * share:.0f}_{name}", milliseconds, "ms", baseline)
    for name, phase in phases.items():
        found = [each.recall for each in phase if each.recall is not None]
        figures.add(f"reindex_recall_at_{TOP}_{name}", float(np.mean(found)), "share", at_least=RECALL)


@asynccontextmanager
async def _moving() -> AsyncIterator[tuple[system.System, FakeEmbedder, FakeEmbedder]]:
    """A system that searches by one model and is to move to another."""
    async with AsyncExitStack() as stack:
        old = await stack.enter_async_context(serving("old", 256))
        new = await stack.enter_async_context(serving("new", 384))
        chosen = old.settings() | new.settings("embedding_next")
        settings = {name.upper(): str(value) for name, value in chosen.items()} | system.WITHOUT_LIMITS
        yield await stack.enter_async_context(system.running(**settings)), old, new


class _Writer:
    """Chunks of made-up words, each with a number by which it is known."""

    def __init__(self) -> None:
        self._chance = np.random.default_rng(0)
        letters = list("abcdefghijklmnopqrstuvwxyz")
        self.words = ["".join(self._chance.choice(letters, 9)) for _ in range(WORDS)]
        self.chunks: list[str] = []

    def sentence(self, words: int) -> list[str]:
        return [str(word) for word in self._chance.choice(self.words, words)]

    def document(self) -> str:
        first = len(self.chunks)
        for number in range(first, first + CHUNKS_A_DOCUMENT):
            self.chunks.append(f"item{number}x {' '.join(self.sentence(WORDS_A_CHUNK))}.")
        return "\n\n".join(f"# Part {place}\n\n{chunk}" for place, chunk in enumerate(self.chunks[first:]))


def _questions(written: _Writer, old: FakeEmbedder, new: FakeEmbedder) -> list[Question]:
    """The new model is given the texts that the old one was given."""
    given = {found[1]: text for text in old.asked if (found := PASSAGE.search(text))}
    asked = [" ".join(word[::-1] for word in written.sentence(WORDS_A_CHUNK // 2)) for _ in range(QUESTIONS)]
    nearest = zip(_nearest(old, given, asked), _nearest(new, given, asked), strict=True)
    return [Question(text, of_both) for text, of_both in zip(asked, nearest, strict=True)]


def _nearest(model: FakeEmbedder, given: Mapping[str, str], asked: Sequence[str]) -> list[frozenset[str]]:
    """By question, the TOP nearest chunks in the model's space."""
    numbers = list(given)
    places = np.argsort(-(_vectors(model, asked) @ _vectors(model, list(given.values())).T), axis=1)[:, :TOP]
    return [frozenset(numbers[place] for place in row) for row in places]


def _vectors(model: FakeEmbedder, texts: Sequence[str]) -> NDArray[np.float32]:
    """(texts, dimension)"""
    return np.asarray([vector(model.model, text, model.dimension) for text in texts], dtype=np.float32)


class _Load:
    """IN_FLIGHT clients, each of which searches again as soon as it has an answer."""

    def __init__(self, api: httpx.AsyncClient, questions: Sequence[Question]) -> None:
        self.done: list[Search] = []
        self._api = api
        self._questions = questions

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        clients = [asyncio.create_task(self._client(number)) for number in range(IN_FLIGHT)]
        try:
            yield
        finally:
            for client in clients:
                client.cancel()
            await asyncio.wait(clients)

    async def _client(self, number: int) -> None:
        while True:
            number += IN_FLIGHT
            question = self._questions[number % len(self._questions)]
            begun = time.perf_counter()
            recall = await self._recall(question)
            self.done.append(Search(begun, time.perf_counter(), recall))

    async def _recall(self, question: Question) -> float | None:
        """Of the space that the search was made in: an answer of the one has next to nothing of the other's."""
        try:
            found = await self._api.post("/v1/kb/search", json={"query": question.text, "limit": TOP})
        except httpx.HTTPError:
            return None
        if not found.is_success:
            return None
        numbers = {place for each in found.json()["passages"] for place in PASSAGE.findall(each["text"])}
        return max(len(numbers & nearest) for nearest in question.nearest) / TOP


async def _learn(api: httpx.AsyncClient, documents: Sequence[str]) -> None:
    body = [{"name": f"{number}.md", "text": text, "language": "en"} for number, text in enumerate(documents)]
    accepted = (await api.post("/v1/kb/sources", json={"name": "made up", "documents": body})).raise_for_status()
    await _done(api, f"/v1/kb/jobs/{accepted.json()['job_id']}")


async def _reindex(api: httpx.AsyncClient) -> None:
    asked = (await api.post("/v1/kb/reindex")).raise_for_status()
    await _done(api, f"/v1/kb/reindex/{asked.json()['id']}")


async def _done(api: httpx.AsyncClient, path: str) -> None:
    async with asyncio.timeout(JOB_SECONDS):
        while (job := (await api.get(path)).raise_for_status().json())["status"] in ("queued", "running"):  # noqa: ASYNC110  # another process
            await asyncio.sleep(0.05)
    if job["status"] != "done":
        raise RuntimeError(f"it failed: {job}")


if __name__ == "__main__":
    command("benchmarks.reindex", __doc__, measure)
