"""A reader that gives every file a process of its own: what a file breaks, hangs or fills is that process alone."""

import asyncio
import contextlib
import json
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from dataclasses import asdict
from pathlib import Path
from typing import Any

import structlog

from activities.reading.port import Limits, Links, Reading, Reason, UnreadableError

log = structlog.get_logger(__name__)

ROOT = Path(__file__).parents[2]
START = "import sys; sys.path.insert(0, sys.argv[1]); from activities.reading.child import main; main()"
"""An isolated interpreter (-I) looks neither at the environment nor at the current folder, so it is told the way."""
ENVIRONMENT = {"LC_ALL": "C.UTF-8"}
"""All that the process knows of this one: no secret, no address."""
ANSWER_BYTES_PER_CHARACTER = 12
"""What JSON makes of the longest character: a surrogate pair, escaped."""

TOO_SLOW = "Reading the file takes too long. Split it into smaller files, or save it anew with fewer pictures."
OUT_OF_MEMORY = "Reading the file takes more memory than it may. Split it into smaller files."
DAMAGED = "The file is damaged. Open it in the program that it was made with and save it anew."


class ProcessReader:
    """Reads up to `at_once` files at a time, each within `limits`; whoever comes later waits."""

    def __init__(self, limits: Limits, at_once: int = 2):
        self._limits = limits
        self._slots = asyncio.Semaphore(at_once)

    async def read(self, data: bytes, name: str) -> Reading:
        """See port.Reader."""
        said = (await self._said(data, "text", name))["reading"]
        return Reading(**{**said, "notes": tuple(said["notes"])})

    async def links(self, data: bytes, url: str, *, sitemap: bool) -> Links:
        """See port.Reader."""
        said = (await self._said(data, "sitemap" if sitemap else "page", url))["links"]
        return Links(**{**said, "pages": tuple(said["pages"]), "sitemaps": tuple(said["sitemaps"])})

    async def _said(self, data: bytes, asks: str, name: str) -> dict[str, Any]:
        async with self._slots:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-I", "-X", "utf8", "-c", START, str(ROOT)),
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,  # a traceback may quote the file
                cwd="/",
                env=ENVIRONMENT,
                limit=1 << 20,
            )
            try:
                async with asyncio.timeout(self._limits.seconds):
                    answer, _ = await asyncio.gather(self._answer(process), self._ask(process, data, asks, name))
                    code = await process.wait()
            except TimeoutError:
                raise UnreadableError(Reason.TOO_SLOW, TOO_SLOW) from None
            finally:
                await _end(process)
        return _understood(answer, code)

    async def _ask(self, process: Process, data: bytes, asks: str, name: str) -> None:
        assert process.stdin is not None
        order = json.dumps({"asks": asks, "name": name, "limits": asdict(self._limits)}).encode()
        with contextlib.suppress(ConnectionError):  # it ended before it had all; its exit code says why
            process.stdin.write(order + b"\n")
            for start in range(0, len(data), 1 << 18):
                process.stdin.write(data[start : start + (1 << 18)])
                await process.stdin.drain()
            process.stdin.close()
            await process.stdin.wait_closed()

    async def _answer(self, process: Process) -> bytes:
        """All that the process writes. What is too long to be an answer is a file that has taken the process over."""
        assert process.stdout is not None
        most = self._limits.characters * ANSWER_BYTES_PER_CHARACTER + (1 << 20)
        answer = bytearray()
        while part := await process.stdout.read(1 << 16):
            answer += part
            if len(answer) > most:
                raise UnreadableError(Reason.DAMAGED, DAMAGED)
        return bytes(answer)


async def _end(process: Process) -> None:
    """Whatever happened, the process is gone afterwards. Cancelling does not interrupt this."""
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await asyncio.shield(process.wait())


def _understood(answer: bytes, code: int) -> dict[str, Any]:
    """What the process wrote, or what its death means."""
    if code < 0:
        log.warning("file killed its reader", signal=signal.Signals(-code).name)
        match -code:
            case signal.SIGXCPU:
                raise UnreadableError(Reason.TOO_SLOW, TOO_SLOW)
            case signal.SIGSEGV | signal.SIGBUS:
                raise UnreadableError(Reason.DAMAGED, DAMAGED)
            case _:  # C++ aborts and the kernel kills when there is no memory left
                raise UnreadableError(Reason.OUT_OF_MEMORY, OUT_OF_MEMORY)
    try:
        said: dict[str, Any] = json.loads(answer)
    except ValueError:
        raise UnreadableError(Reason.DAMAGED, DAMAGED) from None
    if cause := said.get("cause"):
        log.warning("file not understood", cause=cause)
    if "reason" in said:
        raise UnreadableError(Reason(said["reason"]), said["message"])
    return said
