"""`mainstay member`: people of a tenant."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column, Table

from cli.context import AsJson, DataDir, console, print_json
from cli.options import TenantOption
from models.contracts.enums import Role
from runtime.errors import OperatorError

if TYPE_CHECKING:
    from models.repositories.tenants import Member
    from runtime.database import Database

app = typer.Typer(no_args_is_help=True, help="Add and list the people of a tenant.")


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="As customers and colleagues see it.")],
    role: Annotated[Role, typer.Option(help="What they may do.")] = Role.AGENT,
    email: Annotated[str | None, typer.Option(help="Unique in the tenant.")] = None,
    tenant: TenantOption = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Add a member, and print their API key: this once."""
    from sqlalchemy.exc import IntegrityError

    from cli.records import tenant_called, with_database
    from models.repositories import tenants

    if not name.strip():
        raise typer.BadParameter("must not be blank", param_hint="NAME")

    async def work(database: "Database") -> "tuple[Member, str]":
        found = await tenant_called(database, tenant)
        try:
            async with database.tenant(found.id) as tx:
                member = await tenants.add_member(tx, name=name.strip(), role=role, email=email)
                return member, await tenants.issue_key(tx, member.id, name="first")
        except IntegrityError:
            raise OperatorError(f"a member of {found.slug} has the address {email} already") from None

    member, key = with_database(data_dir, work)
    if as_json:
        print_json({"id": member.id, "name": member.name, "role": member.role, "api_key": key})
        return
    console.print(f"{member.name} is {member.role} now, with id {member.id}.", markup=False)
    console.print(f"Their API key, shown this once: {key}", markup=False)


@app.command("list")
def list_(tenant: TenantOption = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the members of a tenant."""
    from cli.records import tenant_called, with_database
    from models.repositories import tenants

    async def work(database: "Database") -> "list[Member]":
        found = await tenant_called(database, tenant)
        async with database.tenant(found.id) as tx:
            return await tenants.list_members(tx)

    members = with_database(data_dir, work)
    if as_json:
        print_json([{"id": each.id, "name": each.name, "role": each.role, "email": each.email} for each in members])
    elif not members:
        console.print("The tenant has no members yet: `mainstay member add NAME`")
    else:
        table = Table("name", "role", Column("id", no_wrap=True), "e-mail")
        for each in members:
            table.add_row(each.name, each.role.value, str(each.id), each.email or "")
        console.print(table)
