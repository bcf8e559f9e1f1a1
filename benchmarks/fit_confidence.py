"""Fit and judge the decisions of activities/retrieval: which passage to quote, and how likely it answers.

    python -m benchmarks.fit_confidence

For the embedding model that the settings (MAINSTAY_EMBEDDING_*) name; unset, the embedded one. Writes the model's file
in activities/retrieval/fits, prints the merits for activities/retrieval/best.py (run it again once they are pasted: the
fit follows the choice), and shows what both do to questions of other companies. Takes a minute on one core the first
time; vectors are kept in build/.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from activities.embedding.spaces import configured
from activities.retrieval import confidence
from activities.retrieval.confidence import ANSWER_AT, UNSURE_AT, Features
from activities.retrieval.evidence import Question
from activities.retrieval.retrieve import CONSIDERED
from activities.understanding import examples
from activities.understanding.spelling import plain
from benchmarks.decision_cases import ROOT, Array, Case, Vectors, company_cases, sample_cases, search
from models.contracts.knowledge import Retrieval
from runtime.settings import load

FITS = ROOT / "activities" / "retrieval" / "fits"
MERITS = ("near", "heading", "lacks")


@dataclass(frozen=True)
class Judged:
    case: Case
    found: Retrieval
    right: bool


async def judge(cases: Iterable[Case], vectors: Vectors) -> list[Judged]:
    judged = []
    for case in cases:
        found = await search(case, vectors)
        judged.append(Judged(case, found, case.answered_by(found.passages[0])))
    return judged


UNCOVERED = 0.3
"""The share of questions that no page answers, among all that customers ask: what uncovered cases weigh together. The
companies have more of them, and harder ones, than any company's customers ask."""


def fit(inputs: Array, truth: Array, weight: Array | None = None) -> tuple[Array, float]:
    """Logistic regression by Newton's method, with a touch of decay."""
    weight = np.ones(len(truth)) if weight is None else weight
    weight = weight / weight.sum()
    mean, spread = inputs.mean(axis=0), inputs.std(axis=0) + 1e-9
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


def merits(judged: list[Judged]) -> Array:
    """What words count in cosine, by which passages of those found answer.

    The customer's language is preferred whatever the fit says: it would rather have what is found across languages.
    """
    inputs, truth = [], []
    for entry in judged:
        question = Question.read(entry.case.question)
        for passage in entry.found.passages if entry.case.documents else ():
            seen = question.evidence(passage)
            inputs.append([passage.similarity, *seen])
            truth.append(entry.case.answered_by(passage))
    coefficients, _ = fit(np.array(inputs), np.array(truth, float))
    scaled: Array = coefficients[1:] / coefficients[0]
    return scaled


def weights(judged: list[Judged]) -> Array:
    covered = np.array([bool(entry.case.documents) for entry in judged])
    found: Array = np.where(covered, (1 - UNCOVERED) / covered.sum(), UNCOVERED / (~covered).sum())
    return found


async def means(cases: list[Case], vectors: Vectors) -> dict[str, Any]:
    """The means of the vectors of what customers write to any company, and of the companies' passages."""
    asked = [plain(sentence) for sentence in dict.fromkeys(examples.load().sentences)]
    written = list(dict.fromkeys(chunk.embedded for case in cases for chunk in case.pool))
    found = {"questions": await vectors.of(asked, query=True), "passages": await vectors.of(written, query=False)}
    return {name: [round(float(value), 5) for value in each.mean(axis=0)] for name, each in found.items()}


async def found_above(judged: list[Judged], passages: list[float], vectors: Vectors) -> float:
    """How far the others of a full search stand above passages in general."""
    above = []
    for entry in judged:
        similarities = [passage.similarity for passage in entry.found.passages]
        if len(similarities) == CONSIDERED:
            (asked,) = await vectors.of([entry.case.question], query=True)
            above.append(np.mean(similarities[1:]) - asked @ np.array(passages))
    return round(float(np.mean(above)), 4)


def features(judged: list[Judged]) -> Array:
    return np.array([[entry.found.features[name] for name in Features._fields] for entry in judged])


def report(title: str, judged: list[Judged], coefficients: Array, intercept: float) -> None:
    print(
        f"\n{title:28} covered: right first  answered right  wrong  asked back  escalated | uncovered: answered  asked back"
    )
    groups: defaultdict[str, list[Judged]] = defaultdict(list)
    for entry in judged:
        groups[f"{entry.case.group}, {entry.case.asked}"].append(entry)
    for group, entries in [*groups.items(), ("all", judged)]:
        sure = 1 / (1 + np.exp(-(features(entries) @ coefficients + intercept)))
        covered = np.array([bool(entry.case.documents) for entry in entries])
        right = np.array([entry.right for entry in entries])
        answered, asked = sure >= ANSWER_AT, (sure >= UNSURE_AT) & (sure < ANSWER_AT)
        print(
            f"{group:28} {covered.sum():7} {right.sum():12} {(answered & right).sum():15}"
            f" {(answered & covered & ~right).sum():6} {(asked & covered).sum():11}"
            f" {(~answered & ~asked & covered).sum():10} | {(~covered).sum():9} {(answered & ~covered).sum():9}"
            f" {(asked & ~covered).sum():11}"
        )


def write(file: Path, coefficients: Array, intercept: float, centres: dict[str, Any]) -> None:
    named = {name: round(float(value), 3) for name, value in zip(Features._fields, coefficients, strict=True)}
    content = {"coefficients": named, "intercept": round(intercept, 3), **centres}
    file.write_text(json.dumps(content) + "\n", "utf-8")
    confidence.fit_of.cache_clear()


async def main() -> None:
    embedder, _ = configured(load())
    vectors = Vectors(embedder)
    file = FITS / f"{vectors.model}.json"
    cases = [*sample_cases("fit"), *company_cases(held=False)]
    # The features need what is common to all before there is a fit.
    common = {**await means(cases, vectors), "found_above": 0.0}
    write(file, np.zeros(len(Features._fields)), 0.0, common)
    common["found_above"] = await found_above(await judge(cases, vectors), common["passages"], vectors)
    write(file, np.zeros(len(Features._fields)), 0.0, common)
    fitted = await judge(cases, vectors)
    held = await judge([*sample_cases("held"), *company_cases(held=True)], vectors)
    vectors.save()
    for name, value in zip(MERITS, merits(fitted), strict=True):
        print(f"{name.upper()} = {value:.3f}")
    truth = np.array([entry.right for entry in fitted], float)
    coefficients, intercept = fit(features(fitted), truth, weights(fitted))
    write(file, coefficients, intercept, common)
    for name, value in zip((*Features._fields, "intercept"), (*coefficients, intercept), strict=True):
        print(f"{name:14} {value:7.2f}")
    report("fitted on", fitted, coefficients, intercept)
    report("held out", held, coefficients, intercept)


if __name__ == "__main__":
    asyncio.run(main())
