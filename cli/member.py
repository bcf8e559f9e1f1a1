"""`mainstay member`: people of a tenant."""

import sys
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer
from rich.table import Column, Table

from cli.context import AsJson, DataDir, console, print_json, running_settings
from cli.options import TenantOption
from models.contracts.enums import Role
from models.contracts.people import email_address
from runtime.errors import OperatorError

if TYPE_CHECKING:
    from models.repositories.members import Person, Subject
    from runtime.database import Database, TenantTx

app = typer.Typer(no_args_is_help=True, help="The people of a tenant: add, invite, list, set a password.")


def address_of(value: str | None) -> str | None:
    try:
        return None if value is None else email_address(value)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


EmailOption = Annotated[
    str | None, typer.Option("--email", callback=address_of, help="To sign in with. Unique in the tenant.")
]
InviteOption = Annotated[
    bool, typer.Option("--invite", help="Send a mail with which they choose a password. Needs --email.")
]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="As customers and colleagues see it.")],
    role: Annotated[Role, typer.Option(help="What they may do.")] = Role.AGENT,
    email: EmailOption = None,
    invite: InviteOption = False,
    tenant: TenantOption = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Add a member, and print their API key, this once; with --invite send them a mail instead."""
    from cli.records import tenant_called, with_database

    if not name.strip():
        raise typer.BadParameter("must not be blank", param_hint="NAME")
    if invite and email is None:
        raise typer.BadParameter("needs --email", param_hint="--invite")

    async def work(database: "Database") -> dict[str, object]:
        found = await tenant_called(database, tenant)
        async with database.tenant(found.id) as tx:
            member = await add_person(tx, name.strip(), role, email, invite=invite)
            told: dict[str, object] = {"id": member, "name": name.strip(), "role": role}
            return told if invite else told | {"api_key": await first_key(tx, member)}

    added = with_database(data_dir, work)
    if as_json:
        print_json(added)
        return
    if invite:
        console.print(
            f"{name.strip()} is invited as {role}, with id {added['id']}; a mail is on its way.", markup=False
        )
        return
    console.print(f"{name.strip()} is {role} now, with id {added['id']}.", markup=False)
    console.print(f"Their API key, shown this once: {added['api_key']}", markup=False)


@app.command("list")
def list_(tenant: TenantOption = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the members of a tenant."""
    from cli.records import tenant_called, with_database
    from models.repositories import members

    async def work(database: "Database") -> "list[Person]":
        found = await tenant_called(database, tenant)
        async with database.tenant(found.id) as tx:
            return await members.page(tx, limit=10_000)

    found = with_database(data_dir, work)
    if as_json:
        print_json(
            [
                {"id": each.id, "name": each.name, "role": each.role, "email": each.email, "state": each.state}
                for each in found
            ]
        )
    elif not found:
        console.print("The tenant has no members yet: `mainstay member add NAME`")
    else:
        table = Table("name", "role", "state", Column("id", no_wrap=True), "e-mail")
        for each in found:
            table.add_row(each.name, each.role.value, each.state.value, str(each.id), each.email or "")
        console.print(table)


@app.command()
def password(
    name: Annotated[str, typer.Argument(help="Name, address or id of the member.")],
    email: EmailOption = None,
    tenant: TenantOption = None,
    data_dir: DataDir = None,
) -> None:
    """Set a member's password, read from the prompt or from stdin. Signs them out everywhere.

    For the first sign-in without mail, and for who cannot read theirs. --email gives an address to who has none.
    """
    from api.identity.password_rules import Breached, flaws
    from api.identity.passwords import Passwords
    from cli.records import tenant_called, with_database

    settings = running_settings(data_dir)
    chosen = (
        typer.prompt("Password", hide_input=True, confirmation_prompt=True) if sys.stdin.isatty() else _from_stdin()
    )

    async def work(database: "Database") -> None:
        found = await tenant_called(database, tenant)
        async with database.tenant(found.id) as tx:
            person, subject = await _whose(tx, name, email)
        wrong = flaws(chosen, subject.rules, (*subject.own_words, email), Breached(settings.breached_passwords_file))
        if wrong:
            raise OperatorError(f"the password {'; it '.join(wrong)}")
        passwords = Passwords(memory_mib=settings.password_memory_mib, passes=settings.password_passes, slots=1)
        hashed = await passwords.hash(chosen)
        async with database.tenant(found.id) as tx:
            await _set(tx, person, email, hashed)

    with_database(data_dir, work)
    console.print(f"{name} can sign in with this password now.", markup=False)


