"""Fit and judge activities/retrieval/confidence.py: prints the coefficients to paste there and what they do to held-out questions.

    python -m benchmarks.fit_confidence

For the embedding model that the settings (MAINSTAY_EMBEDDING_*) name; unset, the embedded one.

Two sources. XQuAD (../shared/data, English and Russian, the question's own language and across): each question is asked
of a small pool of articles, once with its article in the pool and once without. The sample company (samples/): questions
that its pages cover and questions that they do not, in three languages, over its English, Russian and both sets of
pages. Articles and questions that are fitted on are never judged on. Takes three minutes on one core the first time;
vectors are kept in build/.
"""

import asyncio
import hashlib
import json
import random
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from uuid import NAMESPACE_URL, uuid5

import numpy as np
from numpy.typing import NDArray

from activities.embedding.nano import MODEL, NanoEmbedder
from activities.embedding.port import Embedder
from activities.embedding.spaces import configured
from activities.generation.extractive import best_passage
from activities.ingestion.splitting import split
from activities.language.terms import content_stems
from activities.retrieval.confidence import ANSWER_AT, UNSURE_AT, Features, features
from activities.understanding.language import detect
from models.contracts.enums import Language
from models.contracts.knowledge import Passage
from runtime.settings import load

ROOT = Path(__file__).parents[1]
XQUAD = ROOT.parent / "shared" / "data"
CACHE = ROOT / "build" / "fit_confidence.npz"
FITTED_ARTICLES = 14
FOUND = 5
CANDIDATES = 20
RANK_CONSTANT = 60

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
    """`answers` is the document that answers, None when the pool holds no answer."""

    group: str
    question: str
    pool: tuple[Chunk, ...]
    answers: str | None


def model_name(embedder: Embedder) -> str:
    """As FITS knows it: without whose it is."""
    return embedder.space.model.rpartition("/")[2]


class Vectors:
    """Embeds each text once, across runs."""

    def __init__(self, embedder: Embedder | None = None) -> None:
        self._embedder = embedder or NanoEmbedder()
        model = model_name(self._embedder)
        self._cache = CACHE if model == MODEL else CACHE.with_stem(f"{CACHE.stem}-{model}")
        self._known: dict[str, Array] = dict(np.load(self._cache)) if self._cache.exists() else {}

    async def of(self, texts: Sequence[str], *, query: bool) -> Array:
        keys = [hashlib.sha256(f"{query}{text}".encode()).hexdigest() for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._known}
        embed = self._embedder.embed_queries if query else self._embedder.embed_passages
        self._known |= {
            key: np.array(vector, np.float32) for key, vector in zip(new, await embed(list(new.values())), strict=True)
        }
        return np.stack([self._known[key] for key in keys])

    def save(self) -> None:
        self._cache.parent.mkdir(exist_ok=True)
        np.savez(self._cache, **cast("dict[str, Any]", self._known))


def sample_cases(part: str) -> Iterator[Case]:
    questions = tomllib.loads((ROOT / "tests" / "data" / "altyn-questions.toml").read_text("utf-8"))
    pages = {language: tuple(_pages(language)) for language in (Language.EN, Language.RU)}
    pools = {"en": pages[Language.EN], "ru": pages[Language.RU], "en+ru": pages[Language.EN] + pages[Language.RU]}
    for language in Language:
        for name, pool in pools.items():
            group = f"sample {language} on {name}"
            for question, document in questions["covered"][language][part]:
                yield Case(group, question, pool, document)
            for question in questions["uncovered"][language][part]:
                yield Case(group, question, pool, None)


def _pages(language: Language) -> Iterator[Chunk]:
    for path in sorted((ROOT / "samples" / "altyn_home" / language).glob("*.md")):
        source = path.read_text("utf-8")
        title = source.splitlines()[0].removeprefix("# ")
        for chunk in split(source):
            yield Chunk(path.stem, title, chunk.heading, chunk.text, language, chunk.embedded_text(title))


def xquad_cases(*, fitted: bool, per_article: int = 8) -> Iterator[Case]:
    chosen = random.Random(fitted)  # noqa: S311 - a reproducible sample, no secret
    articles = {language: _articles(language) for language in (Language.EN, Language.RU)}
    numbers = range(FITTED_ARTICLES) if fitted else range(FITTED_ARTICLES, len(articles[Language.EN]))
    for asked in articles:
        for written in articles:
            for number in numbers:
                questions = articles[asked][number][1]
                for question, document in chosen.sample(questions, min(per_article, len(questions))):
                    others = chosen.sample([other for other in numbers if other != number], 4)
                    group = f"XQuAD {asked} on {written}"
                    for answers, pool in ((document, [number, *others[1:]]), (None, others)):
                        chunks = tuple(chunk for article in pool for chunk in articles[written][article][0])
                        yield Case(group, question, chunks, answers)


def _articles(language: Language) -> list[tuple[list[Chunk], list[tuple[str, str]]]]:
    found = []
    for number, article in enumerate(json.loads((XQUAD / f"xquad-half.{language}.json").read_text("utf-8"))["data"]):
        chunks, questions = [], []
        for place, paragraph in enumerate(article["paragraphs"]):
            document = f"{number}/{place}"
            chunks += [
                Chunk(document, "", "", chunk.text, language, chunk.text)
                for chunk in split(paragraph["context"], "text")
            ]
            questions += [(entry["question"], document) for entry in paragraph["qas"]]
        found.append((chunks, questions))
    return found


