"""The gateway as an ASGI application: what is opened when it starts, and in which order a request passes."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

from fastapi import FastAPI

from api import openapi, problems
from api.auth import Authenticator
from api.body_limit import BodyLimit
from api.gateway import Gateway
from api.observe import Metrics, Observe
from api.processes import Processes
from api.readiness import Readiness
from api.records import Records
from api.routes import agent, conversations, escalations, events, health, knowledge
from api.search import OpenSearcher
from api.wakeups import Wakeups
from models.repositories.events import CHANNEL
from runtime import temporal
from runtime.database import Database
from runtime.errors import OperatorError
from runtime.notifications import Listener
from runtime.settings import Settings, load

VERSION = "0.1.0"


def create_app(settings: Settings | None = None, *, open_searcher: OpenSearcher | None = None) -> FastAPI:
    """The gateway. `open_searcher` gives it the means to search knowledge; without, /v1/kb/search answers 503.

    Starting needs neither Postgres nor Temporal to be there. Raises OperatorError if no database is configured.
    """
    settings = settings or load()
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with _opened(settings, metrics, open_searcher) as gateway:
            app.state.gateway = gateway
            yield

    app = FastAPI(
        title="Mainstay",
        version=VERSION,
        lifespan=lifespan,
        # Those pages load scripts from elsewhere; the document itself is what tools want.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
    )
    problems.install(app)
    app.add_middleware(BodyLimit, limit=settings.body_max_bytes)
    app.add_middleware(Observe, metrics=metrics)
    for module in (conversations, events, escalations, knowledge, agent, health):
        app.include_router(module.router)
    openapi.describe(app, settings)
    return app


@asynccontextmanager
async def _opened(settings: Settings, metrics: Metrics, open_searcher: OpenSearcher | None) -> AsyncIterator[Gateway]:
    if settings.database_url is None:
        raise OperatorError("MAINSTAY_DATABASE_URL is not set, and no embedded Postgres runs here: `mainstay up`")
    async with AsyncExitStack() as stack:
        database = Database(settings.database_url.get_secret_value(), pool_size=settings.database_pool_size)
        stack.push_async_callback(database.close)
        searcher = None if open_searcher is None else await stack.enter_async_context(open_searcher(database))
        records = Records(database)
        processes = Processes(await temporal.connect(settings, lazy=True), metrics.handovers)
        wakeups = Wakeups()
        metrics.subscribers.set_function(lambda: len(wakeups))

        def connected() -> None:
            metrics.listening.inc()
            wakeups.wake_all()

        listener = Listener(database.url, CHANNEL, heard=wakeups.announce, connected=connected)
        await stack.enter_async_context(_beside(listener.run()))
        await stack.enter_async_context(_beside(processes.catch_up()))
        stack.callback(wakeups.end)
        yield Gateway(
            settings=settings,
            records=records,
            processes=processes,
            authenticator=Authenticator(records),
            wakeups=wakeups,
            metrics=metrics,
            readiness=Readiness(database.url, processes, listener),
            searcher=searcher,
        )


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """`work` runs beside the block and ends with it."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
