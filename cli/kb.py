"""`mainstay kb`: put a company's pages into its knowledge, and look at what is there."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Column, Table

from cli.context import FAILED, AsJson, DataDir, console, errors, print_json
from cli.options import KeyOption, TenantOption, UrlOption
from runtime.errors import OperatorError

if TYPE_CHECKING:
    from cli.http import Api

app = typer.Typer(no_args_is_help=True, help="Add pages to knowledge, list, search and remove them.")

MEDIA_TYPES = {".md": "text/markdown", ".markdown": "text/markdown", ".txt": "text/plain"}
ENDINGS = ", ".join(MEDIA_TYPES)

BATCH_BYTES = 400_000
"""Of text in one request: below the API's limit on bodies with room for what JSON adds."""
BATCH_DOCUMENTS = 200
NAME_CHARACTERS = 200
POLL_SECONDS = 0.5

ID = Column("id", no_wrap=True)


@dataclass(frozen=True, slots=True)
class Page:
    """A readable file. `name` is its path below the folder that was given."""

    path: Path
    name: str
    text: str

    def as_json(self) -> dict[str, str]:
        return {
            "name": self.name,
            "text": self.text,
            "media_type": MEDIA_TYPES[self.path.suffix.lower()],
        }


@dataclass(slots=True)
class Reading:
    """What was found on disk. `names` has every file, the unreadable ones too: those must not be withdrawn."""

    pages: list[Page] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    failed: list[tuple[Path, str]] = field(default_factory=list)


