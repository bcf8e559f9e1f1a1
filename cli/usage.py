"""`mainstay usage`: what models did and cost."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cli.context import AsJson, console, print_json
from cli.remote import remote

if TYPE_CHECKING:
    from cli.http import Api

GroupBy = Literal["day", "model", "assistant", "outcome", "purpose"]
Purpose = Literal["answer", "understand", "rewrite", "rerank", "embed"]


@remote
def usage(
    api: "Api",
    since: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day (UTC). Default: 30 days ago.")
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option("--to", formats=["%Y-%m-%d"], help="Day (UTC) before which it ends. Default: now."),
    ] = None,
    group_by: Annotated[GroupBy, typer.Option(help="What to sum by.")] = "day",
    purpose: Annotated[Purpose | None, typer.Option(help="Only calls for this.")] = None,
    as_json: AsJson = False,
) -> None:
    """Calls of models, their tokens and cost, and what is left of the budgets."""
    span = {"from": _instant(since), "to": _instant(until)}
    found = api.get("/v1/usage", **span, group_by=group_by, purpose=purpose)
    if as_json:
        print_json(found)
    else:
        _show(found)


def _instant(day: datetime | None) -> str | None:
    return None if day is None else day.replace(tzinfo=UTC).isoformat()


def _show(found: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table(found["group_by"], "calls", "prompt tokens", "answer tokens", "cost", "mean ms", box=None)
    for row in found["rows"]:
        mean = round(row["milliseconds"] / row["calls"])
        cells = (row["calls"], row["prompt_tokens"], row["completion_tokens"], f"{row['cost']:.4f}", mean)
        table.add_row(row["key"], *map(str, cells))
    console.print(table)
    for name, budget in found["budgets"].items():
        limit = "no limit" if budget["limit"] is None else f"of {budget['limit']:g} ({budget['share']:.0%})"
        console.print(f"{name.replace('_', ' ')}: {budget['used']:g} {limit}")
