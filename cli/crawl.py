"""`mainstay kb crawl` and `mainstay kb crawls`: pages and whole sites as knowledge, now and again."""

import re
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer
from rich.markup import escape
from rich.table import Table

from cli.context import FAILED, AsJson, console, errors, print_json
from cli.remote import remote
from models.contracts.crawl import CrawlMode, PageState
from models.contracts.enums import Language
from runtime.errors import OperatorError

if TYPE_CHECKING:
    from cli.http import Api

POLL_SECONDS = 0.5
OPEN = ("queued", "running")
HOURS = {"h": 1, "d": 24}

crawls = typer.Typer(no_args_is_help=True, help="Look at crawls, cancel them, end their schedules.")

Crawled = Annotated[str, typer.Argument(help="The crawl's id, or its source's name.")]


@remote
def crawl(
    api: "Api",
    address: Annotated[str, typer.Argument(metavar="URL", help="Where to begin.")],
    source: Annotated[
        str | None, typer.Option("--source", help="Name to keep the pages under. Default: the host.")
    ] = None,
    mode: Annotated[
        CrawlMode, typer.Option(help="This page alone, all that it leads to on its site, or what a sitemap lists.")
    ] = CrawlMode.SITE,
    max_pages: Annotated[int, typer.Option(min=1, help="Pages that a run asks for.")] = 200,
    max_depth: Annotated[int, typer.Option(min=0, max=50, help="Links between the URL and a page.")] = 5,
    include: Annotated[
        list[str] | None, typer.Option("--include", help="Beginning of paths to keep to; repeatable.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", help="Beginning of paths to leave out; repeatable.")
    ] = None,
    tags: Annotated[
        list[str] | None,
        typer.Option("--tag", help="For branches and assistants that answer from tagged pages; repeatable."),
    ] = None,
    language: Annotated[Language | None, typer.Option(help="Of all pages. Default: found out from each.")] = None,
    every: Annotated[str | None, typer.Option(help="Run it again so often, as 24h or 7d.")] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the bot answers from it.")] = True,
    as_json: AsJson = False,
) -> None:
    """Fetch a page or a site into knowledge, politely, and wait until the bot answers from it.

    What has not changed since the last run is left alone, what is gone is withdrawn. Takes the place of what the source
    was crawled for before. Exits with 1 if nothing could be had of it.
    """
    body = {
        "name": source or urlsplit(address).hostname or address,
        "url": address,
        "mode": mode.value,
        "max_pages": max_pages,
        "max_depth": max_depth,
        "include": include or [],
        "exclude": exclude or [],
        "tags": tags,
        "language": language,
        "every_hours": None if every is None else hours(every),
    }
    found = api.post("/v1/kb/crawls", body)
    job = None
    if wait:
        found, job = followed(api, found)
    if as_json:
        print_json({**found, "job": job})
    else:
        tell(api, found, job)
    if found["status"] == "failed" or (job is not None and job["status"] == "failed"):
        raise typer.Exit(FAILED)


def hours(every: str) -> int:
    """Raises BadParameter where it is no duration."""
    said = re.fullmatch(r"([1-9][0-9]{0,4})([hd])", every)
    if said is None:
        raise typer.BadParameter("--every must be a number of hours or days, as 24h or 7d")
    return int(said[1]) * HOURS[said[2]]


def followed(api: "Api", found: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The crawl and its job at their ends."""
    from time import sleep

    from cli import kb_add

    with kb_add.bar() as progress:
        task = progress.add_task("Fetching pages", total=None)
        while found["status"] in OPEN:
            sleep(POLL_SECONDS)
            found = api.get(f"/v1/kb/crawls/{found['id']}")
            known = sum(found["pages"].values())
            progress.update(task, completed=known - found["pages"]["queued"], total=known or None)
        if found["job_id"] is None:
            return found, None
        (job,) = kb_add.follow(api, [found["job_id"]], progress)
    return found, job


def tell(api: "Api", found: dict[str, Any], job: dict[str, Any] | None) -> None:
    """Print how a run fared, and what it could not have."""
    failed = [] if found["status"] in OPEN else list(api.pages(f"/v1/kb/crawls/{found['id']}/pages", state="failed"))
    if failed:
        errors.print(listed(failed))
    figures = ", ".join(f"{number} {state}" for state, number in found["pages"].items() if number)
    status = ": ".join(filter(None, (found["status"], found["error"])))
    console.print(f"{found['url']}: {status}. {figures or 'nothing yet'}.", markup=False)
    if job is not None and job["status"] == "failed":
        errors.print(f"the job failed: {job['error']}; the worker's log says more", style="red", markup=False)
    elif job is not None:
        console.print(f"{job['documents_changed']} documents changed, {job['files_failed']} could not be read.")


def listed(lines: list[dict[str, Any]]) -> Table:
    table = Table("address", "state", "why", "HTTP", "file")
    for line in lines:
        status = "" if line["status"] is None else str(line["status"])
        file = " ".join(filter(None, (line["file_status"], line["advice"] or line["file_reason"])))
        table.add_row(escape(line["url"]), line["state"], line["reason"] or "", status, escape(file))
    return table


@crawls.command("list")
@remote
def list_(api: "Api", as_json: AsJson = False) -> None:
    """List what is crawled."""
    found = list(api.pages("/v1/kb/crawls"))
    if as_json:
        print_json(found)
        return
    table = Table("crawl", "url", "mode", "status", "pages", "every", "ended")
    for each in found:
        status = ": ".join(filter(None, (each["status"], each["error"])))
        good = str(each["pages"]["fetched"] + each["pages"]["unchanged"])
        every = "" if each["every_hours"] is None else f"{each['every_hours']}h"
        ended = (each["ended_at"] or "")[:16]
        table.add_row(each["id"], escape(each["url"]), each["mode"], status, good, every, ended)
    console.print(table)


@crawls.command()
@remote
def pages(
    api: "Api",
    which: Crawled,
    state: Annotated[PageState | None, typer.Option(help="Only addresses of which this became.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what became of each address in the latest run."""
    found = list(api.pages(f"/v1/kb/crawls/{called(api, which)}/pages", state=state))
    if as_json:
        print_json(found)
    else:
        console.print(listed(found))


@crawls.command()
@remote
def cancel(api: "Api", which: Crawled, as_json: AsJson = False) -> None:
    """End the run before its next address; what it has fetched becomes knowledge."""
    found = api.post(f"/v1/kb/crawls/{called(api, which)}/cancel")
    if as_json:
        print_json(found)
    else:
        console.print("The run is cancelled; its schedule, if it has one, stays.")


@crawls.command()
@remote
def unschedule(api: "Api", which: Crawled, as_json: AsJson = False) -> None:
    """Run it only when asked from now on."""
    crawl_id = called(api, which)
    api.delete(f"/v1/kb/crawls/{crawl_id}/schedule")
    if as_json:
        print_json({"unscheduled": crawl_id})
    else:
        console.print("It has no schedule any more.")


def called(api: "Api", which: str) -> str:
    """A crawl's id. Raises OperatorError."""
    sources = {each["id"]: each["name"] for each in api.pages("/v1/kb/sources")}
    for each in api.pages("/v1/kb/crawls"):
        if which in (each["id"], sources.get(each["source_id"])):
            found: str = each["id"]
            return found
    raise OperatorError(f"there is no crawl {which}: `mainstay kb crawls list` shows what there is")
