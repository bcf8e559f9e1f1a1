"""`mainstay tenant`: tenants of this installation."""

import re
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column, Table

from cli.context import AsJson, DataDir, console, print_json
from models.contracts.enums import Language, Role
from runtime.errors import OperatorError

if TYPE_CHECKING:
    from models.repositories.tenants import Tenant
    from runtime.database import Database

app = typer.Typer(no_args_is_help=True, help="Create and list tenants.")

SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def slug_of(value: str) -> str:
    if not SLUG.fullmatch(value):
        raise typer.BadParameter("use 1 to 63 of a-z, 0-9 and -, with no - at the ends")
    return value


@app.command()
def create(
    slug: Annotated[str, typer.Argument(callback=slug_of, help="Short name, unique here: a-z, 0-9 and -.")],
    name: Annotated[str | None, typer.Option(help="The company's name. Default: the slug.")] = None,
    language: Annotated[Language, typer.Option(help="To answer in when a message does not tell.")] = Language.EN,
    owner: Annotated[str, typer.Option(help="The owner's name.")] = "Owner",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Create a tenant with an owner, and print the owner's API key: this once."""
    from sqlalchemy.exc import IntegrityError

    from cli.records import with_database
    from models.repositories import tenants
    from runtime.ids import new_id

    async def work(database: "Database") -> dict[str, str]:
        tenant = new_id()
        try:
            async with database.tenant(tenant) as tx:
                await tenants.create(tx, slug=slug, name=name or slug, language=language)
                member = await tenants.add_member(tx, name=owner, role=Role.OWNER)
                key = await tenants.issue_key(tx, member.id, name="first")
        except IntegrityError:
            raise OperatorError(f"there is a tenant {slug} already") from None
        return {"id": str(tenant), "slug": slug, "member_id": str(member.id), "api_key": key}

    created = with_database(data_dir, work)
    if as_json:
        print_json(created)
        return
    console.print(f"Tenant {slug} is there, with id {created['id']}.")
    console.print(f"The owner's API key, shown this once: {created['api_key']}", markup=False)


@app.command("list")
def list_(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the tenants of this installation."""
    from cli.records import with_database
    from models.repositories import tenants

    async def work(database: "Database") -> "list[Tenant]":
        async with database.system() as tx:
            return await tenants.list_all(tx)

    found = with_database(data_dir, work)
    if as_json:
        print_json(
            [{"id": each.id, "slug": each.slug, "name": each.name, "suspended": each.suspended} for each in found]
        )
    elif not found:
        console.print("There is no tenant yet: `mainstay tenant create SLUG`")
    else:
        table = Table("slug", "name", Column("id", no_wrap=True), "")
        for each in found:
            table.add_row(each.slug, each.name, str(each.id), "suspended" if each.suspended else "")
        console.print(table)
