"""`mainstay apikey`: API keys of a tenant's members."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer
from rich.table import Column, Table

from api.permissions import Permission
from cli.context import AsJson, DataDir, console, print_json
from cli.options import TenantOption
from runtime.errors import OperatorError

if TYPE_CHECKING:
    from models.repositories.api_keys import Key
    from runtime.database import Database

app = typer.Typer(no_args_is_help=True, help="List, create, rotate and revoke API keys.")

KeyId = Annotated[UUID, typer.Argument(metavar="ID", help="Of the key: see `mainstay apikey list`.")]


@app.command("list")
def list_(tenant: TenantOption = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List a tenant's keys that are neither revoked nor expired."""
    from cli.records import tenant_called, with_database
    from models.repositories import api_keys

    async def work(database: "Database") -> "list[Key]":
        found = await tenant_called(database, tenant)
        async with database.tenant(found.id) as tx:
            return await api_keys.page(tx, limit=10_000)

    keys = with_database(data_dir, work)
    if as_json:
        print_json(
            [
                {
                    "id": each.id,
                    "name": each.name,
                    "prefix": each.prefix,
                    "member_id": each.member_id,
                    "scopes": None if each.scopes is None else sorted(each.scopes),
                    "expires_at": each.expires_at,
                    "last_used_at": each.last_used_at,
                }
                for each in keys
            ]
        )
        return
    table = Table("name", "member", "begins", "scopes", "last used", "expires", Column("id", no_wrap=True))
    for each in keys:
        scopes = "all of the role's" if each.scopes is None else " ".join(sorted(each.scopes))
        used, expires = (f"{at:%Y-%m-%d %H:%M}" if at else "" for at in (each.last_used_at, each.expires_at))
        table.add_row(each.name, each.member_name, each.prefix, scopes, used, expires, str(each.id))
    console.print(table)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    member: Annotated[str, typer.Option(help="Name, address or id of the member whose key it is.")],
    scope: Annotated[
        list[Permission] | None, typer.Option(help="Confine it to this; may be repeated. Default: all of the role's.")
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, max=3650, help="How long it is good. Default: for ever.")] = None,
    tenant: TenantOption = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a key, and print it: this once."""
    from cli.member import the_only
    from cli.records import tenant_called, with_database
    from models.contracts.audit import AuditAction
    from models.repositories import api_keys, audit

    if Permission.SELF in (scope or ()):
        raise typer.BadParameter("no key can have it", param_hint="--scope self")

    async def work(database: "Database") -> tuple[UUID, str]:
        found = await tenant_called(database, tenant)
        async with database.tenant(found.id) as tx:
            person = await the_only(tx, member)
            key_id, secret = await api_keys.create(
                tx,
                person.id,
                name=name,
                scopes=scope or None,
                expires_in=None if days is None else timedelta(days=days),
            )
            await audit.record(tx, audit.OPERATOR, AuditAction.KEY_CREATED, key_id, member_id=str(person.id))
            return key_id, secret

    _tell(*with_database(data_dir, work), as_json=as_json)


@app.command()
def rotate(
    key_id: KeyId,
    grace_minutes: Annotated[
        int, typer.Option("--grace", min=0, max=10_080, help="Minutes for which the secret until now stays good.")
    ] = 0,
    tenant: TenantOption = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Give a key a new secret, and print it: this once."""
    from cli.records import tenant_called, with_database
    from models.contracts.audit import AuditAction
    from models.repositories import api_keys, audit

    async def work(database: "Database") -> str:
        found = await tenant_called(database, tenant)
        async with database.tenant(found.id) as tx:
            if await api_keys.lock(tx, key_id) is None:
                raise OperatorError(f"{found.slug} has no key {key_id}")
            secret = await api_keys.rotate(tx, key_id, grace=timedelta(minutes=grace_minutes))
            await audit.record(tx, audit.OPERATOR, AuditAction.KEY_ROTATED, key_id, grace_minutes=grace_minutes)
            return secret

    _tell(key_id, with_database(data_dir, work), as_json=as_json)


@app.command()
def revoke(key_id: KeyId, tenant: TenantOption = None, data_dir: DataDir = None) -> None:
    """Revoke a key, at once and for good."""
    from cli.records import tenant_called, with_database
    from models.contracts.audit import AuditAction
    from models.repositories import api_keys, audit

    async def work(database: "Database") -> None:
        found = await tenant_called(database, tenant)
        async with database.tenant(found.id) as tx:
            if await api_keys.lock(tx, key_id) is None:
                raise OperatorError(f"{found.slug} has no key {key_id}")
            await api_keys.revoke(tx, key_id)
            await audit.record(tx, audit.OPERATOR, AuditAction.KEY_REVOKED, key_id)

    with_database(data_dir, work)
    console.print(f"Key {key_id} is revoked.")


def _tell(key_id: UUID, secret: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"id": key_id, "api_key": secret})
    else:
        console.print(f"Key {key_id}, shown this once: {secret}", markup=False)
