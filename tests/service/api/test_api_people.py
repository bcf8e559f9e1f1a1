"""Registering, invitations and passwords: over HTTP and by mail, with nothing told to those who only guess."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
import sqlalchemy as sa

from api.identity.passwords import Passwords
from models.contracts.enums import Role
from models.contracts.mail import MailInput
from models.contracts.people import MailPurpose, TokenPurpose
from models.contracts.settings import TenantSettings
from models.payload_keys import connected
from models.processes import mail as start_mail
from models.repositories import credentials, mails, members, one_time_tokens, sessions, tenants
from models.repositories.members import MemberState, Person
from models.repositories.sessions import Hashes
from models.tables import mails as mails_table
from models.tables import one_time_tokens as tokens_table
from runtime.database import Database
from runtime.embedded import Servers
from runtime.ids import new_id
from tests.service.api.house import Company, settings_of
from tests.service.api.post import Postbox, mailing
from tests.service.whole import eventually

GOOD, BETTER = "correct horse battery staple", "quite another battery staple"


@pytest.fixture(scope="module")
async def postbox(servers: Servers, database: Database) -> AsyncIterator[Postbox]:
    async with (
        Postbox.open() as postbox,
        connected(settings_of(servers)) as client,
        mailing(client, database, postbox.port),
    ):
        yield postbox


@pytest.fixture
async def open_acme(acme: Company, database: Database) -> Company:
    """Where people may register themselves."""
    async with database.tenant(acme.id) as tx:
        await tenants.put_settings(tx, TenantSettings(registration=True))
    return acme


def address() -> str:
    return f"aigerim.{new_id().hex[-10:]}@example.com"


async def asked(company: Company, path: str, **body: Any) -> httpx.Response:
    """As a stranger."""
    async with httpx.AsyncClient(base_url=company.http.base_url, timeout=60, trust_env=False) as http:
        return await http.post(f"/v1/auth/{path}", json=body)


async def register(company: Company, email: str, password: str = GOOD, name: str = "Aigerim") -> httpx.Response:
    return await asked(company, "register", tenant=company.slug, email=email, name=name, password=password)


async def person(database: Database, company: Company, email: str) -> Person | None:
    async with database.tenant(company.id) as tx:
        return next(iter(await members.called(tx, email)), None)


async def signs_in(database: Database, company: Company, email: str, password: str) -> bool:
    """Whether one would be let in with this address and password."""
    async with database.system() as tx:
        found = await credentials.find(tx, email, company.slug)
    if found is None:
        return False
    async with database.tenant(company.id) as tx:
        known = await credentials.get(tx, found[1])
    passwords = Passwords(memory_mib=64, passes=3, slots=1)
    return known is not None and (await passwords.verify(known.password_hash, password)).ok


async def invited(acme: Company, email: str, role: str = "agent", name: str = "Dana") -> UUID:
    response = await acme.post("/v1/members", {"email": email, "name": name, "role": role})
    assert response.status_code == 201, response.text
    return UUID(response.json()["id"])


async def joined(acme: Company, postbox: Postbox, email: str, role: str = "agent") -> UUID:
    member = await invited(acme, email, role)
    _, token = await postbox.token(email)
    assert (await asked(acme, "accept-invite", token=token, password=GOOD)).status_code == 204
    return member


# Registering --------------------------------------------------------------------------------------


async def test_who_registers_confirms_and_is_in(open_acme: Company, postbox: Postbox, database: Database) -> None:
    email = address()
    assert (await register(open_acme, email.upper())).status_code == 202
    before = await person(database, open_acme, email)
    assert before is not None
    assert (before.role, before.state) == (Role.USER, MemberState.INVITED)
    assert not await signs_in(database, open_acme, email, GOOD)
    purpose, token = await postbox.token(email)
    assert purpose == "confirm"
    assert (await asked(open_acme, "confirm", token=token)).status_code == 204
    assert await signs_in(database, open_acme, email, GOOD)
    again = await asked(open_acme, "confirm", token=token)
    assert (again.status_code, again.json()["errors"][0]["field"]) == (422, "token")


async def test_a_tenant_that_is_closed_looks_like_one_that_does_not_exist(acme: Company) -> None:
    closed = (await register(acme, address())).json()
    missing = (await asked(acme, "register", tenant="no-such-tenant", email=address(), name="X", password=GOOD)).json()
    assert {**closed, "request_id": ""} == {**missing, "request_id": ""}
    assert (closed["status"], closed["type"]) == (403, "urn:mainstay:problem:registration-closed")


async def test_the_answer_does_not_tell_who_is_known(open_acme: Company, postbox: Postbox, database: Database) -> None:
    email = address()
    await joined(open_acme, postbox, email)
    known, unknown = await register(open_acme, email, BETTER), await register(open_acme, address(), BETTER)
    assert (known.status_code, known.json()) == (unknown.status_code, unknown.json())
    told = await postbox.to(email, 2)
    assert "have an account" in told["Subject"]
    assert await signs_in(database, open_acme, email, GOOD)
    assert not await signs_in(database, open_acme, email, BETTER)


async def test_of_two_who_claim_an_address_the_one_who_reads_its_mail_decides(
    open_acme: Company, postbox: Postbox, database: Database
) -> None:
    email = address()
    await register(open_acme, email, "the password of a thief")
    _, first = await postbox.token(email)
    await register(open_acme, email, GOOD)
    purpose, second = await postbox.token(email, 2)
    assert purpose == "reset"
    # Whichever link is followed, neither password that came with a registration is good.
    assert (await asked(open_acme, "confirm", token=first)).status_code == 204
    assert not await signs_in(database, open_acme, email, "the password of a thief")
    assert not await signs_in(database, open_acme, email, GOOD)
    assert (await asked(open_acme, "reset-password", token=second, password=BETTER)).status_code == 204
    assert await signs_in(database, open_acme, email, BETTER)


async def test_weak_passwords_are_refused_with_all_that_is_wrong_and_nothing_is_stored(
    open_acme: Company, database: Database
) -> None:
    email = address()
    refused = await register(open_acme, email, "I, Aigerim")
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == ["password", "password"]
    assert "Aigerim" not in refused.text
    assert await person(database, open_acme, email) is None


async def test_a_tenants_own_rules_hold(open_acme: Company, database: Database) -> None:
    rules = TenantSettings.model_validate({"registration": True, "passwords": {"min_length": 30, "mixed": True}})
    async with database.tenant(open_acme.id) as tx:
        await tenants.put_settings(tx, rules)
    refused = await register(open_acme, address())
    assert ["at least 30" in error["message"] for error in refused.json()["errors"]] == [True, False]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "no address"),
        ("email", "a@b\r\nBcc: c@example.com"),
        ("role", "owner"),
        ("tenant_id", "x"),
        ("name", ""),
    ],
)
async def test_nobody_registers_with_more_than_is_asked_for(open_acme: Company, field: str, value: str) -> None:
    body = {"tenant": open_acme.slug, "email": address(), "name": "X", "password": GOOD, field: value}
    refused = await asked(open_acme, "register", **body)
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == [field]
    assert GOOD not in refused.text


# Forgotten passwords ------------------------------------------------------------------------------


async def test_a_forgotten_password_is_replaced_and_all_sessions_end(
    acme: Company, postbox: Postbox, database: Database
) -> None:
    email = address()
    member = await joined(acme, postbox, email)
    async with database.tenant(acme.id) as tx:
        await sessions.begin(
            tx, member, Hashes(new_id().bytes, b"s"), idle=timedelta(1), life=timedelta(2), ip=None, user_agent=None
        )
    assert (await asked(acme, "forgot-password", email=email)).status_code == 202
    purpose, token = await postbox.token(email, 2)
    assert purpose == "reset"
    weak = await asked(acme, "reset-password", token=token, password="12345")
    assert (weak.status_code, weak.json()["errors"][0]["field"]) == (422, "password")
    assert (await asked(acme, "reset-password", token=token, password=BETTER)).status_code == 204
    assert await signs_in(database, acme, email, BETTER)
    assert not await signs_in(database, acme, email, GOOD)
    async with database.tenant(acme.id) as tx:
        assert await sessions.list_alive(tx, member) == []
    assert "was changed" in (await postbox.to(email, 3))["Subject"]


async def test_forgetting_tells_nothing_and_fills_no_mailbox(
    acme: Company, postbox: Postbox, database: Database
) -> None:
    email = address()
    member = await joined(acme, postbox, email)
    answers = [
        await asked(acme, "forgot-password", email=email, tenant=acme.slug),
        await asked(acme, "forgot-password", email=email),
        await asked(acme, "forgot-password", email=address()),
        await asked(acme, "forgot-password", email=email, tenant="no-such-tenant"),
    ]
    assert {(answer.status_code, answer.text) for answer in answers} == {(202, answers[0].text)}
    async with database.tenant(acme.id) as tx:
        count = await tx.connection.scalar(
            sa.select(sa.func.count()).where(mails_table.c.member_id == member, mails_table.c.purpose == "reset")
        )
    assert count == 1


async def test_of_thirty_who_use_a_token_at_once_one_does(acme: Company, database: Database, postbox: Postbox) -> None:
    member = await joined(acme, postbox, address())
    async with database.tenant(acme.id) as tx:
        token = await one_time_tokens.issue(tx, member, TokenPurpose.CONFIRM)
    answers = await asyncio.gather(*(asked(acme, "confirm", token=token) for _ in range(30)))
    assert sorted(answer.status_code for answer in answers) == [204] + [422] * 29


async def test_a_token_is_good_for_its_purpose_its_tenant_and_its_time(
    acme: Company, globex: Company, postbox: Postbox, database: Database
) -> None:
    member = await joined(acme, postbox, address())
    async with database.tenant(acme.id) as tx:
        older = await one_time_tokens.issue(tx, member, TokenPurpose.RESET)
        token = await one_time_tokens.issue(tx, member, TokenPurpose.RESET)
    async with database.tenant(globex.id) as tx:
        assert await one_time_tokens.use(tx, token, TokenPurpose.RESET) is None
    wrong = [("confirm", token), ("accept-invite", token), ("reset-password", older), ("reset-password", token + "x")]
    for path, each in wrong:
        body = {"token": each} | ({} if path == "confirm" else {"password": BETTER})
        assert (await asked(acme, path, **body)).status_code == 422
    async with database.tenant(acme.id) as tx:
        await tx.connection.execute(sa.update(tokens_table).values(expires_at=sa.func.now()))
    assert (await asked(acme, "reset-password", token=token, password=BETTER)).status_code == 422


async def test_who_is_disabled_meanwhile_does_not_come_back_by_a_token(
    acme: Company, postbox: Postbox, database: Database
) -> None:
    member = await joined(acme, postbox, address())
    async with database.tenant(acme.id) as tx:
        token = await one_time_tokens.issue(tx, member, TokenPurpose.RESET)
    assert (await acme.http.patch(f"/v1/members/{member}", json={"disabled": True})).status_code == 200
    assert (await asked(acme, "reset-password", token=token, password=BETTER)).status_code == 422


# Invitations --------------------------------------------------------------------------------------


async def test_who_is_invited_chooses_a_password_and_a_name(
    acme: Company, postbox: Postbox, database: Database
) -> None:
    email = address()
    member = await invited(acme, email)
    purpose, token = await postbox.token(email)
    assert purpose == "invite"
    assert "A company invites you" in (await postbox.to(email))["Subject"]
    accepted = await asked(acme, "accept-invite", token=token, password=GOOD, name="Дана")
    assert accepted.status_code == 204
    found = (await acme.get(f"/v1/members/{member}")).json()
    assert (found["state"], found["name"], found["role"], found["email"]) == ("active", "Дана", "agent", email)
    assert await signs_in(database, acme, email, GOOD)
    assert (await acme.post(f"/v1/members/{member}/invite")).status_code == 409


async def test_a_new_invitation_voids_the_one_before(acme: Company, postbox: Postbox) -> None:
    email = address()
    member = await invited(acme, email)
    _, first = await postbox.token(email)
    assert (await acme.post(f"/v1/members/{member}/invite")).status_code == 202
    _, second = await postbox.token(email, 2)
    assert (await asked(acme, "accept-invite", token=first, password=GOOD)).status_code == 422
    assert (await asked(acme, "accept-invite", token=second, password=GOOD)).status_code == 204


async def test_an_address_is_one_members(acme: Company, globex: Company, postbox: Postbox) -> None:
    email = address()
    await invited(acme, email)
    again = await acme.post("/v1/members", {"email": email.upper(), "name": "X"})
    assert (again.status_code, again.json()["type"]) == (409, "urn:mainstay:problem:address-taken")
    await invited(globex, email)
    await postbox.to(email, 2)


async def test_an_invitation_takes_the_place_of_an_unconfirmed_registration(
    open_acme: Company, postbox: Postbox, database: Database
) -> None:
    email = address()
    await register(open_acme, email, "the password of a thief", name="Eve")
    _, confirmation = await postbox.token(email)
    await invited(open_acme, email, role="admin", name="Dana")
    _, token = await postbox.token(email, 2)
    assert (await asked(open_acme, "confirm", token=confirmation)).status_code == 422
    assert (await asked(open_acme, "accept-invite", token=token, password=GOOD)).status_code == 204
    assert not await signs_in(database, open_acme, email, "the password of a thief")
    found = await person(database, open_acme, email)
    assert found is not None
    assert (found.name, found.role) == ("Dana", Role.ADMIN)


# Mail ---------------------------------------------------------------------------------------------


async def test_a_server_that_is_busy_is_asked_again_and_the_mail_comes_once(
    acme: Company, postbox: Postbox, database: Database
) -> None:
    email = address()
    postbox.answers.append("451 try again later")
    member = await invited(acme, email)
    await postbox.to(email)

    async def is_sent() -> bool:
        async with database.tenant(acme.id) as tx:
            row = (await tx.connection.execute(sa.select(mails_table).where(mails_table.c.member_id == member))).one()
        return row.sent_at is not None and row.attempts == 2

    await eventually(is_sent)
    assert len(postbox.all_to(email)) == 1


async def test_a_mail_that_is_refused_for_good_is_not_tried_again(
    acme: Company, postbox: Postbox, database: Database
) -> None:
    postbox.answers.append("550 no such mailbox")
    member = await invited(acme, address())

    async def has_failed() -> bool:
        async with database.tenant(acme.id) as tx:
            row = (await tx.connection.execute(sa.select(mails_table).where(mails_table.c.member_id == member))).one()
        return row.failed_at is not None and row.sent_at is None and row.attempts == 1

    await eventually(has_failed)


async def test_a_mail_that_was_sent_is_not_sent_again(
    acme: Company, postbox: Postbox, database: Database, servers: Servers
) -> None:
    email = address()
    await joined(acme, postbox, email)
    async with database.tenant(acme.id) as tx:
        mail_id = await tx.connection.scalar(
            sa.select(mails_table.c.id).where(mails_table.c.tenant_id == acme.id, mails_table.c.sent_at.is_not(None))
        )
    assert mail_id is not None
    async with connected(settings_of(servers)) as client:
        given = MailInput(tenant_id=acme.id, mail_id=mail_id)
        await start_mail(client, given)
        handle = client.get_workflow_handle(f"mail/{acme.id}/{mail_id}")
        assert (await handle.result())["sent"] is False
    assert len(postbox.all_to(email)) == 1


async def test_no_line_can_be_added_to_a_mails_header(
    acme: Company, postbox: Postbox, database: Database, servers: Servers
) -> None:
    email = address()
    async with database.tenant(acme.id) as tx:
        member = await members.invite(
            tx, email=email, name="Eve\r\nBcc: everybody@example.com\r\n\r\nHello", role=Role.AGENT
        )
        assert member is not None
        mail = await mails.request(tx, member, MailPurpose.INVITE)
    assert mail is not None
    async with connected(settings_of(servers)) as client:
        await start_mail(client, mail)
    got = await postbox.to(email)
    assert got["Bcc"] is None
    assert got["To"].addresses[0].display_name == "Eve Bcc: everybody@example.com Hello"


# Changing it --------------------------------------------------------------------------------------


async def signed_in(company: Company, email: str, password: str) -> dict[str, str]:
    answer = await asked(company, "login/json", tenant=company.slug, email=email, password=password)
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def test_a_changed_password_ends_the_other_sessions(acme: Company, postbox: Postbox) -> None:
    email = address()
    await joined(acme, postbox, email)
    here, there = await signed_in(acme, email, GOOD), await signed_in(acme, email, GOOD)
    path = "/v1/auth/change-password"
    wrong = await acme.post(path, {"current": BETTER, "new": "a third battery staple"}, headers=here)
    assert (wrong.status_code, wrong.json()["type"]) == (403, "urn:mainstay:problem:wrong-password")
    weak = await acme.post(path, {"current": GOOD, "new": "password1234"}, headers=here)
    assert (weak.status_code, {error["field"] for error in weak.json()["errors"]}) == (422, {"new"})
    assert (await acme.post(path, {"current": GOOD, "new": BETTER}, headers=here)).status_code == 204

    async def other_is_out() -> bool:
        return (await acme.get("/v1/auth/me", headers=there)).status_code == 401

    await eventually(other_is_out, 2)
    assert (await acme.get("/v1/auth/me", headers=here)).status_code == 200
    await signed_in(acme, email, BETTER)
    refused = await asked(acme, "login/json", tenant=acme.slug, email=email, password=GOOD)
    assert refused.status_code == 401
    assert "was changed" in (await postbox.to(email, 2))["Subject"]


async def test_of_many_changes_at_once_one_is_made(acme: Company, postbox: Postbox) -> None:
    email = address()
    await joined(acme, postbox, email)
    headers = await signed_in(acme, email, GOOD)
    chosen = [f"{BETTER} number {number}" for number in range(6)]
    answers = await asyncio.gather(
        *(acme.post("/v1/auth/change-password", {"current": GOOD, "new": each}, headers=headers) for each in chosen)
    )
    codes = [answer.status_code for answer in answers]
    assert codes.count(204) == 1
    # Refused as a lost race, or as a wrong password by who came after it.
    assert set(codes) <= {204, 403, 409}
    await signed_in(acme, email, chosen[codes.index(204)])


async def test_no_key_changes_a_password(acme: Company) -> None:
    refused = await acme.post("/v1/auth/change-password", {"current": GOOD, "new": BETTER})
    assert (refused.status_code, refused.json()["permission"]) == (403, "self")
