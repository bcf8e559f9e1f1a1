"""`mainstay migrate`: the database's schema."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from cli.context import FAILED, AsJson, DataDir, console, found_settings, print_json
from runtime.errors import OperatorError


def migrate(
    data_dir: DataDir = None,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit 1 if migrations are missing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the database's schema up to date."""
    from runtime.migrate import upgrade
    from runtime.schema import Schema, inspect

    url = admin_url(data_dir)

    def look() -> Schema:
        try:
            return asyncio.run(inspect(url))
        except OSError as error:
            raise OperatorError(
                f"Postgres cannot be reached ({error.strerror or 'no answer'}): is it running?"
            ) from None

    before = look()
    if not check:
        upgrade(url)
    after = before if check else look()
    if as_json:
        print_json({"before": before.current, "current": after.current, "head": after.head, "ok": after.is_current})
    elif not after.is_current:
        console.print(f"The schema is at {after.current or 'nothing'}, the code wants {after.head}: `mainstay migrate`")
    elif before == after:
        console.print(f"The schema is current ({after.head}).")
    else:
        console.print(f"The schema went from {before.current or 'nothing'} to {after.current}.")
    if not after.is_current:
        raise typer.Exit(FAILED)


def admin_url(data_dir: Path | None) -> str:
    """The database as owner of its tables. Raises OperatorError if none is known."""
    settings = found_settings(data_dir)
    url = settings.admin_database_url or settings.database_url
    if url is None:
        raise OperatorError(
            "no database is known: set MAINSTAY_ADMIN_DATABASE_URL, or name the folder of a running system with --data-dir"
        )
    return url.get_secret_value()
