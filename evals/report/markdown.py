"""A run as tables for a README: a row for each figure, a column for each suite. Suites with the same figures share a table."""

from collections.abc import Sequence

from evals.metrics import METRICS
from evals.result import Run, SuiteRun


def render(run: Run) -> str:
    """Values that miss what was asked of them are bold."""
    alike: dict[tuple[str, ...], list[SuiteRun]] = {}
    for suite in run.suites:
        alike.setdefault(tuple(suite.metrics), []).append(suite)
    return "\n\n".join(_table(names, suites) for names, suites in alike.items()) + "\n"


def _table(names: Sequence[str], suites: Sequence[SuiteRun]) -> str:
    rows = [["", *(_title(suite) for suite in suites), "goal"], ["---"] * (len(suites) + 2)]
    rows += [[METRICS[name].title, *(_value(suite, name) for suite in suites), _goal(suites, name)] for name in names]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _title(suite: SuiteRun) -> str:
    return suite.suite if suite.answerer in ("-", "extractive") else f"{suite.suite}, {suite.answerer}"


def _value(suite: SuiteRun, name: str) -> str:
    found = suite.metrics[name]
    return f"**{found.value:.3f}**" if found.held is False else f"{found.value:.3f}"


def _goal(suites: Sequence[SuiteRun], name: str) -> str:
    sign = "≥" if METRICS[name].better == "higher" else "≤"
    asked = {suite.metrics[name].threshold for suite in suites}
    return ", ".join(f"{sign} {threshold:g}" for threshold in sorted(each for each in asked if each is not None))
