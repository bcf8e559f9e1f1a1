"""`mainstay policy`: the rules that no model can override, written as YAML or JSON, kept by version."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column, Table

from cli.context import FAILED, AsJson, console, errors, print_json
from cli.remote import remote

if TYPE_CHECKING:
    from cli.http import Api
    from models.contracts.policy import Policy

app = typer.Typer(no_args_is_help=True, help="Write, check, compare and restore the tenant's policy.")

File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The policy, as .yaml or .json.")]
Number = Annotated[int, typer.Argument(min=1, help="A version's number; see `mainstay policy history`.")]
Note = Annotated[str | None, typer.Option(help="Why, for those who read the history.")]


@app.command()
@remote
def show(
    api: "Api",
    version: Annotated[int | None, typer.Option(min=1, help="Default: the one in force.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the policy as YAML, without what has its default: good for editing and `mainstay policy put`."""
    from models.contracts.policy import Policy
    from models.policies.document import write

    found = api.get("/v1/policy" if version is None else f"/v1/policy/versions/{version}")
    if as_json:
        print_json(found)
    else:
        console.print(write(Policy.model_validate(found["policy"])), end="", markup=False)


@app.command()
def check(file: File, as_json: AsJson = False) -> None:
    """Say what is wrong in a file, with line and column. Needs no running system."""
    policy = _read(file)
    if as_json:
        print_json(policy.model_dump(mode="json"))
    else:
        console.print(f"{file} is a policy: {_count(policy)}.", markup=False)


@app.command()
@remote
def put(api: "Api", file: File, note: Note = None, as_json: AsJson = False) -> None:
    """Put a file in force as a new version, from the next message on."""
    policy = _read(file)
    params = {} if note is None else {"note": note}
    put = api.call(
        "PUT",
        "/v1/policy",
        content=policy.model_dump_json(),
        params=params,
        headers={"Content-Type": "application/json", "If-Match": "*"},
    )
    if as_json:
        print_json(put)
    else:
        console.print(f"Version {put['version']} is in force: {_count(policy)}.")


@app.command()
@remote
def history(api: "Api", as_json: AsJson = False) -> None:
    """List the versions: when, by whom and why, the newest first."""
    found = list(api.pages("/v1/policy/versions"))
    if as_json:
        print_json(found)
        return
    table = Table(Column("version", justify="right"), "since", "by", "note")
    for each in found:
        restored = f"restores {each['restores']}" if each["restores"] else ""
        note = ": ".join(part for part in (restored, each["note"]) if part)
        table.add_row(str(each["version"]), each["created_at"][:19], (each["created_by"] or {}).get("name", ""), note)
    console.print(table if found else "No policy was ever written.")


@app.command()
@remote
def diff(
    api: "Api",
    version: Number,
    since: Annotated[int | None, typer.Option(min=1, help="Default: the version before.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what changed in a version, field by field."""
    changes = api.get(f"/v1/policy/versions/{version}/changes", since=since)["changes"]
    if as_json:
        print_json(changes)
        return
    for change in changes:
        console.print(change["field"], style="bold", markup=False)
        for sign, value in (("-", change["before"]), ("+", change["after"])):
            if value is not None:
                console.print(f"  {sign} {json.dumps(value, ensure_ascii=False)}", markup=False)
    if not changes:
        console.print("They say the same.")


@app.command()
@remote
def rollback(api: "Api", version: Number, note: Note = None, as_json: AsJson = False) -> None:
    """Put what an earlier version said in force again. Nothing is lost: it becomes a new version."""
    body = {} if note is None else {"note": note}
    path = f"/v1/policy/versions/{version}/restore"
    restored = api.call("POST", path, json=body, headers={"If-Match": "*"})
    if as_json:
        print_json(restored)
    else:
        console.print(f"Version {restored['version']} is in force: it says what version {version} said.")


@app.command()
def starter(industry: Annotated[str | None, typer.Argument(help="Default: list them.")] = None) -> None:
    """Print a policy to begin with, as YAML with comments."""
    from models.policies import starters

    if industry is None:
        console.print("\n".join(starters.INDUSTRIES))
    elif industry in starters.INDUSTRIES:
        console.print(starters.document(industry), end="", markup=False)
    else:
        raise typer.BadParameter(f"must be one of {', '.join(starters.INDUSTRIES)}")


def _read(file: Path) -> "Policy":
    """Ends the command with every fault of the file, as editors and terminals know to jump to."""
    from models.policies.document import Format, InvalidPolicyError, read

    try:
        return read(file.read_bytes(), Format.JSON if file.suffix.lower() == ".json" else Format.YAML)
    except InvalidPolicyError as invalid:
        for fault in invalid.faults:
            place = f"{file}:{fault.line or 1}:{fault.column or 1}"
            errors.print(": ".join(part for part in (place, fault.field, fault.message) if part), markup=False)
        raise typer.Exit(FAILED) from None


def _count(policy: "Policy") -> str:
    count = len(policy.topics)
    return "1 topic" if count == 1 else f"{count} topics"
