"""`mainstay models`: which models are asked, in which order, and whether they answer."""

import asyncio
from typing import Annotated, Any

import typer

from cli.context import FAILED, AsJson, DataDir, console, found_settings, print_json
from runtime.settings import Settings


def models(
    check: Annotated[
        bool, typer.Option("--check", help="Ask each endpoint for a word, with each of its keys.")
    ] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show the routes that are configured; with --check, exit 1 if an endpoint does not answer."""
    endpoints = asyncio.run(_endpoints(found_settings(data_dir), check=check))
    if as_json:
        print_json(endpoints)
    else:
        _show(endpoints, checked=check)
    if any(each["failed"] for each in endpoints):
        raise typer.Exit(FAILED)


async def _endpoints(settings: Settings, *, check: bool) -> list[dict[str, Any]]:
    from activities.routes.build import Routes
    from activities.routes.check import answers
    from runtime.models_file import configured

    routes = Routes(configured(settings))
    try:
        failures = await answers(routes) if check else {}
        return [
            {
                "route": route.name,
                "endpoint": endpoint.name,
                "provider": endpoint.provider,
                "model": endpoint.model,
                "keys": len(endpoint.keys),
                "failed": failures.get(endpoint.name, []),
            }
            for route in routes.health()
            for endpoint in route.endpoints
        ]
    finally:
        await routes.close()


def _show(endpoints: list[dict[str, Any]], *, checked: bool) -> None:
    from rich.table import Table

    if not endpoints:
        console.print("No model is configured: answers quote the best passage.")
        return
    table = Table("route", "endpoint", "provider", "model", "keys", "answers" if checked else "", box=None)
    for each in endpoints:
        verdict = "; ".join(each["failed"]) or "yes" if checked else ""
        cells = (each["route"], each["endpoint"], each["provider"], each["model"], str(each["keys"]), verdict)
        table.add_row(*cells)
    console.print(table)
