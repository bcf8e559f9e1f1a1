"""`mainstay customers`: what is kept of a customer, handed out or erased."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer
from rich.table import Column, Table

from cli.context import AsJson, DataDir, console, print_json
from cli.options import TenantOption
from runtime.errors import OperatorError

if TYPE_CHECKING:
    from models.repositories.customers import Customer
    from runtime.database import Database

app = typer.Typer(no_args_is_help=True, help="Look customers up, export and erase them.")

CustomerArgument = Annotated[UUID, typer.Argument(metavar="ID", help="The customer's id: `mainstay customers list`.")]


@app.command("list")
def list_(
    external_id: Annotated[str | None, typer.Option(help="Your own name of the customer.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many, the newest first.")] = 50,
    tenant: TenantOption = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List the customers of a tenant."""
    from cli.records import tenant_called, with_database
    from models.repositories import customers

    async def work(database: "Database") -> "list[Customer]":
        found = await tenant_called(database, tenant)
        async with database.tenant(found.id) as tx:
            return await customers.list_(tx, external_id=external_id, limit=limit)

    found = with_database(data_dir, work)
    if as_json:
        shown = ("id", "external_id", "name", "email", "phone", "conversations")
        print_json([{name: getattr(each, name) for name in shown} for each in found])
        return
    table = Table(Column("id", no_wrap=True), "external id", "name", "conversations")
    for each in found:
        table.add_row(str(each.id), each.external_id or "", each.name or "", str(each.conversations))
    console.print(table)


@app.command()
def export(
    customer: CustomerArgument,
    out: Annotated[Path | None, typer.Option(help="File to write. Default: standard output.")] = None,
    tenant: TenantOption = None,
    data_dir: DataDir = None,
) -> None:
    """Write all that is kept of a customer as one JSON document."""
    from cli.records import tenant_called, with_database
    from models.contracts.audit import AuditAction
    from models.repositories import audit, customers

    async def work(database: "Database") -> dict[str, Any]:
        found = await tenant_called(database, tenant)
        async with database.tenant(found.id) as tx:
            exported = await customers.export(tx, customer)
            if exported is None:
                raise OperatorError(f"there is no customer {customer}")
            count = len(exported["messages"])
            await audit.record(tx, audit.OPERATOR, AuditAction.CUSTOMER_EXPORTED, customer, messages=count)
            return exported

    document = with_database(data_dir, work)
    if out is None:
        print_json(document)
        return
    out.touch(mode=0o600)
    out.write_text(json.dumps(document, ensure_ascii=False, indent=2, default=str), "utf-8")
    console.print(f"Written to {out}.", markup=False)


@app.command()
def erase(
    customer: CustomerArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    tenant: TenantOption = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Erase a customer with all that was said, learned and sent. It cannot be undone."""
    from cli.records import tenant_called, with_database
    from models.contracts.audit import AuditAction
    from models.repositories import audit, erasure

    if not yes:
        typer.confirm(f"Erase customer {customer} for good?", abort=True)

    async def work(database: "Database") -> UUID:
        found = await tenant_called(database, tenant)
        async with database.tenant(found.id) as tx:
            begun = await erasure.begin(tx, customer)
            if begun is None:
                raise OperatorError(f"there is no customer {customer}")
            erasure_id, new = begun
            if new:
                await audit.record(
                    tx,
                    audit.OPERATOR,
                    AuditAction.CUSTOMER_ERASURE_ASKED,
                    customer,
                    erasure_id=str(erasure_id),
                )
            return erasure_id

    erasure_id = with_database(data_dir, work)
    if as_json:
        print_json({"erasure_id": erasure_id})
        return
    console.print("Nobody finds the customer any more; a worker begins to erase within a minute.")
    console.print(f"Its report: `mainstay customers erasure {erasure_id}`", markup=False)


@app.command()
def erasure(
    erasure_id: Annotated[UUID, typer.Argument(metavar="ID", help="As `mainstay customers erase` printed it.")],
    tenant: TenantOption = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Tell how far an erasure is, and what it has removed."""
    from cli.records import tenant_called, with_database
    from models.repositories import erasure as erasures
    from models.repositories.erasure import Erasure

    async def work(database: "Database") -> "Erasure | None":
        found = await tenant_called(database, tenant)
        async with database.tenant(found.id) as tx:
            return await erasures.get(tx, erasure_id)

    found = with_database(data_dir, work)
    if found is None:
        raise OperatorError(f"there is no erasure {erasure_id}")
    if as_json:
        print_json({"id": found.id, "status": found.status, "removed": found.removed, "finished_at": found.finished_at})
        return
    console.print(f"{found.status.value}: {sum(found.removed.values())} rows removed")
    for kind, count in sorted(found.removed.items()):
        console.print(f"  {kind}: {count}")
