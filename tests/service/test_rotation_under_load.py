"""Every key of a system under load is rotated: nobody notices, and what was written before can still be read."""

import asyncio
import base64
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from temporalio.worker import Replayer

from cli.context import running_settings
from models.payload_keys import connected
from models.repositories.signing_keys import PUBLISHED_BEFORE, REFRESH_SECONDS
from runtime.database import Database
from tests.service.api.house import Company, company
from tests.service.api.signing_in import Login, give_password, log_in, refreshed
from tests.service.processes import up
from tests.service.whole import learn_the_sample
from workflows.conversation import ConversationWorkflow
from workflows.escalation import EscalationWorkflow

TALKERS = 3
BETWEEN_STEPS = 0.2
"""A client's pause, and room for the commands that rotate on a small machine."""


class Load:
    """Clients who go on until they are stopped. An answer that is no success ends them at once."""

    def __init__(self) -> None:
        self.stopped = asyncio.Event()
        self.requests = 0
        self.signed_by: set[str] = set()
        self._counted = asyncio.Event()

    async def go_on(self, step: Callable[[int], Awaitable[None]]) -> None:
        number = 0
        while not self.stopped.is_set():
            await step(number)
            number += 1
            await asyncio.sleep(BETWEEN_STEPS)

    def counted(self, response: Any) -> Any:
        assert response.is_success, f"{response.request.method} {response.request.url}: {response.text}"
        self.count()
        return response

    def count(self) -> None:
        self.requests += 1
        self._counted.set()

    async def more(self, requests: int) -> None:
        """Wait until so many more have been answered."""
        enough = self.requests + requests
        while self.requests < enough:
            self._counted.clear()
            await self._counted.wait()


def signer_of(login: Login) -> str:
    header, _, _ = login.access.partition(".")
    kid: str = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"]
    return kid


async def people(load: Load, tenant: Company, address: str) -> None:
    """Somebody who signs in, looks around, refreshes, and signs in again."""

    async def step(_: int) -> None:
        login = await log_in(tenant.http, address)
        load.signed_by.add(signer_of(login))
        for _ in range(5):
            load.counted(await tenant.get("/v1/auth/me", headers=login.headers))
            given = load.counted(await refreshed(tenant.http, login.refresh)).json()
            login = Login(given["access_token"], given["refresh_token"], login.device)
        load.counted(await tenant.http.post("/v1/auth/logout", headers=login.headers))

    await load.go_on(step)


async def customer(load: Load, tenant: Company) -> None:
    conversation = await tenant.opened()

    async def step(_: int) -> None:
        reply = await tenant.said(conversation, "How much is delivery to Astana?")
        assert reply["reply"]["kind"] == "answer" or reply["reply"]["citations"], reply
        load.count()

    await load.go_on(step)


async def keeper(load: Load, tenant: Company) -> None:
    async def step(number: int) -> None:
        load.counted(await tenant.http.put(f"/v1/secrets/s{number % 3}", json={"value": f"value {number}"}))

    await load.go_on(step)


async def mainstay(folder: Path, *arguments: str) -> list[dict[str, Any]] | dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli", *arguments, "--data-dir", str(folder), "--json"), stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0
    found: list[dict[str, Any]] | dict[str, Any] = json.loads(printed)
    return found


async def rotate_until_used(folder: Path, load: Load, owner: Database) -> None:
    """Every key, twice, wrapped anew in between; until a token is signed by the last one."""
    for _ in range(2):
        made = await mainstay(folder, "keys", "rotate", "--all")
        await mainstay(folder, "keys", "rewrap")
        await load.more(20)
    assert isinstance(made, list)
    (signing,) = (UUID(key["id"]).hex for key in made if key["purpose"] == "signing")
    # A new key signs half a minute after it is published: all of that passes at once but the time in which every process
    # reads the keys anew.
    async with owner.system() as tx:
        published = (
            "UPDATE installation_keys SET active_at = active_at - CAST(:passed AS interval) WHERE active_at > now()"
        )
        passed = PUBLISHED_BEFORE - 2 * timedelta(seconds=REFRESH_SECONDS)
        await tx.connection.execute(sa.text(published), {"passed": passed})
    async with asyncio.timeout(90):
        while signing not in load.signed_by:
            await load.more(1)


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_no_request_fails_while_keys_rotate(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    chosen = {"WORKER_PROCESSES": "2", "RATE_LIMIT_SIGN_IN": "1000000/minute", "PASSWORD_MEMORY_MIB": "8"}
    async with up(folder, **chosen) as found, connected(running_settings(folder)) as client:
        database, owner = Database(found.database_url), Database(str(found.admin_database_url))
        load = Load()
        async with company(database, found.api_url) as tenant:
            await learn_the_sample(tenant, "en/delivery.md")
            unlimited = await tenant.http.put("/v1/policy", json={"flood": None}, headers={"If-Match": "*"})
            assert unlimited.is_success, unlimited.text
            address = await give_password(database, tenant, "owner")
            async with asyncio.TaskGroup() as clients:
                for _ in range(TALKERS):
                    clients.create_task(customer(load, tenant))
                clients.create_task(people(load, tenant, address))
                clients.create_task(keeper(load, tenant))
                await rotate_until_used(folder, load, owner)
                load.stopped.set()
            assert len(load.signed_by) >= 2
            assert load.requests > 100
            replayer = Replayer(
                workflows=[ConversationWorkflow, EscalationWorkflow], data_converter=client.data_converter
            )
            replayed = 0
            async for execution in client.list_workflows("WorkflowType = 'conversation'"):
                handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
                await replayer.replay_workflow(await handle.fetch_history())
                replayed += 1
            assert replayed >= TALKERS
        await database.close()
        await owner.close()
