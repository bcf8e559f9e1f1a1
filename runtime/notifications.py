"""One connection per process that hears what the database announces, for as long as the process lives."""

import asyncio
from collections.abc import Callable

import asyncpg
import structlog

from runtime.database import driver_url

log = structlog.get_logger(__name__)

CONNECT_SECONDS = 5
FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 2.0
# A connection that died without a word (a cut cable, a failed-over proxy) is noticed after this time.
HEARTBEAT_SECONDS = 15
HEARTBEAT_PATIENCE_SECONDS = 5


class Listener:
    """Listens on `channel` and connects again whenever the connection is lost.

    `heard` gets each payload; `connected` is called after every (re)connection, because what was announced
    meanwhile is lost: whoever waits must look for himself. Both run on the event loop and must not block.
    """

    def __init__(self, url: str, channel: str, *, heard: Callable[[str], None], connected: Callable[[], None]) -> None:
        self._url = driver_url(url)
        self._channel = channel
        self._heard = heard
        self._connected = connected
        self.listening = False

    async def run(self) -> None:
        """Listen until cancelled. Never raises for an unreachable database."""
        delay = FIRST_DELAY_SECONDS
        while True:
            try:
                await self._listen()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("listening_interrupted", cause=type(error).__name__)
            if self.listening:
                self.listening, delay = False, FIRST_DELAY_SECONDS
            await asyncio.sleep(delay)
            delay = min(2 * delay, LONGEST_DELAY_SECONDS)

    async def _listen(self) -> None:
        """One connection's life; returns or raises when it is over."""
        connection = await asyncpg.connect(self._url, timeout=CONNECT_SECONDS)
        try:
            over = asyncio.Event()
            connection.add_termination_listener(lambda _: over.set())
            await connection.add_listener(self._channel, lambda _c, _pid, _channel, payload: self._heard(str(payload)))
            self.listening = True
            self._connected()
            while not over.is_set():
                try:
                    async with asyncio.timeout(HEARTBEAT_SECONDS):
                        await over.wait()
                except TimeoutError:
                    await connection.execute("SELECT 1", timeout=HEARTBEAT_PATIENCE_SECONDS)
        finally:
            connection.terminate()
