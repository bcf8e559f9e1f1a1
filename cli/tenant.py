"""`mainstay tenant`: tenants of this installation."""

import re
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column, Table

from cli import tenant_life
from cli.context import AsJson, DataDir, console, print_json
from cli.member import EmailOption, InviteOption, add_person, first_key
from models.contracts.enums import Language, Role
from runtime.errors import OperatorError

if TYPE_CHECKING:
    from models.repositories.tenants import Tenant
    from runtime.database import Database

app = typer.Typer(no_args_is_help=True, help="Create, list, suspend, export and delete tenants.")
for command in (
    tenant_life.show,
    tenant_life.suspend,
    tenant_life.resume,
    tenant_life.export,
    tenant_life.delete,
    tenant_life.keep,
    tenant_life.deletions,
):
    app.command()(command)

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
    email: EmailOption = None,
    invite: InviteOption = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Create a tenant with an owner, and print the owner's API key: this once.

    With --invite the owner also gets a mail with which to choose a password; without, `mainstay member password` sets one.
    """
    from sqlalchemy.exc import IntegrityError

    from cli.records import with_database
    from models.contracts.audit import AuditAction
    from models.repositories import audit, tenants
    from runtime.ids import new_id

    if invite and email is None:
        raise typer.BadParameter("needs --email", param_hint="--invite")

    async def work(database: "Database") -> dict[str, str]:
        tenant = new_id()
        try:
            async with database.tenant(tenant) as tx:
                await tenants.create(tx, slug=slug, name=name or slug, language=language)
                member = await add_person(tx, owner, Role.OWNER, email, invite=invite)
                key = await first_key(tx, member)
                await audit.record(tx, audit.OPERATOR, AuditAction.TENANT_CREATED, tenant)
        except IntegrityError:
            raise OperatorError(f"there is a tenant {slug} already") from None
        return {"id": str(tenant), "slug": slug, "member_id": str(member), "api_key": key}

    created = with_database(data_dir, work)
    if as_json:
        print_json(created)
        return
    console.print(f"Tenant {slug} is there, with id {created['id']}.")
    console.print(f"The owner's API key, shown this once: {created['api_key']}", markup=False)
    if invite:
        console.print(f"A mail is on its way to {email}.", markup=False)


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