async def search(case: Case, vectors: Vectors) -> list[Passage]:
    """What the database finds: nearest vectors and matching words, fused by rank."""
    (asked,) = await vectors.of([case.question], query=True)
    cosines = await vectors.of([chunk.embedded for chunk in case.pool], query=False) @ asked
    stems = set(content_stems(case.question))
    matches = np.array([len(stems & set(content_stems(f"{chunk.title} {chunk.text}"))) for chunk in case.pool])
    language = detect(case.question)
    scores: defaultdict[int, float] = defaultdict(float)
    for place, index in enumerate(np.argsort(-cosines)[:CANDIDATES], start=1):
        scores[int(index)] += 1 / (RANK_CONSTANT + place)
    for place, index in enumerate(np.argsort(-matches, kind="stable")[:CANDIDATES], start=1):
        if matches[index]:
            scores[int(index)] += 1 / (RANK_CONSTANT + place)
    for index in scores:
        scores[index] += 0.001 * (case.pool[index].language is language)
    best = sorted(scores, key=scores.__getitem__, reverse=True)[:FOUND]
    return [_passage(case.pool[index], float(cosines[index]), scores[index]) for index in best]


def _passage(chunk: Chunk, similarity: float, score: float) -> Passage:
    name = uuid5(NAMESPACE_URL, chunk.document)
    return Passage(
        chunk_id=name,
        document_id=name,
        title=chunk.title,
        heading=chunk.heading,
        text=chunk.text,
        language=chunk.language,
        similarity=similarity,
        score=score,
    )


@dataclass(frozen=True)
class Judged:
    case: Case
    features: Features
    right: bool


async def judge(cases: Iterator[Case], vectors: Vectors) -> list[Judged]:
    judged = []
    for case in cases:
        found = await search(case, vectors)
        seen = features(case.question, found)
        quoted = best_passage(case.question, detect(case.question), found)
        assert seen
        assert quoted
        right = case.answers is not None and quoted.document_id == uuid5(NAMESPACE_URL, case.answers)
        judged.append(Judged(case, seen, right))
    return judged


def fit(judged: list[Judged]) -> tuple[Array, float]:
    """Logistic regression by Newton's method; the sample's short questions weigh twice, being what customers write."""
    inputs = np.array([entry.features for entry in judged])
    truth = np.array([entry.right for entry in judged], float)
    weight = np.array([2.0 if entry.case.group.startswith("sample") else 1.0 for entry in judged])
    weight /= weight.sum()
    mean, spread = inputs.mean(axis=0), inputs.std(axis=0)
    design = np.column_stack([(inputs - mean) / spread, np.ones(len(inputs))])
    decay = 1e-3 * np.array([*[1.0] * inputs.shape[1], 0.0])
    theta = np.zeros(design.shape[1])
    for _ in range(30):
        share = 1 / (1 + np.exp(-design @ theta))
        slope = design.T @ (weight * (share - truth)) + decay * theta
        curve = (design * (weight * share * (1 - share))[:, None]).T @ design + np.diag(decay + 1e-9)
        theta -= np.linalg.solve(curve, slope)
    scaled = theta[:-1] / spread
    return scaled, float(theta[-1] - scaled @ mean)


def report(title: str, judged: list[Judged], coefficients: Array, intercept: float) -> None:
    print(f"\n{title:28} covered: answered  asked back  escalated  wrong passage | uncovered: answered  asked back")
    groups: defaultdict[str, list[Judged]] = defaultdict(list)
    for entry in judged:
        groups[entry.case.group].append(entry)
    for group, entries in [*groups.items(), ("all", judged)]:
        logits = np.array([entry.features for entry in entries]) @ coefficients + intercept
        sure = 1 / (1 + np.exp(-logits))
        covered = np.array([entry.case.answers is not None for entry in entries])
        right = np.array([entry.right for entry in entries])
        answered, asked = sure >= ANSWER_AT, (sure >= UNSURE_AT) & (sure < ANSWER_AT)
        print(
            f"{group:28} {covered.sum():7} {(answered & covered).sum():9} {(asked & covered).sum():11}"
            f" {(~answered & ~asked & covered).sum():10} {(answered & covered & ~right).sum():14} |"
            f" {(~covered).sum():9} {(answered & ~covered).sum():9} {(asked & ~covered).sum():11}"
        )


async def main() -> None:
    embedder, _ = configured(load())
    vectors = Vectors(embedder)
    fitted = await judge(sample_cases("fit"), vectors)
    held = await judge(sample_cases("held"), vectors)
    if XQUAD.exists():
        fitted += await judge(xquad_cases(fitted=True), vectors)
        held += await judge(xquad_cases(fitted=False), vectors)
    vectors.save()
    coefficients, intercept = fit(fitted)
    print(f'"{model_name(embedder)}": Fit(\n    Features(')
    for name, value in zip(Features._fields, coefficients, strict=True):
        print(f"        {name}={value:.2f},")
    print(f"    ),\n    intercept={intercept:.2f},\n),")
    report("fitted on", fitted, coefficients, intercept)
    report("held out", held, coefficients, intercept)


if __name__ == "__main__":
    asyncio.run(main())
