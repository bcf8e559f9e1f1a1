"""`mainstay assistant`: who answers, in which words and from which knowledge; prompts by version."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.context import AsJson, console, print_json
from cli.remote import remote
from models.contracts.enums import Language
from runtime.errors import OperatorError

if TYPE_CHECKING:
    from cli.http import Api

app = typer.Typer(no_args_is_help=True, help="Assistants: who answers, and their prompts by version.")

Slug = Annotated[str, typer.Argument(help="Slug of the assistant; `default` answers where no other was chosen.")]
File = Annotated[Path | None, typer.Option("--file", help="JSON of the assistant's fields, - for standard input.")]


@app.command("list")
@remote
def list_(api: "Api", as_json: AsJson = False) -> None:
    """List the assistants."""
    found = _all(api)
    if as_json:
        print_json(found)
        return
    for each in found:
        prompt = f"prompt {each['prompt_version']}, route {each['assistant']['route']}"
        console.print(f"{each['slug']}  {each['name']}  ({prompt})", markup=False)
    if not found:
        console.print("Nobody has written an assistant; the default one answers.")


@app.command()
@remote
def show(api: "Api", slug: Slug) -> None:
    """Print an assistant as JSON; its field `assistant` is what `put --file` takes."""
    print_json(_called(api, slug))


@app.command()
@remote
def put(
    api: "Api",
    slug: Slug,
    name: Annotated[str | None, typer.Option(help="Name that is shown. Needed for a new one.")] = None,
    file: File = None,
    starter: Annotated[
        str | None, typer.Option(help="Industry to begin with: see `mainstay assistant starters`.")
    ] = None,
    language: Annotated[Language, typer.Option(help="Of the starter.")] = Language.EN,
    as_json: AsJson = False,
) -> None:
    """Create an assistant, or replace what can be tuned of the one that is there."""
    begun = _starter(api, starter, language) if starter else {"name": None, "assistant": {}}
    body = {"name": name or begun["name"], "assistant": begun["assistant"] | _read(file)}
    there = next((each for each in _all(api) if each["slug"] == slug), None)
    if there is None:
        if body["name"] is None:
            raise OperatorError("a new assistant needs --name")
        done = api.post("/v1/assistants", body | {"slug": slug})
    else:
        body["name"] = body["name"] or there["name"]
        if file is None and starter is None:
            body["assistant"] = there["assistant"]
        done = api.call("PUT", f"/v1/assistants/{there['id']}", json=body)
    _tell(done, as_json, f"{slug} answers so from the next message on.")


@app.command()
@remote
def remove(api: "Api", slug: Slug) -> None:
    """Remove an assistant with its prompts."""
    api.delete(f"/v1/assistants/{_called(api, slug)['id']}")
    console.print(f"{slug} is removed.", markup=False)


@app.command()
@remote
def prompts(api: "Api", slug: Slug, as_json: AsJson = False) -> None:
    """List the versions of an assistant's prompt, the newest first."""
    assistant = _called(api, slug)
    found = api.get(f"/v1/assistants/{assistant['id']}/prompts", limit=200)["items"]
    if as_json:
        print_json(found)
        return
    for each in found:
        mark = "*" if each["version"] == assistant["prompt_version"] else " "
        console.print(f"{mark} {each['version']}  {each['created_at']}  {each['note'] or ''}", markup=False)


@app.command()
@remote
def prompt(
    api: "Api",
    slug: Slug,
    file: Annotated[Path, typer.Argument(help="File of the template, - for standard input.")],
    note: Annotated[str | None, typer.Option(help="What is new in it.")] = None,
    activate: Annotated[bool, typer.Option(help="Put it in force at once.")] = True,
    as_json: AsJson = False,
) -> None:
    """Write a new version of an assistant's prompt."""
    body = {"template": _text(file), "note": note, "activate": activate}
    made = api.post(f"/v1/assistants/{_called(api, slug)['id']}/prompts", body)
    _tell(made, as_json, f"Version {made['version']} is {'in force' if activate else 'kept'}.")


@app.command()
@remote
def activate(
    api: "Api",
    slug: Slug,
    version: Annotated[
        int, typer.Argument(help="Version of the prompt; an earlier one rolls back, 0 is the first of all.")
    ],
    as_json: AsJson = False,
) -> None:
    """Put a version of the prompt in force."""
    done = api.post(f"/v1/assistants/{_called(api, slug)['id']}/prompts/activate", {"version": version})
    _tell(done, as_json, f"Version {version} is in force.")


@app.command()
@remote
def starters(
    api: "Api",
    language: Annotated[Language | None, typer.Option(help="Only of this language.")] = None,
    as_json: AsJson = False,
) -> None:
    """List assistants to begin with, by industry."""
    found = api.get("/v1/assistant-starters", language=None if language is None else language.value)["items"]
    if as_json:
        print_json(found)
        return
    for each in found:
        console.print(f"{each['industry']} ({each['language']}): {each['name']}", markup=False)


def _all(api: "Api") -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = api.get("/v1/assistants", limit=200)["items"]
    return items


def _called(api: "Api", slug: str) -> dict[str, Any]:
    found = next((each for each in _all(api) if each["slug"] == slug), None)
    if found is None:
        raise OperatorError(f"there is no assistant {slug}: `mainstay assistant list`")
    return found


def _starter(api: "Api", industry: str, language: Language) -> dict[str, Any]:
    items: list[dict[str, Any]] = api.get("/v1/assistant-starters", language=language.value)["items"]
    found = next((each for each in items if each["industry"] == industry), None)
    if found is None:
        raise OperatorError(
            f"there is no starter {industry}; there are {', '.join(each['industry'] for each in items)}"
        )
    return found


def _text(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(f"{file} cannot be read ({type(error).__name__})") from None


def _read(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        found = json.loads(_text(file))
    except ValueError as error:
        raise OperatorError(f"{file} is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise OperatorError(f"{file} must hold a JSON object")
    return found


def _tell(done: dict[str, Any], as_json: bool, words: str) -> None:
    if as_json:
        print_json(done)
    else:
        console.print(words, markup=False)