@app.command()
def add(
    paths: Annotated[list[Path], typer.Argument(exists=True, help=f"Files and folders ({ENDINGS}, in UTF-8).")],
    source: Annotated[
        str | None, typer.Option("--source", help="Name to keep them under. Default: that of the first folder.")
    ] = None,
    tags: Annotated[
        list[str] | None, typer.Option("--tag", help="For assistants that answer from tagged pages; repeatable.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Withdraw pages of this source that are not among these files.")
    ] = False,
    tenant: TenantOption = None,
    url: UrlOption = None,
    key: KeyOption = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Add files and folders to knowledge and wait until the bot answers from them.

    Pages that have not changed are left alone. Exits with 1 if any file could not be added; the others are.
    """
    from cli.http import connected

    reading = read(paths)
    if not reading.names:
        raise OperatorError(f"there is no {ENDINGS} file in {', '.join(map(str, paths))}")
    name = source or folder_name(paths[0])
    with connected(tenant, url, key, data_dir) as api, bar() as progress:
        jobs = upload(api, name, tags, reading, replace, progress)
        finished = wait(api, jobs, progress)
    report(name, reading, finished, as_json)
    if reading.failed or any(job["status"] == "failed" for job in finished):
        raise typer.Exit(FAILED)


def read(paths: Iterable[Path]) -> Reading:
    """Read the files; a folder's hidden ones and those of other kinds are passed over."""
    reading = Reading()
    for path, name in files(paths):
        if name in reading.names:
            reading.failed.append((path, f"another file is called {name} already; add them under two sources"))
            continue
        reading.names.append(name)
        try:
            reading.pages.append(Page(path, name, text_of(path, name)))
        except ValueError as error:
            reading.failed.append((path, str(error)))
        except OSError as error:
            reading.failed.append((path, f"cannot be read: {error.strerror}"))
    return reading


def files(paths: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    """Each file with its name in the source, in a stable order."""
    for given in paths:
        if not given.is_dir():
            yield given, given.name
            continue
        for path in sorted(given.rglob("*")):
            below = path.relative_to(given)
            hidden = any(part.startswith(".") for part in below.parts)
            if path.is_file() and path.suffix.lower() in MEDIA_TYPES and not hidden:
                yield path, below.as_posix()


def text_of(path: Path, name: str) -> str:
    """A file's text. Raises ValueError saying what is wrong with it, OSError if it cannot be read."""
    if path.suffix.lower() not in MEDIA_TYPES:
        raise ValueError(f"is of a kind that cannot be read yet: it must end in {ENDINGS}")
    if len(name) > NAME_CHARACTERS:
        raise ValueError(f"its path is longer than {NAME_CHARACTERS} characters")
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"is not UTF-8 (byte {error.start}){other_encoding(content)}") from None
    if not text.strip():
        raise ValueError("is empty")
    if "\x00" in text:
        raise ValueError("has a NUL character in it: is it a text?")
    return text


def other_encoding(content: bytes) -> str:
    """A hint for the encodings that such files have most often. Guessing on the owner's behalf would garble some."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "; it looks like UTF-16: save it as UTF-8"
    text = content.decode("cp1251", errors="replace")
    letters = [letter for letter in text if letter.isalpha()]
    cyrillic = sum("а" <= letter.lower() <= "я" for letter in letters)
    if letters and cyrillic > len(letters) / 2:
        return "; it looks like Windows-1251: convert it with `iconv -f cp1251 -t utf-8`"
    return ": save it as UTF-8"


def folder_name(path: Path) -> str:
    found = path.resolve()
    return (found if found.is_dir() else found.parent).name or "files"


def bar() -> Progress:
    """On stderr, so that stdout is only the result."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=errors, transient=True)


def upload(
    api: "Api", name: str, tags: list[str] | None, reading: Reading, replace: bool, progress: Progress
) -> list[dict[str, Any]]:
    """Post the pages in batches; what the API refuses goes to `reading.failed`. Returns the jobs, just begun."""
    jobs: list[dict[str, Any]] = []
    pages = list(batches(reading.pages))
    task = progress.add_task("Uploading", total=len(reading.pages))
    for number, batch in enumerate(pages, start=1):
        body: dict[str, Any] = {"name": name, "documents": [page.as_json() for page in batch]}
        if tags is not None:
            body["tags"] = tags
        if replace and number == len(pages):
            body["keep"] = reading.names
        try:
            jobs.append(api.post("/v1/kb/sources", body))
        except OperatorError as refusal:
            reading.failed += [(page.path, str(refusal)) for page in batch]
        progress.advance(task, len(batch))
    return jobs


def batches(pages: Iterable[Page]) -> Iterator[list[Page]]:
    """Pages in groups that fit into a request; a page too large for any goes alone."""
    batch: list[Page] = []
    size = 0
    for page in pages:
        added = len(page.text.encode())
        if batch and (size + added > BATCH_BYTES or len(batch) == BATCH_DOCUMENTS):
            yield batch
            batch, size = [], 0
        batch.append(page)
        size += added
    if batch:
        yield batch


def wait(api: "Api", begun: list[dict[str, Any]], progress: Progress) -> list[dict[str, Any]]:
    """Follow the jobs to their ends. Jobs of one source share a run, and the figures of its passages."""
    from time import sleep

    task = progress.add_task("Learning", total=None)
    finished = []
    for started in begun:
        while (job := api.get(f"/v1/kb/jobs/{started['job_id']}"))["status"] in ("queued", "running"):
            progress.update(task, total=job["chunks_total"] or None, completed=job["chunks_embedded"])
            sleep(POLL_SECONDS)
        finished.append(job)
    return finished


def report(name: str, reading: Reading, jobs: list[dict[str, Any]], as_json: bool) -> None:
    total = sum(job["documents_total"] for job in jobs)
    changed = sum(job["documents_changed"] for job in jobs)
    kinds = sorted({job["error"] for job in jobs if job["status"] == "failed"})
    if as_json:
        print_json(
            {
                "source": name,
                "source_id": jobs[0]["source_id"] if jobs else None,
                "jobs": [job["id"] for job in jobs],
                "documents": total,
                "changed": changed,
                "failed": [{"path": path, "error": reason} for path, reason in reading.failed],
                "errors": kinds,
            }
        )
        return
    for path, reason in reading.failed:
        errors.print(f"{path}: {reason}", style="red", markup=False)
    for kind in kinds:
        errors.print(f"the job failed: {kind}; the worker's log says more", style="red", markup=False)
    if jobs and not kinds:
        console.print(f"{name}: {total} documents read, {changed} changed.", markup=False)


@app.command("list")
def list_(
    tenant: TenantOption = None,
    url: UrlOption = None,
    key: KeyOption = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List the sources of knowledge."""
    from cli.http import connected

    with connected(tenant, url, key, data_dir) as api:
        found = list(sources(api))
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


def sources(api: "Api") -> Iterator[dict[str, Any]]:
    cursor: str | None = None
    while True:
        page = api.get("/v1/kb/sources", cursor=cursor, limit=200)
        yield from page["items"]
        if (cursor := page["next"]) is None:
            return


@app.command()
def search(
    question: Annotated[str, typer.Argument(help="What a customer would ask.")],
    limit: Annotated[int, typer.Option(min=1, max=20, help="Passages to show.")] = 5,
    tenant: TenantOption = None,
    url: UrlOption = None,
    key: KeyOption = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show the passages that the bot would answer from."""
    from cli.http import connected

    with connected(tenant, url, key, data_dir) as api:
        found = api.post("/v1/kb/search", {"query": question, "limit": limit})
    if as_json:
        print_json(found)
        return
    if not found["passages"]:
        console.print("Nothing was found.")
        return
    for passage in found["passages"]:
        # A page's first heading is often its title.
        place = " > ".join(dict.fromkeys(filter(None, (passage["title"], *passage["heading"].split(" > ")))))
        console.print(f"{passage['similarity']:.2f}  {place}", style="bold", markup=False)
        console.print(passage["text"] + "\n", markup=False)
    console.print(f"An answer is in the first one with probability {found['confidence']:.2f}.")


@app.command()
def remove(
    source: Annotated[str, typer.Argument(help="The source's name or id.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    tenant: TenantOption = None,
    url: UrlOption = None,
    key: KeyOption = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Forget a source with all that was learned from it."""
    from cli.http import check, connected

    with connected(tenant, url, key, data_dir) as api:
        found = next((each for each in sources(api) if source in (each["id"], each["name"])), None)
        if found is None:
            raise OperatorError(f"there is no source {source}: `mainstay kb list` shows what there is")
        if not yes:
            typer.confirm(f"Forget {found['name']} with {found['documents']} documents?", abort=True)
        check(api.http.delete(f"/v1/kb/sources/{found['id']}"))
    if as_json:
        print_json({"removed": found["id"]})
    else:
        console.print(f"{found['name']} is forgotten.", markup=False)


@app.command()
def jobs(
    limit: Annotated[int, typer.Option(min=1, max=200, help="Jobs to show, the latest first.")] = 20,
    tenant: TenantOption = None,
    url: UrlOption = None,
    key: KeyOption = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show how uploads fared."""
    from cli.http import connected

    with connected(tenant, url, key, data_dir) as api:
        found = api.get("/v1/kb/jobs", limit=limit)["items"]
    if as_json:
        print_json(found)
        return
    table = Table(ID, "status", "documents", "changed", "passages", "since")
    for job in found:
        passages = f"{job['chunks_embedded']}/{job['chunks_total']}"
        counts = (str(job["documents_total"]), str(job["documents_changed"]), passages)
        status = ": ".join(filter(None, (job["status"], job["error"])))
        table.add_row(job["id"], status, *counts, job["created_at"][:16])
    console.print(table)
