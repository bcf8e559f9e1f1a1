"""`mainstay kb reindex` and `mainstay kb schedule`: knowledge embedded anew, now or by a schedule."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.context import FAILED, AsJson, console, print_json
from cli.remote import remote

if TYPE_CHECKING:
    from cli.http import Api

POLL_SECONDS = 0.5

schedule = typer.Typer(no_args_is_help=True, help="Re-index by a schedule.")


@remote
def reindex(
    api: "Api",
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is done.")] = True,
    as_json: AsJson = False,
) -> None:
    """Move knowledge to the next embedding model, or bring it up to date; searches go on meanwhile."""
    from time import sleep

    from cli.kb_add import bar

    with bar() as progress:
        job = api.post("/v1/kb/reindex")
        task = progress.add_task("Embedding", total=None)
        while wait and job["status"] in ("queued", "running"):
            progress.update(task, total=job["chunks_total"] or None, completed=job["chunks_embedded"])
            sleep(POLL_SECONDS)
            job = api.get(f"/v1/kb/reindex/{job['id']}")
    if as_json:
        print_json(job)
    elif job["status"] == "failed":
        console.print(f"The re-index failed: {job['error']}; searches stay where they were.")
    elif job["status"] == "done":
        console.print(f"{job['chunks_embedded']} passages are searched in {job['space']}.", markup=False)
    else:
        console.print(f"Re-index {job['id']} is {job['status']}.")
    if job["status"] == "failed":
        raise typer.Exit(FAILED)


@schedule.command("set")
@remote
def set_(
    api: "Api",
    cron: Annotated[str | None, typer.Option(help='Five fields, in UTC, as "0 3 * * 0".')] = None,
    every_hours: Annotated[int | None, typer.Option("--every-hours", min=1, help="Instead of --cron.")] = None,
    as_json: AsJson = False,
) -> None:
    """Re-index at these times, in place of the schedule before."""
    if (cron is None) is (every_hours is None):
        raise typer.BadParameter("give either --cron or --every-hours")
    body = {"cron": cron} if cron is not None else {"every_hours": every_hours}
    show(api.call("PUT", "/v1/kb/schedule", json=body), as_json)


@schedule.command("list")
@remote
def list_(api: "Api", as_json: AsJson = False) -> None:
    """Show the tenant's schedule."""
    from cli.http import check

    found = api.http.get("/v1/kb/schedule")
    if found.status_code != 404:
        check(found)
        show(found.json(), as_json)
    elif as_json:
        print_json(None)
    else:
        console.print('There is no schedule: `mainstay kb schedule set --cron "0 3 * * 0"`')


@schedule.command()
@remote
def delete(api: "Api", as_json: AsJson = False) -> None:
    """Re-index by no schedule any more."""
    api.delete("/v1/kb/schedule")
    if as_json:
        print_json({"deleted": True})
    else:
        console.print("The schedule is deleted.")


def show(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    when = f"by {found['cron']} (UTC)" if found["cron"] else f"every {found['every_hours']} hours"
    console.print(f"Re-indexed {when}; next at {found['next_run'] or '?'}, last at {found['last_run'] or 'never'}.")
