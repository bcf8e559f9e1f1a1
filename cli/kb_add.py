"""How `mainstay kb add` uploads files, follows the jobs and tells what became of each file."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from time import sleep
from typing import Any

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from cli.context import console, errors, print_json
from cli.http import Api, RefusedError
from cli.kb_files import Found, LocalFile

BATCH_BYTES = 16 * 1_048_576
"""In one request. A larger file goes alone."""
BATCH_FILES = 200
POLL_SECONDS = 0.5
TOLD = ("skipped", "failed")


@dataclass(slots=True)
class Added:
    """What became of an upload: its jobs at their ends, and the lines of their reports that owners have to know."""

    jobs: list[dict[str, Any]] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)

    def count(self, figure: str) -> int:
        return sum(int(job[figure]) for job in self.jobs)

    @property
    def errors(self) -> list[str]:
        """What broke jobs, by kind."""
        return sorted({job["error"] for job in self.jobs if job["status"] == "failed"})


def add(api: Api, source: str, tags: Sequence[str] | None, found: Found, *, replace: bool) -> Added:
    """Upload what was found and wait until the bot answers from it; what the API refuses goes to `found.failed`."""
    with bar() as progress:
        begun = upload(api, source, tags, found, progress)
        if replace:
            body = {"name": source, "documents": [], "keep": found.names}
            begun.append(api.post("/v1/kb/sources", body)["job_id"])
        jobs = follow(api, begun, progress)
    lines = [line for job in jobs for status in TOLD for line in report(api, job["id"], status)]
    return Added(jobs, lines)


def bar() -> Progress:
    """On stderr, so that stdout is only the result."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=errors, transient=True)


def upload(api: Api, source: str, tags: Sequence[str] | None, found: Found, progress: Progress) -> list[str]:
    """Post the files in batches. Returns the ids of their jobs."""
    jobs: list[str] = []
    task = progress.add_task("Uploading", total=len(found.files))
    form: dict[str, Any] = {"name": source} | ({} if tags is None else {"tags": list(tags)})
    for batch in batches(found.files):
        with ExitStack() as opened:
            parts = [("files", (file.name, opened.enter_context(file.path.open("rb")))) for file in batch]
            try:
                jobs.append(api.call("POST", "/v1/kb/upload", data=form, files=parts)["job_id"])
            except RefusedError as refusal:
                found.failed += [(file.path, str(refusal)) for file in batch]
        progress.advance(task, len(batch))
    return jobs


def batches(files: Iterable[LocalFile]) -> Iterator[list[LocalFile]]:
    """Files in groups that fit into a request; one too large for any goes alone."""
    batch: list[LocalFile] = []
    size = 0
    for file in files:
        if batch and (size + file.size > BATCH_BYTES or len(batch) == BATCH_FILES):
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += file.size
    if batch:
        yield batch


def follow(api: Api, begun: Sequence[str], progress: Progress) -> list[dict[str, Any]]:
    """Wait for the jobs' ends. Jobs of one source share a run, and the figures of its passages."""
    reading = progress.add_task("Reading files", total=None)
    learning = progress.add_task("Learning passages", total=None)
    jobs: dict[str, dict[str, Any]] = {}
    while True:
        for job in begun:
            if jobs.get(job, {"status": "queued"})["status"] in ("queued", "running"):
                jobs[job] = api.get(f"/v1/kb/jobs/{job}")
        done, total = (sum(job[figure] for job in jobs.values()) for figure in ("files_done", "files_total"))
        progress.update(reading, completed=done, total=total or None)
        last = jobs[begun[-1]] if begun else {"chunks_embedded": 0, "chunks_total": 0}
        progress.update(learning, completed=last["chunks_embedded"], total=last["chunks_total"] or None)
        if all(job["status"] in ("done", "failed") for job in jobs.values()):
            return list(jobs.values())
        sleep(POLL_SECONDS)


def report(api: Api, job: str, status: str | None = None) -> Iterator[dict[str, Any]]:
    """A job's files, all or those of one status."""
    return api.pages(f"/v1/kb/jobs/{job}/files", status=status)


def tell(source: str, found: Found, added: Added, *, as_json: bool) -> None:
    """Print what became of the files."""
    failed = [{"path": str(path), "error": why} for path, why in found.failed]
    failed += [{"path": line["name"], "error": why(line)} for line in added.told if line["status"] == "failed"]
    skipped = [{"path": str(path), "error": why} for path, why in found.skipped]
    skipped += [{"path": line["name"], "error": why(line)} for line in added.told if line["status"] == "skipped"]
    if as_json:
        print_json(
            {
                "source": source,
                "source_id": added.jobs[0]["source_id"] if added.jobs else None,
                "jobs": [job["id"] for job in added.jobs],
                "documents": added.count("documents_total"),
                "changed": added.count("documents_changed"),
                "skipped": skipped,
                "failed": failed,
                "errors": added.errors,
            }
        )
        return
    if skipped or failed:
        table = Table("file", "", "why")
        for kind, lines in (("skipped", skipped), ("failed", failed)):
            for line in lines:
                table.add_row(escape(line["path"]), kind, escape(line["error"]))
        errors.print(table)
    for kind in added.errors:
        errors.print(f"the job failed: {kind}; the worker's log says more", style="red", markup=False)
    if added.jobs and not added.errors:
        total, changed = added.count("documents_total"), added.count("documents_changed")
        console.print(f"{source}: {total} files, {changed} changed, {len(failed)} failed.", markup=False)


def why(line: dict[str, Any]) -> str:
    return line["advice"] or line["reason"] or ""
