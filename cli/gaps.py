"""`mainstay kb gaps` and `mainstay kb health`: what knowledge lacks, and what may be wrong with it."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Column, Table

from cli.context import AsJson, console, print_json
from cli.remote import remote
from models.contracts.learning import GapStatus

if TYPE_CHECKING:
    from cli.http import Api


@remote
def gaps(
    api: "Api",
    status: Annotated[GapStatus | None, typer.Option(help="Only those that stand so.")] = None,
    review: Annotated[bool, typer.Option("--review", help="Have knowledge looked through now, not tonight.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Gaps to show.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show questions that knowledge could not answer, those of most customers first."""
    if review:
        api.post("/v1/kb/review")
    found: list[dict[str, Any]] = api.get("/v1/kb/gaps", status=status, limit=limit)["items"]
    if as_json:
        print_json(found)
    elif not found:
        console.print("No gaps are known.")
    else:
        table = Table(Column("id", no_wrap=True), "status", "customers", "last asked", "question")
        for each in found:
            last = (each["last_asked_at"] or "")[:16]
            table.add_row(each["id"], each["status"], str(each["customers"]), last, (each["question"] or "")[:80])
        console.print(table)


@remote
def health(
    api: "Api",
    limit: Annotated[int, typer.Option(min=1, max=200, help="Of each kind, at most.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show passages that may contradict each other, old pages in use, and pages that no answer cites."""
    found = api.get("/v1/kb/health", limit=limit)
    if as_json:
        print_json(found)
        return
    for pair in found["contradictions"]:
        console.print("These may contradict each other:", style="bold")
        for age in ("older", "newer"):
            passage = pair[age]
            place = f"{passage['source']}, {passage['title']}, {passage['updated_at'][:10]}"
            console.print(f"  {place}\n    {passage['text']}", markup=False)
    for name, heading in (("stale", "Used, and not updated for long"), ("never_cited", "In no answer")):
        if found[name]:
            console.print(f"{heading}:", style="bold")
        for page in found[name]:
            console.print(f"  {page['source']}, {page['title']}: used {page['uses']} times", markup=False)
    if not any(found.values()):
        console.print("Nothing was found.")
