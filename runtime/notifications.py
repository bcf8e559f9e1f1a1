"""One connection per process that hears what the database announces, for as long as the process lives."""

import asyncio
from collections.abc import Callable, Mapping

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
    """Listens on channels and connects again whenever the connection is lost.

    `heard` has for each channel what gets its payloads; `connected` is called after every (re)connection, because what
    was announced meanwhile is lost: whoever waits must look for himself. All run on the event loop and must not block.
    """

    def __init__(self, url: str, *, heard: Mapping[str, Callable[[str], None]], connected: Callable[[], None]) -> None:
        self._url = driver_url(url)
        self._heard = heard
        self._connected = connected
        self._delay = FIRST_DELAY_SECONDS
        self.listening = False

    async def run(self) -> None:
        """Listen until cancelled. Never raises for an unreachable database."""
        while True:
            try:
                await self._listen()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("listening_interrupted", cause=type(error).__name__)
            await asyncio.sleep(self._delay)
            self._delay = min(2 * self._delay, LONGEST_DELAY_SECONDS)

    async def _listen(self) -> None:
        """One connection's life; returns or raises when it is over."""
        connection = await asyncpg.connect(self._url, timeout=CONNECT_SECONDS)
        try:
            over = asyncio.Event()
            connection.add_termination_listener(lambda _: over.set())
            for channel in self._heard:
                await connection.add_listener(channel, self._pass_on)
            self.listening, self._delay = True, FIRST_DELAY_SECONDS
            self._connected()
            while not over.is_set():
                try:
                    async with asyncio.timeout(HEARTBEAT_SECONDS):
                        await over.wait()
                except TimeoutError:
                    await connection.execute("SELECT 1", timeout=HEARTBEAT_PATIENCE_SECONDS)
        finally:
            self.listening = False
            connection.terminate()

    def _pass_on(self, _connection: object, _pid: int, channel: str, payload: object) -> None:
        self._heard[channel](str(payload))
