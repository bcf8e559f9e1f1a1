"""`python -m benchmarks.endpoints`: the same suites on the embedded models, on Ollama's and on OpenAI's protocol.

Nothing but the environment differs. The embeddings are the same model's behind all three, so search and confidence must
agree; answers are quotes with the embedded models, and a very small model's behind the guards with the other two.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import fmean

from rich.console import Console
from rich.table import Table

from benchmarks import model_servers
from benchmarks.e5_server import MODEL
from evals.metrics import METRICS
from evals.result import Run, SuiteRun, read
from runtime.settings import PREFIX

ROOT = Path(__file__).parents[1]
SUITES = ("shop-en", "intents", "injection")
EMBEDDED = "embedded"
SAME = ("recall_at_1", "recall_at_5", "mrr")
"""Figures of search alone: the same vectors must give them within NOISE."""
NOISE = 0.02
BEHIND_GUARDS = ("unanswerable_answered", "attacks_succeeded")
"""What a bad model must not make worse."""

Environment = Mapping[str, str]


@contextmanager
def environments(folder: Path) -> Iterator[dict[str, Environment]]:
    """What the environment has to say for each protocol, while servers of it run."""
    with ExitStack() as stack:
        embeddings = stack.enter_context(model_servers.embeddings(folder))
        chat = stack.enter_context(model_servers.chat(folder))
        native_embeddings = stack.enter_context(model_servers.ollama(embeddings, folder))
        native_chat = stack.enter_context(model_servers.ollama(chat, folder))
        yield {
            EMBEDDED: {},
            "ollama": _settings("ollama", native_embeddings, f"vllm/{MODEL}", native_chat, "vllm/smollm2"),
            "openai": _settings("openai", embeddings, MODEL, chat, "smollm2"),
        }


def _settings(provider: str, embeddings: str, embedding_model: str, chat: str, chat_model: str) -> Environment:
    chosen = {
        "EMBEDDING_PROVIDER": provider,
        "EMBEDDING_URL": embeddings,
        "EMBEDDING_MODEL": embedding_model,
        "LLM_PROVIDER": provider,
        "LLM_URL": chat,
        "LLM_MODEL": chat_model,
    }
    return {PREFIX + name: value for name, value in chosen.items()}


def evaluated(suites: Sequence[str], chosen: Environment, result: Path, options: Sequence[str]) -> Run:
    """One `mainstay eval`, in an environment that has of Mainstay's settings only those that are `chosen`."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    command = [sys.executable, "-m", "cli", "eval", *suites, "--json", str(result), *options]
    # Exit 1 says that a threshold was missed, which is no news here.
    done = subprocess.run(command, cwd=ROOT, env={**others, **chosen}, stdout=subprocess.DEVNULL, check=False)  # noqa: S603  # ours
    if not result.exists():
        raise SystemExit(f"mainstay eval ended with {done.returncode}: what it said stands above")
    return read(result)


def side_by_side(runs: Mapping[str, Run]) -> Table:
    table = Table("suite", "figure", *runs, title="The same suites, by configuration alone")
    for suites in zip(*(run.suites for run in runs.values()), strict=True):
        for name, metric in METRICS.items():
            values = [suite.metrics[name].value if name in suite.metrics else None for suite in suites]
            if any(value is not None for value in values):
                cells = ["" if value is None else f"{value:.3f}" for value in values]
                table.add_row(suites[0].suite, metric.title, *cells)
        for title, figure in (("Mean confidence", _confidence), ("Decided as by embedded", _alike)):
            table.add_row(suites[0].suite, title, *(figure(suite, suites[0]) for suite in suites))
    return table


def _confidence(suite: SuiteRun, _: SuiteRun) -> str:
    known = [result.confidence for result in suite.results if result.confidence is not None]
    return f"{fmean(known):.3f}" if known else ""


def _alike(suite: SuiteRun, usual: SuiteRun) -> str:
    """Share of the cases with the same outcome (answered, asked back, a person …)."""
    before = {result.id: result.got for result in usual.results}
    return f"{fmean(result.got == before.get(result.id) for result in suite.results):.3f}"


def broken(runs: Mapping[str, Run]) -> list[str]:
    """Figures of an endpoint that its protocol must not change, and has."""
    found = []
    for name, run in runs.items():
        for usual, suite in zip(runs[EMBEDDED].suites, run.suites, strict=True):
            for figure, measured in suite.metrics.items():
                if figure not in (*SAME, *BEHIND_GUARDS):
                    continue
                before = usual.metrics[figure].value
                worse = measured.value - before
                if (abs(worse) if figure in SAME else worse) > NOISE:
                    found.append(
                        f"{suite.suite}: {METRICS[figure].title}: {before:.3f}, by {name} {measured.value:.3f}"
                    )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.endpoints", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="SUITE", default=SUITES, help=f"default: {' '.join(SUITES)}")
    parser.add_argument("--filter", help="only cases whose id or words hold this")
    parser.add_argument("--only", action="append", metavar="PROTOCOL", help="beside the embedded models only this one")
    chosen = parser.parse_args()
    # One case at a time: a model on a few cores that is asked four questions at once answers none in time.
    options = ["--parallel", "1", *(["--filter", chosen.filter] if chosen.filter else [])]
    runs: dict[str, Run] = {}
    with tempfile.TemporaryDirectory(prefix="mainstay-endpoints-") as name:
        folder = Path(name)
        with environments(folder) as found:
            for protocol, environment in found.items():
                if chosen.only and protocol not in (EMBEDDED, *chosen.only):
                    continue
                print(f"{protocol}: {' '.join(chosen.suites)}", file=sys.stderr)
                runs[protocol] = evaluated(chosen.suites, environment, folder / f"{protocol}.json", options)
    Console().print(side_by_side(runs))
    if wrong := broken(runs):
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
