"""How well messages are understood, without a system around: `python -m benchmarks.intents [--wrong]`.

First the examples themselves, out-of-fold and without cues: what to choose examples, bounds and the head by. Then what
nobody learns from: held-out sentences, the suites of `mainstay eval`, and public data where it is there. `--wrong` names
the errors among examples and public data, and no others: a held-out sentence that is looked at is one no more.
"""

import argparse
import asyncio
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from activities.embedding.nano import NanoEmbedder
from activities.understanding import examples
from activities.understanding.classify import ExampleClassifier, verdict
from activities.understanding.head import KernelHead
from activities.understanding.spelling import plain
from activities.understanding.vector_cache import VectorCache
from evals import document, loaders, suites
from evals.cases import Answer, Decision, IntentOf, single
from evals.metrics import measure
from evals.result import Result
from models.contracts.enums import Intent, Language

ROOT = Path(__file__).resolve().parents[1]
HELD_OUT = ROOT / "tests" / "data" / "intents-heldout.toml"
SHARED = ROOT.parent / "shared" / "data"
PUBLIC = ("banking77", "bitext", "nlupp")
COMPANIES = ("shop-en", "clinic-ru", "telecom-kk")
MEANT = {"person": Intent.HUMAN_REQUEST, "frustration": Intent.FRUSTRATION, "opt_out": Intent.OPT_OUT}
"""What a company's case asks for by its reason; all else is a question, or a courtesy that must not bring a person."""
FOLDS = 10

Asked = tuple[str, Sequence[Intent]]


def judged(text: str, expected: Sequence[Intent], got: Sequence[Intent]) -> Result:
    return Result(
        id="", kind="intent", text=text, expected=tuple(expected), got=tuple(got), passed=expected[0] is got[0]
    )


def out_of_fold() -> list[Result]:
    """Each example by a head that has not seen it, nor what stands at its place in another language's file."""
    sentences: list[str] = []
    intents: list[Intent] = []
    folds: list[int] = []
    for language in Language:
        for intent, found in examples.by_intent(language).items():
            sentences += map(plain, found)
            intents += [intent] * len(found)
            folds += [place % FOLDS for place in range(len(found))]
    known = VectorCache(examples.FOLDER, NanoEmbedder.space).known(sentences)
    assert len(known) == len(set(sentences)), "examples were changed: run `make vectors` first"
    vectors = np.asarray([known[sentence] for sentence in sentences], dtype=np.float32)
    classes, fold_of = np.array([list(Intent).index(intent) for intent in intents]), np.array(folds)
    results = []
    for fold in range(FOLDS):
        head = KernelHead.fit(vectors[fold_of != fold], classes[fold_of != fold], len(Intent))
        places = np.flatnonzero(fold_of == fold)
        for place, shares in zip(places, head.probabilities(vectors[places]), strict=True):
            intent, _ = verdict(sentences[place], shares)
            results.append(judged(sentences[place], [intents[place]], [intent]))
    return results


def held_out() -> Iterator[tuple[str, list[Asked]]]:
    """Sets of sentences that nothing was chosen by, by name."""
    file = tomllib.loads(HELD_OUT.read_text("utf-8"))
    sections = [section for language in file.values() for section in language.items()]
    yield HELD_OUT.stem, [(text, [Intent(name)]) for name, found in sections for text in found]
    for path in sorted((suites.HERE / "intents" / "cases").glob("*.yaml")):
        entries = document.read(path).validated(suites.ENTRIES)
        yield f"intents/{path.stem}", [asked for entry in entries for case in single(entry) for asked in _asked(case)]
    for name in COMPANIES:
        yield name, [asked for case in suites.load(name).cases.values() for asked in _asked(case)]


def _asked(case: object) -> Iterator[Asked]:
    match case:
        case IntentOf():
            yield case.say[0], case.intents
        case Answer():
            yield case.say[0], [Intent.QUESTION]
        case Decision() if case.because in ("unanswerable", "courtesy", *MEANT):
            yield case.say[0], [MEANT.get(case.because, Intent.QUESTION)]


def show(name: str, results: Iterable[Result], *, confusion: bool = True) -> None:
    found = list(results)
    figures = {name: f"{figure.value:.3f}" for name, figure in measure(found).items()}
    print(f"\n{name} ({len(found)})", *(f"{key} {value}" for key, value in figures.items()), sep="  ")
    if confusion:
        pairs = Counter((result.expected[0], result.got[0]) for result in found)
        for intent in Intent:
            row = [f"{other} {pairs[intent, other]}" for other in Intent if pairs[intent, other]]
            if row:
                print(f"  {intent:14}", ", ".join(row))


def show_wrong(results: Iterable[Result]) -> None:
    for result in results:
        if not result.passed:
            print(f"    {result.expected[0]} -> {result.got[0]}: {result.text}")


async def main(*, wrong: bool) -> None:
    classifier = ExampleClassifier(NanoEmbedder())
    await classifier.load()

    async def understood(asked: Iterable[Asked]) -> list[Result]:
        return [judged(text, intents, (await classifier.understand(text)).intents) for text, intents in asked]

    sets = [("examples, out-of-fold", out_of_fold(), wrong)]
    sets += [(name, await understood(asked), False) for name, asked in held_out()]
    if SHARED.exists():
        for name in PUBLIC:
            cases = loaders.load(name, SHARED).cases.values()
            sets.append((name, await understood(asked for case in cases for asked in _asked(case)), wrong))
    for name, results, open_to_all in sets:
        show(name, results, confusion=name not in COMPANIES)
        if open_to_all:
            show_wrong(results)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wrong", action="store_true", help="name the errors among examples and public data")
    asyncio.run(main(wrong=parser.parse_args().wrong))
