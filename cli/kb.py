"""`mainstay kb`: put a company's pages into its knowledge, and look at what is there."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from cli.ask import place_of
from cli.context import FAILED, AsJson, console, print_json
from cli.remote import remote
from models.contracts.enums import FileStatus
from runtime.errors import OperatorError

if TYPE_CHECKING:
    from cli.http import Api

app = typer.Typer(no_args_is_help=True, help="Add pages to knowledge, list, search and remove them.")

ID = Column("id", no_wrap=True)


@app.command()
@remote
def add(
    api: "Api",
    paths: Annotated[list[Path], typer.Argument(exists=True, help="Files and folders, of any kind.")],
    source: Annotated[
        str | None, typer.Option("--source", help="Name to keep them under. Default: that of the first folder.")
    ] = None,
    tags: Annotated[
        list[str] | None,
        typer.Option("--tag", help="For branches and assistants that answer from tagged pages; repeatable."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Withdraw pages of this source that are not among these files.")
    ] = False,
    allow_failures: Annotated[
        bool, typer.Option("--allow-failures", help="Exit with 0 though files could not be read.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Add files and folders to knowledge and wait until the bot answers from them.

    Files that have not changed are left alone. Exits with 1 if any could not be read; the others are added.
    """
    from cli import kb_add
    from cli.kb_files import find, folder_name

    found = find(paths)
    if not found.names:
        raise OperatorError(f"there is no file in {', '.join(map(str, paths))} that is neither hidden nor temporary")
    name = source or folder_name(paths[0])
    added = kb_add.add(api, name, tags, found, replace=replace)
    kb_add.tell(name, found, added, as_json=as_json)
    failed = bool(found.failed) or added.count("files_failed") > 0
    if added.errors or (failed and not allow_failures):
        raise typer.Exit(FAILED)


@app.command("list")
@remote
def list_(api: "Api", as_json: AsJson = False) -> None:
    """List the sources of knowledge."""
    found = list(api.pages("/v1/kb/sources"))
    if as_json:
        print_json(found)
    elif not found:
        console.print("Nothing is known yet: `mainstay kb add FOLDER`")
    else:
        table = Table("source", ID, "tags", "documents", "passages", "last job")
        for each in found:
            last = "" if each["last_job"] is None else each["last_job"]["status"]
            counts = (str(each["documents"]), str(each["chunks"]))
            table.add_row(each["name"], each["id"], ", ".join(each["tags"]), *counts, last)
        console.print(table)


@app.command()
@remote
def search(
    api: "Api",
    question: Annotated[str, typer.Argument(help="What a customer would ask.")],
    limit: Annotated[int, typer.Option(min=1, max=20, help="Passages to show.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Show the passages that the bot would answer from."""
    found = api.post("/v1/kb/search", {"query": question, "limit": limit})
    if as_json:
        print_json(found)
        return
    if not found["passages"]:
        console.print("Nothing was found.")
        return
    for passage in found["passages"]:
        console.print(f"{passage['similarity']:.2f}  {place_of(passage)}", style="bold", markup=False)
        console.print(passage["text"] + "\n", markup=False)
    console.print(f"An answer is in the first one with probability {found['confidence']:.2f}.")


@app.command()
@remote
def remove(
    api: "Api",
    source: Annotated[str, typer.Argument(help="The source's name or id.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Forget a source with all that was learned from it."""
    found = next((each for each in api.pages("/v1/kb/sources") if source in (each["id"], each["name"])), None)
    if found is None:
        raise OperatorError(f"there is no source {source}: `mainstay kb list` shows what there is")
    if not yes:
        typer.confirm(f"Forget {found['name']} with {found['documents']} documents?", abort=True)
    api.delete(f"/v1/kb/sources/{found['id']}")
    if as_json:
        print_json({"removed": found["id"]})
    else:
        console.print(f"{found['name']} is forgotten.", markup=False)


@app.command()
@remote
def jobs(
    api: "Api",
    limit: Annotated[int, typer.Option(min=1, max=200, help="Jobs to show, the latest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show how uploads fared."""
    found = api.get("/v1/kb/jobs", limit=limit)["items"]
    if as_json:
        print_json(found)
        return
    table = Table(ID, "status", "documents", "changed", "files", "failed", "passages", "since")
    for job in found:
        passages = f"{job['chunks_embedded']}/{job['chunks_total']}"
        files = (f"{job['files_done']}/{job['files_total']}", str(job["files_failed"]))
        counts = (str(job["documents_total"]), str(job["documents_changed"]), *files, passages)
        status = ": ".join(filter(None, (job["status"], job["error"])))
        table.add_row(job["id"], status, *counts, job["created_at"][:16])
    console.print(table)


@app.command()
@remote
def files(
    api: "Api",
    job: Annotated[str, typer.Argument(help="The job's id, as `mainstay kb jobs` shows it.")],
    status: Annotated[FileStatus | None, typer.Option("--status", help="Only those of which this became.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what became of a job's files."""
    from cli import kb_add

    found = list(kb_add.report(api, job, status))
    if as_json:
        print_json(found)
        return
    table = Table("file", "status", "is", "pages", "passages", "repeated", "notes")
    for line in found:
        figures = ("" if line[name] is None else str(line[name]) for name in ("pages", "chunks", "duplicates"))
        notes = "; ".join(filter(None, (kb_add.why(line), *line["notes"])))
        table.add_row(escape(line["name"]), line["status"], line["media_type"] or "", *figures, escape(notes))
    console.print(table)