@app.command("reset-totp")
def reset_totp(
    name: Annotated[str, typer.Argument(help="Name, address or id of the member.")],
    tenant: TenantOption = None,
    data_dir: DataDir = None,
) -> None:
    """Take away the second factor of who has lost it. Signs them out everywhere; their password stays."""
    from cli.records import tenant_called, with_database
    from models.contracts.audit import AuditAction
    from models.repositories import audit, second_factors, sessions

    async def work(database: "Database") -> None:
        found = await tenant_called(database, tenant)
        async with database.tenant(found.id) as tx:
            person = await the_only(tx, name)
            if not await second_factors.remove(tx, person.id):
                raise OperatorError(f"{name} has no second factor")
            await sessions.end_all(tx, person.id)
            await audit.record(tx, audit.OPERATOR, AuditAction.TOTP_REMOVED, person.id)

    with_database(data_dir, work)
    console.print(f"{name} signs in with the password alone now.", markup=False)


async def add_person(tx: "TenantTx", name: str, role: Role, email: str | None, *, invite: bool) -> UUID:
    """A new member; with `invite` one who has yet to accept, by a mail that reconcile sends. Raises OperatorError."""
    from sqlalchemy.exc import IntegrityError

    from models.contracts.audit import AuditAction
    from models.contracts.people import MailPurpose
    from models.repositories import audit, mails, members, tenants

    taken = OperatorError(f"a member of this tenant has the address {email} already")
    if invite and email is not None:
        member_id = await members.invite(tx, email=email, name=name, role=role)
        if member_id is None:
            raise taken
        await mails.request(tx, member_id, MailPurpose.INVITE)
        await audit.record(tx, audit.OPERATOR, AuditAction.MEMBER_INVITED, member_id, role=role.value)
        return member_id
    try:
        member = await tenants.add_member(tx, name=name, role=role, email=email)
    except IntegrityError:
        raise taken from None
    await audit.record(tx, audit.OPERATOR, AuditAction.MEMBER_JOINED, member.id, role=role.value)
    return member.id


async def first_key(tx: "TenantTx", member_id: UUID) -> str:
    """An API key of a member who has just come. It can be read this once."""
    from models.contracts.audit import AuditAction
    from models.repositories import api_keys, audit

    key_id, secret = await api_keys.create(tx, member_id, name="first")
    await audit.record(tx, audit.OPERATOR, AuditAction.KEY_CREATED, key_id, member_id=str(member_id))
    return secret


async def the_only(tx: "TenantTx", name: str) -> "Person":
    """The member with this name, address or id. Raises OperatorError when there is none, or several."""
    from models.repositories import members

    found = await members.called(tx, name)
    if len(found) != 1:
        several = ": name one by id, see `mainstay member list`" if found else ""
        raise OperatorError(f"{'several members are' if found else 'no member is'} called {name}{several}")
    return found[0]


async def _whose(tx: "TenantTx", name: str, email: str | None) -> "tuple[Person, Subject]":
    from models.repositories import members

    person = await the_only(tx, name)
    subject = await members.subject(tx, person.id)
    if subject is None:
        raise OperatorError(f"{name} is disabled")
    if person.email is None and email is None:
        raise OperatorError(f"{name} has no address to sign in with: give one with --email")
    return person, subject


async def _set(tx: "TenantTx", person: "Person", email: str | None, hashed: str) -> None:
    from models.contracts.audit import AuditAction
    from models.repositories import audit, members

    if email is not None and not await members.give_address(tx, person.id, email):
        raise OperatorError(f"a member of this tenant has the address {email} already")
    await members.join(tx, person.id)
    await members.set_password(tx, person.id, hashed)
    await audit.record(tx, audit.OPERATOR, AuditAction.PASSWORD_RESET, person.id)


def _from_stdin() -> str:
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise typer.BadParameter("one line is expected on stdin", param_hint="password")
    return line
