"""`mainstay escalations`: who waits for a person, and what managers do about it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer
from rich.table import Column, Table

from cli.context import AsJson, console, print_json
from cli.remote import remote
from models.contracts.enums import EscalationStatus

if TYPE_CHECKING:
    from cli.http import Api

app = typer.Typer(no_args_is_help=True, help="See who waits for a person, and act on it.")

EscalationId = Annotated[UUID, typer.Argument(help="The escalation's id.")]
ActingMember = Annotated[UUID | None, typer.Option("--member", help="Act as this member. Default: the key's own.")]


@app.command("list")
@remote
def list_(
    api: "Api",
    status: Annotated[EscalationStatus | None, typer.Option(help="Only those that stand so.")] = None,
    as_json: AsJson = False,
) -> None:
    """List escalations, the longest waiting first."""
    found = list(api.pages("/v1/escalations", status=status))
    if as_json:
        print_json(found)
    elif not found:
        console.print("Nobody waits for a person." if status in (None, EscalationStatus.PENDING) else "None.")
    else:
        table = Table(Column("id", no_wrap=True), "status", "reason", "taken by", "since")
        for each in found:
            taken = (each["taken_by"] or {}).get("name", "")
            table.add_row(each["id"], each["status"], each["reason"], taken, each["created_at"][:19])
        console.print(table)


@app.command()
@remote
def show(api: "Api", escalation: EscalationId, as_json: AsJson = False) -> None:
    """Show an escalation with the last messages of its conversation."""
    found = api.get(f"/v1/escalations/{escalation}")
    if as_json:
        print_json(found)
        return
    customer = found["conversation"]["customer"]["name"] or "A customer"
    holder = f", taken by {found['taken_by']['name']}" if found["taken_by"] else ""
    console.print(f"{customer}, {found['status']}{holder}: {found['reason'].replace('_', ' ')}", markup=False)
    for message in found["messages"]:
        console.print(f"{message['author']:>9}  {message['text']}", markup=False)


def command(api: "Api", escalation: UUID, verb: str, member: UUID | None, as_json: bool, **body: str) -> None:
    """Carry out one command and say where that leaves the conversation."""
    given = body | ({} if member is None else {"member_id": str(member)})
    outcome = api.post(f"/v1/escalations/{escalation}/{verb}", given)
    if as_json:
        print_json(outcome)
    else:
        console.print(
            f"Done: the escalation is {outcome['escalation']['status']}, the conversation {outcome['state']}."
        )


@app.command()
@remote
def reply(
    api: "Api",
    escalation: EscalationId,
    text: Annotated[str, typer.Argument(help="What the customer is to read.")],
    member: ActingMember = None,
    as_json: AsJson = False,
) -> None:
    """Write to the customer; a pending escalation is taken by it."""
    command(api, escalation, "reply", member, as_json, text=text)


@app.command()
@remote
def reassign(
    api: "Api",
    escalation: EscalationId,
    to: Annotated[UUID, typer.Argument(help="Id of the member who is to have it.")],
    member: ActingMember = None,
    as_json: AsJson = False,
) -> None:
    """Offer it to another member, or hand it over to them."""
    command(api, escalation, "reassign", member, as_json, to=str(to))


PLAIN = {
    "take": "Take it: the bot falls silent, the customer has a person.",
    "resolve": "End it as solved: back to the bot.",
    "skip": "Pass: it waits for somebody else.",
    "return": "End it unsolved: back to the bot.",
}


def plain(verb: str) -> Callable[..., None]:
    """A command that needs nothing but the escalation."""

    @remote
    def run(api: "Api", escalation: EscalationId, member: ActingMember = None, as_json: AsJson = False) -> None:
        command(api, escalation, verb, member, as_json)

    return run


for verb, what in PLAIN.items():
    app.command(verb, help=what)(plain(verb))
