"""The whole system in this process: the real gateway and the real steps, on servers that no other worker polls."""

import asyncio
import tomllib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from activities.routes.build import Routes
from activities.routes.policy import Circuit, Condition, Key
from cli.answering import answering
from cli.connecting import connecting
from cli.search import searching
from models.payload_keys import connected
from runtime.database import Database
from runtime.embedded import Servers, running
from runtime.migrate import upgrade
from tests.service.api.house import TEST_HOME, Company, company, serving, settings_of
from worker.build import tools, workers

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "samples" / "altyn_home"
DAY: list[dict[str, Any]] = tomllib.loads((SAMPLE / "dialogue.toml").read_text())["turn"]
ALL_PAGES = "*/*.md"

PATIENCE = 100
"""Seconds for what takes a second or two."""


@asynccontextmanager
async def servers_of_its_own(folder: Path) -> AsyncIterator[Servers]:
    async with running(folder) as servers:
        await asyncio.to_thread(upgrade, servers.admin_database_url)
        yield servers


@asynccontextmanager
async def system(
    servers: Servers, *, learns: str | Literal[False] = ALL_PAGES, **changes: Any
) -> AsyncIterator[Company]:
    """Gateway and worker, and a tenant. Its knowledge are the sample company's pages of the pattern `learns`, if any."""
    settings = settings_of(servers, data_dir=TEST_HOME, **changes)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(connected(settings))
        held = await stack.enter_async_context(tools(settings, client))
        for worker in await workers(settings, held):
            await stack.enter_async_context(worker)
        url, _ = await stack.enter_async_context(
            serving(settings, searching(settings), answering(settings), connecting(settings))
        )
        database = Database(servers.database_url)
        stack.push_async_callback(database.close)
        tenant = await stack.enter_async_context(company(database, url))
        tenant.routes = held.routes
        if learns:
            await learn_the_sample(tenant, learns)
        yield tenant


def forget_failures(routes: Routes) -> None:
    """As a worker that has just started: what one test broke is not held against the model in the next."""
    for endpoint in routes.endpoints:
        endpoint.condition = Condition(Circuit(), tuple(Key() for _ in endpoint.condition.keys))


async def learn_the_sample(tenant: Company, pages: str = ALL_PAGES) -> None:
    """All pages take eight seconds of a core; who needs one names it."""
    documents = [
        {"name": str(page.relative_to(SAMPLE)), "text": page.read_text(), "language": page.parent.name}
        for page in sorted(SAMPLE.glob(pages))
    ]
    staged = await tenant.post("/v1/kb/sources", {"name": "help", "documents": documents})
    assert staged.is_success, staged.text
    await eventually(lambda: job_is_done(tenant, staged.json()["job_id"]))


async def job_is_done(tenant: Company, job: str) -> bool:
    found = (await tenant.get(f"/v1/kb/jobs/{job}")).json()
    assert found["status"] != "failed", found
    return bool(found["status"] == "done")


async def eventually(happened: Callable[[], Any], seconds: float = PATIENCE) -> None:
    """Ask until it is so: for what no event tells of."""
    async with asyncio.timeout(seconds):
        while not await happened():  # noqa: ASYNC110  # another process' state
            await asyncio.sleep(0.05)


async def messages_of(tenant: Company, conversation: str) -> list[dict[str, Any]]:
    found = await tenant.get(f"/v1/conversations/{conversation}/messages?limit=200")
    items: list[dict[str, Any]] = found.json()["items"]
    return items


async def open_escalation(tenant: Company, conversation: str) -> dict[str, Any]:
    listed = (await tenant.get("/v1/escalations?status=pending&limit=200")).json()["items"]
    found: dict[str, Any] = next(each for each in listed if each["conversation_id"] == conversation)
    return found
