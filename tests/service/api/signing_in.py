"""People with passwords, and what a client of theirs does to sign in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import sqlalchemy as sa

from api.identity.passwords import Passwords
from models.tables import audit_log, credentials, members
from runtime.database import Database
from tests.service.api.house import Company

PASSWORD = "correct horse battery staple"
# Cheap: what is tested is not how long hashing takes.
CHEAP = {"password_memory_mib": 8, "password_passes": 1}
PUBLIC = "https://support.example.test"


@dataclass(frozen=True)
class Login:
    """Tokens of one session."""

    access: str
    refresh: str
    device: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access}"}


def email_of(acme: Company, name: str) -> str:
    return f"{name}@{acme.slug}.example"


async def give_password(database: Database, acme: Company, name: str, *, email: str | None = None) -> str:
    """Let a member sign in with PASSWORD; their address."""
    email = email or email_of(acme, name)
    passwords = Passwords(memory_mib=8, passes=1, slots=1)
    hashed = await passwords.hash(PASSWORD)
    passwords.close()
    async with database.tenant(acme.id) as tx:
        member_id = acme.members[name].id
        await tx.connection.execute(sa.update(members).where(members.c.id == member_id).values(email=email))
        await tx.connection.execute(
            sa.insert(credentials).values(tenant_id=acme.id, member_id=member_id, password_hash=hashed)
        )
    return email


async def try_login(http: httpx.AsyncClient, email: str, password: str = PASSWORD, **body: Any) -> httpx.Response:
    # Without the key that the company's client sends by itself.
    return await http.post(
        "/v1/auth/login/json", json={"email": email, "password": password, **body}, headers={"Authorization": ""}
    )


async def log_in(http: httpx.AsyncClient, email: str, **body: Any) -> Login:
    response = await try_login(http, email, **body)
    assert response.status_code == 200, response.text
    given = response.json()
    return Login(given["access_token"], given["refresh_token"], given["device_token"])


async def refreshed(http: httpx.AsyncClient, token: str) -> httpx.Response:
    return await http.post("/v1/auth/refresh", json={"refresh_token": token}, headers={"Authorization": ""})


async def audited(database: Database, acme: Company, action: str) -> int:
    """How often something is in the audit log."""
    async with database.tenant(acme.id) as tx:
        count = await tx.connection.scalar(
            sa.select(sa.func.count()).select_from(audit_log).where(audit_log.c.action == action)
        )
    return count or 0


@asynccontextmanager
async def client_from(url: str, address: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client with an address of its own; all of 127.0.0.0/8 is this machine."""
    transport = httpx.AsyncHTTPTransport(local_address=address)
    async with httpx.AsyncClient(base_url=url, transport=transport, timeout=60, trust_env=False) as http:
        yield http
