"""`mainstay tenant`: what becomes of a tenant. Shown, suspended, exported, deleted."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from cli.context import AsJson, DataDir, console, errors, print_json, running_settings
from runtime.errors import OperatorError

if TYPE_CHECKING:
    from uuid import UUID

    from temporalio.client import Client

    from models.repositories.tenant_deletion import Deletion
    from models.repositories.tenant_exports import Export
    from models.repositories.tenants import Profile
    from runtime.database import Database

Slug = Annotated[str, typer.Argument(help="The tenant's short name.")]
Result = TypeVar("Result")

LOOK_SECONDS = 0.5


def show(slug: Slug, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show a tenant: its state, its people, its deletion if one was asked for."""
    from cli.records import tenant_called, with_database
    from models.repositories import branches, tenant_deletion, tenants

    async def work(database: "Database") -> "tuple[Profile, int, int, Deletion | None]":
        found = await tenant_called(database, slug)
        async with database.tenant(found.id) as tx:
            return (
                await tenants.profile(tx),
                await branches.count(tx),
                len(await tenants.list_members(tx)),
                await tenant_deletion.latest(tx),
            )

    profile, count, members, deletion = with_database(data_dir, work)
    if as_json:
        found = None if deletion is None else {**asdict(deletion), "status": deletion.status}
        print_json({**asdict(profile), "branches": count, "members": members, "deletion": found})
        return
    console.print(f"{profile.name} ({profile.slug}), id {profile.id}, since {profile.created_at:%F}", markup=False)
    console.print(f"{members} members, {count} branches, language {profile.language}")
    if profile.suspended:
        since = "" if profile.suspended_at is None else f" since {profile.suspended_at:%F %R}"
        console.print(f"suspended{since}: {profile.suspension_reason or 'no reason given'}", markup=False)
    if deletion is not None:
        console.print(f"deletion asked for {deletion.created_at:%F %R}, due {deletion.due_at:%F %R}: {deletion.status}")


