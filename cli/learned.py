"""`mainstay learned`: what managers answered, reviewed and made knowledge."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer
from rich.table import Column, Table

from cli.context import AsJson, console, print_json
from cli.remote import remote
from models.contracts.enums import LearnedStatus
from runtime.errors import OperatorError

if TYPE_CHECKING:
    from cli.http import Api

app = typer.Typer(no_args_is_help=True, help="Review what managers answered, and make it knowledge.")

LearnedId = Annotated[UUID, typer.Argument(help="The learned answer's id.")]


@app.command("list")
@remote
def list_(
    api: "Api",
    status: Annotated[LearnedStatus | None, typer.Option(help="Only those that stand so.")] = None,
    contradicted: Annotated[
        bool, typer.Option("--contradicted", help="Only those that somebody has answered differently since.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List what managers answered, the oldest first."""
    found = list(api.pages("/v1/learned", status=status, contradicted="true" if contradicted else None))
    if as_json:
        print_json(found)
    elif not found:
        console.print("Nothing was learned yet." if status is None else "None.")
    else:
        table = Table(Column("id", no_wrap=True), "status", "asked", "used", "question")
        for each in found:
            status_shown = each["status"] + (", contradicted" if each["contradicted"] else "")
            table.add_row(each["id"], status_shown, str(each["times"]), str(each["uses"]), each["question"][:80])
        console.print(table)


@app.command()
@remote
def show(api: "Api", learned: LearnedId, as_json: AsJson = False) -> None:
    """Show a learned answer with the other answers to its question."""
    found = api.get(f"/v1/learned/{learned}")
    if as_json:
        print_json(found)
        return
    answered = (found["answered_by"] or {}).get("name", "somebody")
    reviewed = f", reviewed by {found['reviewed_by']['name']}" if found["reviewed_by"] else ""
    console.print(f"{found['status']}, answered by {answered}{reviewed}, used {found['uses']} times", markup=False)
    console.print(f"Question  {found['question']}", markup=False)
    console.print(f"Answer    {found['answer']}", markup=False)
    for other in found["others"]:
        console.print(f"{'Differs' if other['differs'] else 'Also':<9} {other['answer']}", markup=False)


@app.command()
@remote
def edit(
    api: "Api",
    learned: LearnedId,
    question: Annotated[str | None, typer.Option(help="The question in other words.")] = None,
    answer: Annotated[str | None, typer.Option(help="The answer in other words.")] = None,
    as_json: AsJson = False,
) -> None:
    """Change its words, in knowledge too if it is there."""
    changes = {name: value for name, value in (("question", question), ("answer", answer)) if value is not None}
    if not changes:
        raise OperatorError("say what to change: --question, --answer, or both")
    command(api, learned, "edit", changes, as_json)


def command(api: "Api", learned: UUID, verb: str, body: dict[str, str], as_json: bool) -> None:
    """Carry out one command and say how the answer stands then."""
    found = api.post(f"/v1/learned/{learned}/{verb}", body)
    if as_json:
        print_json(found)
    else:
        console.print(f"Done: it is {found['status']}.")


PLAIN = {
    "approve": "Make it knowledge.",
    "reject": "Keep it out of knowledge.",
    "undo": "Take the review back, and the page out of knowledge.",
}


def plain(verb: str) -> Callable[..., None]:
    """A command that needs nothing but the learned answer."""

    @remote
    def run(api: "Api", learned: LearnedId, as_json: AsJson = False) -> None:
        command(api, learned, verb, {}, as_json)

    return run


for verb, what in PLAIN.items():
    app.command(verb, help=what)(plain(verb))
