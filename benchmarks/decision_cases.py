"""Questions whose right decision is known: what a company's pages answer, and what they do not.

data/decisions/ holds small companies of different trades, each with pages, with questions and what a right answer to them
holds, and with questions that no page answers: `named` ask about what the pages speak of, `foreign` about something
else. The sample company (samples/) has questions in tests/data.
"""

import hashlib
import random
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from uuid import NAMESPACE_URL, uuid5

import numpy as np
import yaml
from numpy.typing import NDArray

from activities.embedding.nano import MODEL, NanoEmbedder
from activities.embedding.port import Embedder
from activities.generation.extractive import excerpt
from activities.ingestion.splitting import split
from activities.language.terms import content_stems
from activities.retrieval.confidence import judged
from activities.retrieval.retrieve import CONSIDERED
from activities.understanding.language import detect
from models.contracts.enums import Language
from models.contracts.knowledge import Passage, Retrieval
from models.repositories.retrieval import CANDIDATES, RANK_CONSTANT, SAME_LANGUAGE, WORDS_WEIGHT

ROOT = Path(__file__).parents[1]
COMPANIES = Path(__file__).parent / "data" / "decisions"
HELD = ("books-kk", "cleaning-ru", "hotel-en")
"""Companies that nothing is ever fitted on or chosen by."""
CACHE = ROOT / "build" / "fit_confidence.npz"

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Chunk:
    document: str
    title: str
    heading: str
    text: str
    language: Language
    embedded: str


@dataclass(frozen=True)
class Case:
    """Any of `documents` answers the question, by a quote that holds `holds`; none: the pool holds no answer."""

    group: str
    question: str
    pool: tuple[Chunk, ...]
    documents: tuple[str, ...]
    holds: str = ""

    @property
    def asked(self) -> Language:
        return detect(self.question)

    def answered_by(self, passage: Passage) -> bool:
        right = passage.document_id in {uuid5(NAMESPACE_URL, document) for document in self.documents}
        return right and _holds(excerpt(self.question, passage.text), self.holds)


class Vectors:
    """Embeds each text once, across runs."""

    def __init__(self, embedder: Embedder | None = None) -> None:
        self.embedder = embedder or NanoEmbedder()
        self.model = self.embedder.space.family
        self._cache = CACHE if self.model == MODEL else CACHE.with_stem(f"{CACHE.stem}-{self.model}")
        self._known: dict[str, Array] = dict(np.load(self._cache)) if self._cache.exists() else {}

    async def of(self, texts: Sequence[str], *, query: bool) -> Array:
        keys = [hashlib.sha256(f"{query}{text}".encode()).hexdigest() for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._known}
        embed = self.embedder.embed_queries if query else self.embedder.embed_passages
        self._known |= {
            key: np.array(vector, np.float32) for key, vector in zip(new, await embed(list(new.values())), strict=True)
        }
        return np.stack([self._known[key] for key in keys])

    def save(self) -> None:
        self._cache.parent.mkdir(exist_ok=True)
        np.savez(self._cache, **cast("dict[str, Any]", self._known))


def company_cases(*, held: bool) -> Iterator[Case]:
    """Each question of all the company's pages, of one page, and of one passage: what answers it, or any. What pages
    answer is asked of the other pages too: being usual does not make a question answered."""
    for path in sorted(COMPANIES.glob("*.yaml")):
        if (path.stem in HELD) is not held:
            continue
        company = yaml.safe_load(path.read_text("utf-8"))
        pages = {name: tuple(chunks(name, source)) for name, source in company["pages"].items()}
        everything = tuple(chunk for page in pages.values() for chunk in page)
        chosen = random.Random(path.stem)  # noqa: S311 - a reproducible choice, no secret
        for answer in company["covered"]:
            wanted = answer["holds"]
            holding = tuple(name for name, page in pages.items() if any(_holds(chunk.text, wanted) for chunk in page))
            rest = tuple(chunk for chunk in everything if chunk.document not in holding)
            page = pages[holding[0]]
            passage = next(chunk for chunk in page if _holds(chunk.text, wanted))
            for question in answer["say"]:
                yield Case("all pages", question, everything, holding, wanted)
                yield Case("one page", question, page, holding, wanted)
                yield Case("one passage", question, (passage,), holding, wanted)
                yield Case("other pages", question, rest, ())
        for question in (*company["uncovered"]["named"], *company["uncovered"]["foreign"]):
            yield Case("all pages", question, everything, ())
            yield Case("one page", question, chosen.choice(list(pages.values())), ())
            yield Case("one passage", question, (chosen.choice(everything),), ())


