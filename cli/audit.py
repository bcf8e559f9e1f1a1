"""`mainstay audit`: the log of who did what."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column, Table

from cli.context import AsJson, DataDir, console, print_json
from cli.options import TenantOption
from models.contracts.audit import AuditAction
from runtime.errors import OperatorError

if TYPE_CHECKING:
    from models.repositories.audit import Chain, Entry
    from runtime.database import Database

app = typer.Typer(no_args_is_help=True, help="Read, export and verify the audit log of a tenant.")


@app.command("list")
def list_(
    action: Annotated[AuditAction | None, typer.Option(help="Only this action.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="So many of the newest entries.")] = 50,
    tenant: TenantOption = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show the newest entries."""
    from cli.records import tenant_called, with_database
    from models.repositories import audit

    async def work(database: "Database") -> "list[Entry]":
        found = await tenant_called(database, tenant)
        async with database.tenant(found.id) as tx:
            return await audit.page(tx, action=action, limit=limit)

    entries = with_database(data_dir, work)
    if as_json:
        print_json([each.exported() for each in entries])
    elif not entries:
        console.print("Nothing has been logged yet.")
    else:
        table = Table("no.", Column("when", no_wrap=True), "who", "what", Column("to", no_wrap=True), "details")
        for each in entries:
            who = f"{each.actor.kind.value} {each.actor.id or ''}".strip()
            details = " ".join(f"{name}={value}" for name, value in each.details.items())
            target = str(each.target_id or "")
            table.add_row(str(each.seq), f"{each.at:%Y-%m-%d %H:%M:%S}", who, each.action, target, details)
        console.print(table)


@app.command()
def export(
    to: Annotated[Path | None, typer.Option(help="File to write. Default: standard output.")] = None,
    tenant: TenantOption = None,
    data_dir: DataDir = None,
) -> None:
    """Write the whole log as NDJSON, the oldest entry first."""
    from cli.records import tenant_called, with_database

    with to.open("w", encoding="utf-8") if to else sys.stdout as file:

        async def work(database: "Database") -> int:
            from models.repositories import audit

            found = await tenant_called(database, tenant)
            written = 0
            while True:
                async with database.tenant(found.id) as tx:
                    batch = await audit.after(tx, written, limit=1000)
                if not batch:
                    return written
                file.writelines(json.dumps(each.exported(), ensure_ascii=False) + "\n" for each in batch)
                written = batch[-1].seq

        written = with_database(data_dir, work)
    if to is not None:
        console.print(f"{written} entries are in {to}.", markup=False)


@app.command()
def verify(
    file: Annotated[Path | None, typer.Argument(help="An exported NDJSON file. Default: the log itself.")] = None,
    tenant: TenantOption = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Compute every hash anew. Fails naming the first entry that is not as it was written."""
    from cli.records import tenant_called, with_database
    from models.repositories import audit
    from models.repositories.audit import Chain

    async def work(database: "Database") -> "Chain":
        found = await tenant_called(database, tenant)
        chain = Chain()
        async with database.tenant(found.id) as tx:
            head = await audit.head(tx)
        while chain.problem is None and chain.last.seq < head.seq:
            async with database.tenant(found.id) as tx:
                batch = await audit.after(tx, chain.last.seq, limit=1000)
            if not batch:
                break
            chain.follow(batch)
        if chain.last.seq <= head.seq:
            chain.end(head)
        return chain

    chain = _verified_file(file) if file else with_database(data_dir, work)
    if chain.problem is not None:
        raise OperatorError(f"the log does not hold: {chain.problem}")
    if as_json:
        print_json({"intact": True, "entries": chain.last.seq, "head": chain.last.hash.hex()})
    else:
        console.print(f"{chain.last.seq} entries, all as they were written. The last hash: {chain.last.hash.hex()}")


def _verified_file(file: Path) -> "Chain":
    from models.repositories.audit import Chain

    chain = Chain()
    try:
        with file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                chain.follow([_imported(line, f"{file}, line {number}")])
    except OSError as error:
        raise OperatorError(f"{file} cannot be read ({error.strerror})") from None
    return chain


def _imported(line: str, where: str) -> "Entry":
    from models.repositories.audit import Entry

    try:
        return Entry.imported(json.loads(line))
    except (ValueError, KeyError, TypeError) as error:
        raise OperatorError(f"{where}: not an exported entry ({type(error).__name__})") from None
