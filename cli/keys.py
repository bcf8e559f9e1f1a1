"""`mainstay keys`: keys of this installation. All but `new` work as the owner of the tables."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer
from rich.table import Column, Table

from cli.context import AsJson, DataDir, console, found_settings, print_json
from runtime.errors import OperatorError

if TYPE_CHECKING:
    from models.repositories.key_rotation import KeptKey
    from runtime.crypto.roots import RootKeys
    from runtime.database import Database

app = typer.Typer(no_args_is_help=True, help="Make, rotate and retire encryption and signing keys.")


@app.command()
def new(as_json: AsJson = False) -> None:
    """Print a new root key for MAINSTAY_ROOT_KEYS. It is stored nowhere."""
    from runtime.crypto.roots import new_root

    made = new_root()
    if as_json:
        print_json({"root_key": made})
    else:
        console.print(made, markup=False)


@app.command("list")
def list_(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List keys: what for, whose, wrapped by which root key. Never the keys themselves."""
    from cli.records import as_owner
    from models.repositories import key_rotation

    async def work(database: "Database") -> "list[KeptKey]":
        async with database.system() as tx:
            return await key_rotation.list_all(tx)

    found = as_owner(data_dir, work)
    if as_json:
        print_json(
            [
                {
                    "id": key.id,
                    "purpose": key.purpose,
                    "tenant": key.tenant,
                    "root_key": key.root_id,
                    "active_at": key.active_at.isoformat(),
                    "retired_at": key.retired_at and key.retired_at.isoformat(),
                }
                for key in found
            ]
        )
        return
    table = Table("purpose", "tenant", Column("id", no_wrap=True), "root key", "active", "retired")
    for key in found:
        ends = "" if key.retired_at is None else f"{key.retired_at:%F %R}"
        table.add_row(key.purpose, key.tenant or "", str(key.id), key.root_id, f"{key.active_at:%F %R}", ends)
    console.print(table)


@app.command()
def rotate(
    signing: Annotated[bool, typer.Option("--signing", help="The key that signs access tokens.")] = False,
    tenant: Annotated[str | None, typer.Option("--tenant", help="The data key of the tenant with this slug.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every key.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make new keys. The old ones stay for reading; running processes take the new ones up by themselves."""
    from cli.records import as_owner
    from models.contracts.audit import AuditAction
    from models.contracts.enums import KeyPurpose
    from models.repositories import audit, data_keys, key_rotation, tenants

    if [signing, tenant is not None, everything].count(True) != 1:
        raise typer.BadParameter("say which: one of --signing, --tenant SLUG and --all")
    roots = _roots(data_dir)
    purposes = list(KeyPurpose) if everything else [KeyPurpose.SIGNING] if signing else []

    async def work(database: "Database") -> list[dict[str, str]]:
        made = []
        async with database.system() as tx:
            for purpose in purposes:
                key_id = await key_rotation.rotate(tx, roots, purpose)
                made.append({"purpose": purpose.value, "id": str(key_id)})
            found = [each for each in await tenants.list_all(tx) if everything or each.slug == tenant]
        if tenant is not None and not found:
            raise OperatorError(f"there is no tenant {tenant}: `mainstay tenant list`")
        for each in found:
            async with database.tenant(each.id) as own:
                key = await data_keys.add(own, roots)
                await audit.record(own, audit.OPERATOR, AuditAction.KEYS_ROTATED, key.id)
            made.append({"purpose": "data", "tenant": each.slug, "id": str(key.id)})
        return made

    made = as_owner(data_dir, work)
    if as_json:
        print_json(made)
        return
    for key in made:
        console.print(f"New {key['purpose']} key {key['id']} {key.get('tenant', '')}".rstrip(), markup=False)


@app.command()
def rewrap(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Wrap every key by the newest root key. Afterwards the older root keys can be dropped."""
    from cli.records import as_owner
    from models.repositories import installation_keys, key_rotation
    from runtime.crypto.aead import SealedError

    roots = _roots(data_dir)

    async def work(database: "Database") -> tuple[int, set[str]]:
        count = 0
        while True:
            async with database.system() as tx:
                try:
                    done = await key_rotation.rewrap(tx, roots)
                except SealedError as error:
                    raise OperatorError(str(error)) from None
            count += done
            if done == 0:
                async with database.system() as tx:
                    return count, await installation_keys.root_keys_in_use(tx)

    count, in_use = as_owner(data_dir, work)
    dispensable = [each for each in roots.ids if each not in in_use and each != roots.newest]
    if as_json:
        print_json({"rewrapped": count, "root_keys_in_use": sorted(in_use), "dispensable": dispensable})
        return
    console.print(f"{count} keys are wrapped anew, by {roots.newest}.")
    if dispensable:
        console.print(f"No longer needed: {', '.join(dispensable)}")


@app.command()
def retire(
    key: Annotated[
        UUID | None, typer.Argument(help="A signing key to remove now: whoever it signed in must sign in anew.")
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Remove signing keys that no valid token can need any more."""
    from cli.records import as_owner
    from models.repositories import key_rotation

    async def work(database: "Database") -> int:
        async with database.system() as tx:
            return await key_rotation.retire(tx, key)

    count = as_owner(data_dir, work)
    if key is not None and count == 0:
        raise OperatorError(f"there is no signing key {key}: `mainstay keys list`")
    if as_json:
        print_json({"retired": count})
    else:
        console.print(f"{count} signing keys are removed.")


def _roots(data_dir: Path | None) -> "RootKeys":
    from runtime.secrets import root_keys

    return root_keys(found_settings(data_dir))