def _holds(text: str, wanted: str) -> bool:
    """Whole numbers only: "5 000" does not stand in "15 000"."""
    before = r"(?<![\d:])(?<!\d )" if wanted[:1].isdigit() else ""
    return re.search(rf"{before}{re.escape(wanted)}(?!\d)", text) is not None


def sample_cases(part: str) -> Iterator[Case]:
    questions = tomllib.loads((ROOT / "tests" / "data" / "altyn-questions.toml").read_text("utf-8"))
    pages = {language: tuple(_pages(language)) for language in (Language.EN, Language.RU)}
    pools = {"en": pages[Language.EN], "ru": pages[Language.RU], "en+ru": pages[Language.EN] + pages[Language.RU]}
    for language in Language:
        for name, pool in pools.items():
            group = f"sample, {name}"
            for question, document in questions["covered"][language][part]:
                yield Case(group, question, pool, (document,))
            for question in questions["uncovered"][language][part]:
                yield Case(group, question, pool, ())


def _pages(language: Language) -> Iterator[Chunk]:
    for path in sorted((ROOT / "samples" / "altyn_home" / language).glob("*.md")):
        yield from chunks(path.stem, path.read_text("utf-8"))


def chunks(document: str, source: str) -> Iterator[Chunk]:
    title = source.splitlines()[0].removeprefix("# ")
    for chunk in split(source):
        language = detect(chunk.text)
        yield Chunk(document, title, chunk.heading, chunk.text, language, chunk.embedded_text(title))


async def search(case: Case, vectors: Vectors) -> Retrieval:
    """What a turn finds: nearest vectors and matching words, fused by rank, and judged."""
    (asked,) = await vectors.of([case.question], query=True)
    cosines = await vectors.of([chunk.embedded for chunk in case.pool], query=False) @ asked
    stems = set(content_stems(case.question))
    matches = np.array([len(stems & set(content_stems(f"{chunk.title} {chunk.text}"))) for chunk in case.pool])
    language = case.asked
    scores: defaultdict[int, float] = defaultdict(float)
    for place, index in enumerate(np.argsort(-cosines)[:CANDIDATES], start=1):
        scores[int(index)] += 1 / (RANK_CONSTANT + place)
    for place, index in enumerate(np.argsort(-matches, kind="stable")[:CANDIDATES], start=1):
        if matches[index]:
            scores[int(index)] += WORDS_WEIGHT / (RANK_CONSTANT + place)
    for index in scores:
        scores[index] += SAME_LANGUAGE * (case.pool[index].language is language)
    best = sorted(scores, key=scores.__getitem__, reverse=True)[:CONSIDERED]
    found = [_passage(case.pool[index], float(cosines[index]), scores[index]) for index in best]
    return judged(case.question, language, asked.tolist(), found, vectors.model)


def _passage(chunk: Chunk, similarity: float, score: float) -> Passage:
    return Passage(
        chunk_id=uuid5(NAMESPACE_URL, f"{chunk.language}/{chunk.document}/{chunk.text}"),
        document_id=uuid5(NAMESPACE_URL, chunk.document),
        title=chunk.title,
        heading=chunk.heading,
        text=chunk.text,
        language=chunk.language,
        similarity=similarity,
        score=score,
    )
