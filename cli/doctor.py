"""`mainstay doctor`: what works, what does not, and what to do about it."""

import asyncio

import typer
from rich.table import Table

from cli.context import FAILED, AsJson, DataDir, console, print_json

COLOURS = {"ok": "green", "failed": "red", "skipped": "yellow"}


def doctor(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Check everything the system needs; exit 1 if something is wrong, saying what to do."""
    from cli.checks import examine

    checks = asyncio.run(examine(data_dir))
    if as_json:
        print_json([check.model_dump() for check in checks])
    else:
        table = Table("check", "", box=None, pad_edge=False)
        for heading in ("found", "what to do"):
            table.add_column(heading, overflow="fold")  # a command cut short cannot be copied
        for check in checks:
            table.add_row(check.name, f"[{COLOURS[check.status]}]{check.status}[/]", check.found, check.remedy or "")
        console.print(table, soft_wrap=False)
    if any(check.status == "failed" for check in checks):
        raise typer.Exit(FAILED)
