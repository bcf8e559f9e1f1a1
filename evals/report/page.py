"""The page: for each suite its figures, its plots, what went wrong, and what has changed since an earlier run."""

from collections.abc import Callable, Sequence
from html import escape
from importlib import resources

from evals.compare import Comparison, compare
from evals.report import plots
from evals.result import Result, Run, SuiteRun

PLOTS: tuple[tuple[str, Callable[[Sequence[Result]], str]], ...] = (
    ("Which intent was read as which (rows: right)", plots.confusion),
    ("Confidence, right above and wrong below", plots.confidences),
    ("Time to the reply", plots.latencies),
)


def render(run: Run, before: Run | None) -> str:
    """One HTML document without scripts and without anything from elsewhere."""
    style = resources.files(__package__).joinpath("page.css").read_text("utf-8")
    changes = {} if before is None else {(each.after.suite, each.after.answerer): each for each in compare(before, run)}
    sections = "".join(_section(each, changes.get((each.suite, each.answerer))) for each in run.suites)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Answer quality</title><style>{style}</style>"
        f"<h1>Answer quality</h1><p>{run.created_at:%Y-%m-%d %H:%M} UTC</p>{sections}</html>\n"
    )


def _section(run: SuiteRun, changed: Comparison | None) -> str:
    drawn = [(title, draw(run.results)) for title, draw in PLOTS]
    figures = "".join(f"<h3>{title}</h3>{plot}" for title, plot in drawn if plot)
    missed = [result for result in run.results if not result.passed]
    verdict = '<span class="held">held</span>' if run.held else '<span class="missed">missed</span>'
    return (
        f"<h2>{escape(run.title)}</h2><p>{escape(run.suite)}, answers by {escape(run.answerer)}: "
        f"{len(run.results) - len(missed)} of {len(run.results)} right, thresholds {verdict}</p>"
        f"{plots.bars(run)}{figures}{'' if changed is None else _changes(changed)}"
        f"<details><summary>{len(missed)} went wrong</summary>{_table(missed)}</details>"
    )


def _changes(changed: Comparison) -> str:
    moved = "".join(f"<li>{escape(name)}: {then:.3f} → {now:.3f}</li>" for name, then, now in changed.moved)
    return (
        f"<h3>Since the earlier run: {len(changed.better)} better, {len(changed.worse)} worse "
        f"(p = {changed.p:.3f})</h3>"
        f"<ul>{moved}</ul>"
        f"<details><summary>Better</summary>{_table(changed.better)}</details>"
        f"<details><summary>Worse</summary>{_table(changed.worse)}</details>"
    )


def _table(results: Sequence[Result]) -> str:
    rows = "".join(
        f"<tr><td>{escape(result.id)}<td>{escape(result.text)}<td>{escape(', '.join(result.expected))}"
        f"<td>{escape(', '.join(result.got))}<td>{escape(result.fault)}<td>{escape(result.reply)}"
        for result in results
    )
    return f"<table><tr><th>case<th>said<th>expected<th>came<th>why wrong<th>reply</tr>{rows}</table>"
