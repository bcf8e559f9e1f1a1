"""A worker process: polls every queue until it is told to stop, then finishes what it has begun."""

import asyncio
import signal
from contextlib import AsyncExitStack
from datetime import timedelta

import structlog

from models.payload_keys import connected
from runtime import garbage, secrets, temporal
from runtime.settings import Settings
from worker import schedules
from worker.build import tools, workers

log = structlog.get_logger(__name__)


async def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT. Raises OperatorError when Temporal or the database cannot be used."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    secrets.check(settings)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(connected(settings, serve_metrics=True))
        await temporal.ensure_search_attributes(client)
        held = await stack.enter_async_context(tools(settings, client))
        for worker in await workers(settings, held):
            await stack.enter_async_context(worker)
        await schedules.ensure(client, every=timedelta(seconds=settings.reconcile_seconds))
        await schedules.ensure_retention(client, hour=settings.retention_hour)
        # What retention has erased is not looked at any more.
        await schedules.ensure_reviews(client, hour=(settings.retention_hour + 1) % 24)
        garbage.keep_what_is_there()
        log.info("worker ready", routes=len(held.routes.health()))
        await stop.wait()
        log.info("worker drains", seconds=settings.drain_seconds)
    log.info("worker stopped")
