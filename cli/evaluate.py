"""`mainstay eval`: measure the quality of answers, on suites of questions whose answers are known."""

import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from cli.context import FAILED, console, errors, settings_of
from runtime.errors import OperatorError

if TYPE_CHECKING:
    from evals.compare import Comparison
    from evals.result import Run, SuiteRun
    from evals.session import Elsewhere
    from evals.suites import Suite

SHOWN = 10
"""Cases in the terminal; the report and the JSON have all of them."""


def evaluate(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="SUITE...", help="Names from --list, or folders with a suite.yaml.")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the suites, and run none.")] = False,
    data: Annotated[
        Path | None, typer.Option("--data", exists=True, file_okay=False, help="Folder of the public data sets.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all results here, for programs.")] = None,
    html_file: Annotated[Path | None, typer.Option("--html", help="Write a report here, for people.")] = None,
    markdown_file: Annotated[
        Path | None, typer.Option("--markdown", help="Write the figures here, as tables for a README.")
    ] = None,
    earlier: Annotated[
        Path | None, typer.Option("--compare", exists=True, dir_okay=False, help="An earlier --json to compare with.")
    ] = None,
    fail_under: Annotated[
        float | None, typer.Option("--fail-under", min=0, max=1, help="Fail when a smaller share of a suite passes.")
    ] = None,
    filter_: Annotated[str | None, typer.Option("--filter", help="Only cases whose id or words hold this.")] = None,
    parallel: Annotated[int, typer.Option("--parallel", min=1, max=64, help="Cases asked at a time.")] = 4,
    url: Annotated[str | None, typer.Option("--url", help="A running system, instead of one started for this.")] = None,
    key: Annotated[
        str | None,
        typer.Option(
            "--key", envvar="MAINSTAY_API_KEY", help="With --url: of the owner of a tenant without knowledge."
        ),
    ] = None,
) -> None:
    """Run suites through a whole system and hold their figures against their thresholds.

    Exits with 1 when a threshold is missed. Models are those of the environment's settings; without any, answers are
    quotes and every run gives the same result.
    """
    from evals import result
    from evals.session import Elsewhere

    if list_:
        _list()
        return
    if not names:
        raise typer.BadParameter("name at least one; --list shows what there is", param_hint="SUITE")
    if url is not None and key is None:
        raise typer.BadParameter("needs --key", param_hint="--url")
    chosen = [_load(name, data) for name in names]
    if filter_ is not None:
        chosen = [each for each in (suite.only(filter_) for suite in chosen) if each.cases]
        if not chosen:
            raise OperatorError(f"no case holds “{filter_}”")
    before = None if earlier is None else result.read(earlier)
    run = _run(chosen, Elsewhere(url, key) if url is not None and key is not None else None, parallel)
    _write(run, before, json_file, html_file, markdown_file)
    for done in run.suites:
        _print(done)
    if before is not None:
        from evals.compare import compare

        for each in compare(before, run):
            _print_comparison(each)
    if not all(done.held and done.passed >= (fail_under or 0) for done in run.suites):
        raise typer.Exit(FAILED)


def _load(name: str, data: Path | None) -> "Suite":
    from evals import loaders, suites

    return loaders.load(name, data) if name in loaders.LOADERS else suites.load(name)


def _list() -> None:
    from evals import loaders, suites

    table = Table("suite", "cases", "what")
    for name in suites.names():
        suite = suites.load(name)
        kinds = ", ".join(f"{count} {kind}" for kind, count in suites.described(suite).items())
        table.add_row(name, kinds, suite.head.title)
    for name, (title, _) in loaders.LOADERS.items():
        table.add_row(name, "needs --data", title)
    console.print(table)


def _run(chosen: "list[Suite]", elsewhere: "Elsewhere | None", parallel: int) -> "Run":
    from evals import session

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True) as progress:
        task = progress.add_task("Starting, then asking", total=session.steps(chosen, elsewhere))
        try:
            return asyncio.run(
                session.evaluate(chosen, settings_of(None), elsewhere, parallel, partial(progress.advance, task))
            )
        except ExceptionGroup as group:
            # The first case that found the system away says what all the others would.
            raise group.exceptions[0] from None


def _write(
    run: "Run", before: "Run | None", json_file: Path | None, html_file: Path | None, markdown_file: Path | None
) -> None:
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(run.model_dump_json(indent=1) + "\n", "utf-8")
    if html_file is not None:
        from evals.report import page

        html_file.parent.mkdir(parents=True, exist_ok=True)
        html_file.write_text(page.render(run, before), "utf-8")
    if markdown_file is not None:
        from evals.report import markdown

        markdown_file.parent.mkdir(parents=True, exist_ok=True)
        markdown_file.write_text(markdown.render(run), "utf-8")


def _print(run: "SuiteRun") -> None:
    from evals.metrics import METRICS

    table = Table("figure", "value", "95 %", "cases", "asked", title=f"{run.suite} ({run.answerer})")
    for name, found in run.metrics.items():
        interval = "" if found.low is None or found.high is None else f"{found.low:.3f} to {found.high:.3f}"
        asked = ""
        if found.threshold is not None:
            sign = "≥" if METRICS[name].better == "higher" else "≤"
            asked = f"[{'green' if found.held else 'red'}]{sign} {found.threshold:g}[/]"
        table.add_row(METRICS[name].title, f"{found.value:.3f}", interval, str(found.of), asked)
    console.print(table)
    missed = [result for result in run.results if not result.passed]
    for result in missed[:SHOWN]:
        fault = result.fault or f"{', '.join(result.got) or 'nothing'} instead of {', '.join(result.expected)}"
        console.print(f"  {result.id}: {result.text.splitlines()[0]} -> {fault}", style="dim", markup=False)
    if len(missed) > SHOWN:
        console.print(f"  and {len(missed) - SHOWN} more: --html shows them all", style="dim")


def _print_comparison(found: "Comparison") -> None:
    console.print(
        f"{found.after.suite} ({found.after.answerer}): {len(found.better)} better, {len(found.worse)} worse "
        f"(p = {found.p:.3f})",
        markup=False,
    )
    for name, then, now in found.moved:
        console.print(f"  {name}: {then:.3f} -> {now:.3f}", markup=False)
    for sign, results in (("+", found.better), ("-", found.worse)):
        for result in results[:SHOWN]:
            console.print(f"  {sign} {result.id}: {result.text.splitlines()[0]}", style="dim", markup=False)
