"""What a benchmark has found, against its baseline and its goal; and the command line that all benchmarks share."""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table

console = Console(stderr=True)
"""For what is under way; figures go to the standard output."""


@dataclass(frozen=True, slots=True)
class Figure:
    """`ratio` is that of the value to the baseline. A goal is for the ratio where there is one, else for the value."""

    name: str
    value: float
    unit: str
    baseline: float | None = None
    at_least: float | None = None
    at_most: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.value / self.baseline if self.baseline else None

    @property
    def goal(self) -> str:
        bounds = (("≥", self.at_least), ("≤", self.at_most))
        return " ".join(f"{sign} {bound:g}" for sign, bound in bounds if bound is not None)

    @property
    def reached(self) -> bool | None:
        """None without a goal."""
        if not self.goal:
            return None
        measured = self.value if self.ratio is None else self.ratio
        return (self.at_least is None or measured >= self.at_least) and (
            self.at_most is None or measured <= self.at_most
        )


class Figures:
    """The figures of a run, in the order in which they were found."""

    def __init__(self, *, quick: bool = False) -> None:
        self.quick = quick
        self.found: list[Figure] = []

    def add(
        self,
        name: str,
        value: float,
        unit: str,
        baseline: float | None = None,
        *,
        at_least: float | None = None,
        at_most: float | None = None,
    ) -> None:
        self.found.append(Figure(name, value, unit, baseline, at_least, at_most))

    def show(self) -> None:
        table = Table(Column("figure", no_wrap=True), "value", "unit", "baseline", "ratio", "goal", "")
        for each in self.found:
            verdict = {None: "", True: "reached", False: "NOT reached"}[each.reached]
            table.add_row(
                each.name, _short(each.value), each.unit, _short(each.baseline), _short(each.ratio), each.goal, verdict
            )
        out = Console()
        # Into a file or a pipe it is as wide as it needs to be.
        (out if out.is_terminal else Console(width=160)).print(table)

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [asdict(each) | {"ratio": each.ratio, "reached": each.reached} for each in self.found]
        path.write_text(json.dumps(rows, indent=2) + "\n")


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}".rstrip("0").rstrip(".")


Measure = Callable[[Figures], Coroutine[Any, Any, None]]


def parser(name: str, description: str | None) -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(
        prog=f"python -m {name}", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    found.add_argument("--quick", action="store_true", help="small and short: whether it works, not what to quote")
    found.add_argument("--out", type=Path, help="write the figures here, as JSON")
    return found


def run(measure: Measure, given: argparse.Namespace) -> int:
    """Measure, print and write. What was found before an error is shown, too."""
    figures = Figures(quick=given.quick)
    try:
        asyncio.run(measure(figures))
    finally:
        figures.show()
        if given.out is not None:
            figures.write(given.out)
    return 0


def command(name: str, description: str | None, measure: Measure) -> None:
    """The program of one benchmark."""
    sys.exit(run(measure, parser(name, description).parse_args()))
