"""`mainstay desks`: groups in which managers work."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from cli.channels import COLORS
from cli.channels import PATH as ACCOUNTS
from cli.context import FAILED, AsJson, console, errors, print_json
from cli.remote import remote
from runtime.errors import OperatorError

if TYPE_CHECKING:
    from cli.http import Api

PATH = "/v1/desks"

STEPS = """\
To make a Telegram group the desk:
  1. Make a group, and switch on Topics in its settings.
  2. Add the bot, and make it an administrator with the right "Manage topics".
  3. Within 15 minutes, write there: {command}
Then each manager gets a code with `mainstay desks link-me`."""

app = typer.Typer(no_args_is_help=True, help="Groups in which managers work: a topic for each conversation.")

Which = Annotated[str, typer.Argument(metavar="DESK", help="The desk's id.")]


@app.command("list")
@remote
def list_desks(api: "Api", as_json: AsJson = False) -> None:
    """Show all desks and what they lack."""
    found = api.get(PATH)["items"]
    if as_json:
        print_json(found)
        return
    if not found:
        console.print("There is no desk yet: `mainstay desks add BOT`.")
        return
    for desk in found:
        _tell(desk)
    table = Table("desk", "bot", "branch", "waiting", box=None)
    for desk in found:
        table.add_row(desk["id"], desk["channel_account_id"], desk["branch_id"], str(desk["waiting"]))
    console.print(table)


@app.command()
@remote
def add(
    api: "Api",
    bot: Annotated[
        str, typer.Argument(metavar="BOT", help="Id or name of the Telegram account: `mainstay channels list`.")
    ],
    branch: Annotated[
        str | None, typer.Option(help="Id of the branch whose managers work there. Default: the first.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a desk, and get the command that makes a group it."""
    body = {"channel_account_id": _bot(api, bot)} | ({} if branch is None else {"branch_id": branch})
    _linking(api.post(PATH, body), as_json=as_json)


@app.command()
@remote
def link(api: "Api", which: Which, as_json: AsJson = False) -> None:
    """Get another command for a desk: for one without a group, or to move it to another group."""
    _linking(api.post(f"{PATH}/{which}/link", {}), as_json=as_json)


@app.command()
@remote
def check(api: "Api", which: Which, as_json: AsJson = False) -> None:
    """Look whether the group can be posted to, and try again what waits. Exits with 1 if it cannot."""
    with console.status("Asking Telegram"):
        found = api.post(f"{PATH}/{which}/check", {})
    if as_json:
        print_json(found)
    else:
        _tell(found)
    if found["health"] != "ok":
        raise typer.Exit(FAILED)


@app.command()
@remote
def remove(api: "Api", which: Which) -> None:
    """Forget a desk, with what waits for it. The group itself stays as it is."""
    api.call("DELETE", f"{PATH}/{which}")
    console.print("The desk is gone.")


@app.command("link-me")
@remote
def link_me(api: "Api", as_json: AsJson = False) -> None:
    """Get the command that tells the bots who you are."""
    found = api.post(f"{PATH}/people/me", {})
    if as_json:
        print_json(found)
        return
    console.print("Within 15 minutes, write this to the bot in a private chat (press Start there first):")
    console.print(f"  {found['command']}", markup=False, soft_wrap=True)


def _linking(made: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(made)
        return
    _tell(made)
    console.print(STEPS.format(command=made["link"]["command"]), markup=False, soft_wrap=True)


def _tell(desk: dict[str, Any]) -> None:
    """One line about the desk, and what a person can do about it."""
    state = desk["health"] if desk["linked"] else "not linked"
    code = f" ({desk['health_code']})" if desk["health_code"] else ""
    waiting = f", {desk['waiting']} posts wait" if desk["waiting"] else ""
    console.print(f"{desk['id']}: [{COLORS.get(state, 'dim')}]{state}[/]{code}{waiting}")
    for sentence in desk["advice"]:
        errors.print(f"  - {sentence}", markup=False)


def _bot(api: "Api", which: str) -> str:
    """Raises OperatorError when there is no such account, or several."""
    accounts = [each for each in api.pages(ACCOUNTS) if each["provider"] == "telegram"]
    found = [each for each in accounts if which in (each["id"], each["name"])]
    if len(found) != 1:
        what = "no Telegram account" if not found else f"{len(found)} Telegram accounts"
        raise OperatorError(f"there is {what} of the name or id {which}: see `mainstay channels list`")
    return str(found[0]["id"])