def suspend(
    slug: Slug,
    reason: Annotated[str | None, typer.Option(help="What the tenant's people are told.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Suspend a tenant: its callers are refused, its processes wait where they are."""
    from cli.records import tenant_called, with_database
    from models.contracts.audit import AuditAction
    from models.repositories import audit, tenants

    async def work(database: "Database") -> None:
        found = await tenant_called(database, slug)
        async with database.tenant(found.id) as tx:
            await tenants.suspend(tx, reason)
            await audit.record(tx, audit.OPERATOR, AuditAction.TENANT_SUSPENDED, found.id)

    with_database(data_dir, work)
    console.print(f"{slug} is suspended. It goes on with `mainstay tenant resume {slug}`.")


def resume(slug: Slug, data_dir: DataDir = None) -> None:
    """Resume a tenant: everything goes on where it was, within a minute."""
    from cli.records import tenant_called, with_database
    from models.contracts.audit import AuditAction
    from models.contracts.tenant_life import DeletionStatus
    from models.repositories import audit, tenant_deletion, tenants

    async def work(database: "Database") -> None:
        found = await tenant_called(database, slug)
        async with database.tenant(found.id) as tx:
            deletion = await tenant_deletion.latest(tx)
            if deletion is not None and deletion.status is not DeletionStatus.CANCELLED:
                raise OperatorError(f"its deletion was asked for: `mainstay tenant keep {slug}`")
            await tenants.resume(tx)
            await audit.record(tx, audit.OPERATOR, AuditAction.TENANT_RESUMED, found.id)

    with_database(data_dir, work)
    console.print(f"{slug} goes on.")


def export(
    slug: Slug,
    to: Annotated[Path, typer.Option("--to", dir_okay=False, help="ZIP file to write; it must not exist.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Export everything of a tenant, its files included and its secrets not, into a file that only you can read."""
    from cli.records import tenant_called
    from models import processes
    from models.contracts.audit import AuditAction
    from models.contracts.tenant_life import ExportInput, ExportStatus
    from models.repositories import audit, tenant_exports
    from models.repositories.vault import Vault
    from models.tenant_archive import archive
    from runtime.media.choice import media_store
    from runtime.media.links import Links
    from runtime.media.port import MediaError
    from runtime.secrets import root_keys

    if to.exists():
        raise OperatorError(f"{to} exists already")
    settings = running_settings(data_dir)
    roots = root_keys(settings)

    async def work(database: "Database", client: "Client") -> "Export":
        found = await tenant_called(database, slug)
        async with database.tenant(found.id) as tx:
            export_id = await tenant_exports.request(tx)
            if export_id is None:
                raise OperatorError("an export of this tenant is under way already")
            await audit.record(tx, audit.OPERATOR, AuditAction.TENANT_EXPORTED, export_id)
        await processes.export(client, ExportInput(tenant_id=found.id, export_id=export_id))

        with _bar() as progress:
            task = progress.add_task("Exporting", total=None)
            while True:
                async with database.tenant(found.id) as tx:
                    current = await tenant_exports.get(tx, export_id)
                if current is None:
                    raise OperatorError("the export is gone")
                progress.update(task, total=current.tables, completed=current.tables_done)
                if current.status is ExportStatus.DONE:
                    break
                await asyncio.sleep(LOOK_SECONDS)
            task = progress.add_task("Writing", total=None)
            store = media_store(settings, Links.of(settings.origin, roots))
            try:
                content = archive(database.tenant, Vault(roots), store, found.id, current)
                await _write(to, content, lambda: progress.advance(task))
            except MediaError as error:
                raise OperatorError(f"the files could not be read ({error}); repeat the command") from error
            finally:
                await store.close()
        return current

    done = _with_processes(data_dir, work)
    if as_json:
        print_json({"file": str(to), "id": done.id, "rows": done.row_counts, "parts": done.parts})
    else:
        console.print(f"{done.rows} rows of {len(done.row_counts)} tables are in {to}.", markup=False)


def delete(
    slug: Slug,
    yes: Annotated[bool, typer.Option("--yes", help="You mean it.")] = False,
    now: Annotated[bool, typer.Option("--now", help="Without the grace, and wait until it is done.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Delete a tenant with everything that it has, after the grace that its settings name."""
    from cli.records import as_owner, tenant_called
    from models import processes
    from models.contracts.audit import AuditAction
    from models.contracts.tenant_life import DeletionInput, DeletionStatus
    from models.repositories import audit, tenant_deletion, tenants

    if not yes:
        raise typer.BadParameter("say that you mean it with --yes; afterwards nothing can be brought back")

    async def ask(database: "Database", client: "Client") -> "Deletion":
        found = await tenant_called(database, slug)
        async with database.tenant(found.id) as tx:
            grace = timedelta(hours=(await tenants.get_settings(tx)).tenant_deletion_grace_hours)
            asked_now = await tenant_deletion.request(tx, audit.OPERATOR, grace)
            if asked_now is not None:
                await audit.record(tx, audit.OPERATOR, AuditAction.TENANT_DELETION_ASKED, asked_now)
            deletion = await tenant_deletion.latest(tx)
            assert deletion is not None, "one was asked for, now or before"
        await processes.deletion(client, DeletionInput(tenant_id=found.id, deletion_id=deletion.id))
        return deletion

    async def hurry(database: "Database") -> None:
        async with database.system() as tx:
            await tenant_deletion.bring_forward(tx, deletion.id)

    deletion = _with_processes(data_dir, ask)
    if now:
        as_owner(data_dir, hurry)
        deletion = _with_processes(data_dir, partial(_followed, deletion))
    if as_json:
        print_json({**asdict(deletion), "status": deletion.status})
    elif deletion.status is DeletionStatus.DONE:
        rows = sum(deletion.row_counts.values())
        console.print(f"{slug} is deleted: {rows} rows, {deletion.processes} processes.")
    else:
        until = f"Until then: `mainstay tenant keep {slug}`."
        console.print(f"{slug} is suspended, and deleted on {deletion.due_at:%F %R %Z}. {until}")


async def _followed(deletion: "Deletion", database: "Database", client: "Client") -> "Deletion":
    """The deletion when it is done. Whoever does not wait for it loses nothing."""
    from models import processes
    from models.contracts.tenant_life import DeletionInput, DeletionStatus
    from models.repositories import tenant_deletion

    await processes.deletion(client, DeletionInput(tenant_id=deletion.tenant_id, deletion_id=deletion.id))
    with errors.status("Deleting") as status:
        while deletion.status is not DeletionStatus.DONE:
            status.update(f"Deleting: {sum(deletion.row_counts.values())} rows so far")
            await asyncio.sleep(LOOK_SECONDS)
            async with database.system() as tx:
                deletion = next(each for each in await tenant_deletion.list_all(tx) if each.id == deletion.id)
    return deletion


def keep(slug: Slug, data_dir: DataDir = None) -> None:
    """Call a tenant's deletion off, before it begins. Everything goes on where it was."""
    from cli.records import tenant_called
    from models import processes
    from models.contracts.audit import AuditAction
    from models.contracts.tenant_life import DeletionInput
    from models.repositories import audit, tenant_deletion

    async def work(database: "Database", client: "Client") -> None:
        found = await tenant_called(database, slug)
        async with database.tenant(found.id) as tx:
            cancelled = await tenant_deletion.cancel(tx)
            if cancelled is None:
                raise OperatorError("there is no deletion that could be called off")
            await audit.record(tx, audit.OPERATOR, AuditAction.TENANT_DELETION_CANCELLED, cancelled)
        await processes.deletion(client, DeletionInput(tenant_id=found.id, deletion_id=cancelled))

    _with_processes(data_dir, work)
    console.print(f"The deletion of {slug} is called off.")


def deletions(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the deletions that were ever asked for, with their reports."""
    from cli.records import with_database
    from models.repositories import tenant_deletion

    async def work(database: "Database") -> "list[Deletion]":
        async with database.system() as tx:
            return await tenant_deletion.list_all(tx)

    found = with_database(data_dir, work)
    if as_json:
        print_json([{**asdict(each), "status": each.status} for each in found])
        return
    table = Table("tenant", "asked", "by", "due", "state", "rows", "processes")
    for each in found:
        by = f"{each.asked_by_kind} {_short(each.asked_by)}".strip()
        rows = str(sum(each.row_counts.values()))
        asked, due = f"{each.created_at:%F %R}", f"{each.due_at:%F %R}"
        table.add_row(each.slug, asked, by, due, each.status.value, rows, str(each.processes))
    console.print(table)


def _short(found: "UUID | None") -> str:
    return "" if found is None else str(found)


def _bar() -> Progress:
    """On stderr, so that stdout is only the result."""
    return Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=errors, transient=True)


async def _write(to: Path, content: AsyncIterator[bytes], advance: Callable[[], None]) -> None:
    """A file that only its owner can read; one that is cut off is removed again."""
    with os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        try:
            async for piece in content:
                file.write(piece)
                advance()
        except BaseException:
            to.unlink()  # noqa: ASYNC240  # one call, and the program ends
            raise


def _with_processes(data_dir: Path | None, work: "Callable[[Database, Client], Awaitable[Result]]") -> Result:
    """What `work` returns. Raises OperatorError when the database or Temporal cannot be reached."""
    from temporalio.service import RPCError

    from cli.records import done
    from models.payload_keys import connected

    settings = running_settings(data_dir)
    url = settings.database_url
    assert url is not None, "running_settings found one"

    async def both(database: "Database") -> Result:
        try:
            async with connected(settings) as client:
                return await work(database, client)
        except RPCError as error:
            raise OperatorError(f"Temporal did not take it ({error.status.name}); repeat the command") from error

    return asyncio.run(done(url.get_secret_value(), both))
