"""One way to reach a model provider over HTTP: no retries, no redirects, typed failures.

Retrying belongs to the caller (Temporal), which alone knows how much of the turn's time is left.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypedDict, TypeVar

import httpx

from activities.provider.errors import (
    DeadlineError,
    OverloadedError,
    RejectedError,
    ServerFaultError,
    StalledError,
    UnreachableError,
)

CONNECT_SECONDS = 5.0

Chunk = TypeVar("Chunk")


class ClientOptions(TypedDict):
    """Keyword arguments of `httpx.AsyncClient`; the `ollama` client hands them through."""

    timeout: httpx.Timeout
    follow_redirects: bool
    proxy: str | None
    event_hooks: dict[str, list[Callable[[httpx.Response], Awaitable[None]]]]


def client_options(provider: str, *, read_seconds: float | None = None, proxy: str | None = None) -> ClientOptions:
    """Options that turn every error status into a `ProviderError` before any library sees the response.

    Redirects stay off: a provider that moves would be sent the key and the customer's text unasked.
    """

    async def check(response: httpx.Response) -> None:
        raise_for_status(provider, response)

    return {
        "timeout": httpx.Timeout(read_seconds, connect=CONNECT_SECONDS),
        "follow_redirects": False,
        "proxy": proxy,
        "event_hooks": {"response": [check]},
    }


def bearer(api_key: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}


def raise_for_status(provider: str, response: httpx.Response) -> None:
    """Classify a response by its status alone; its body may repeat the customer's text and is not read."""
    status = response.status_code
    if status < 300:
        return
    cause = f"HTTP {status}"
    if status in (429, 503):
        raise OverloadedError(provider, cause, retry_after=retry_after(response.headers))
    if status in (408, 409):
        raise UnreachableError(provider, cause)
    if status >= 500:
        raise ServerFaultError(provider, cause)
    raise RejectedError(provider, cause, status=status)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of a `Retry-After` header in either of its forms; None when absent, past or unreadable."""
    value = headers.get("retry-after")
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            when = parsedate_to_datetime(value)
        except ValueError:
            return None
        # A date without a zone is GMT (RFC 9110).
        seconds = (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return seconds if 0 <= seconds < float("inf") else None


@contextmanager
def transport_errors(provider: str) -> Iterator[None]:
    """Turn what httpx raises into the family of `ProviderError`."""
    try:
        yield
    except httpx.TimeoutException as error:
        raise DeadlineError(provider, type(error).__name__) from None
    except httpx.HTTPError as error:
        raise UnreachableError(provider, type(error).__name__) from None


async def post_json(
    client: httpx.AsyncClient,
    provider: str,
    path: str,
    body: Mapping[str, Any],
    *,
    deadline_seconds: float | None = None,
) -> httpx.Response:
    """One POST, within `deadline_seconds` as a whole; a `ProviderError` for everything but success."""
    try:
        async with asyncio.timeout(deadline_seconds):
            with transport_errors(provider):
                return await client.post(path, json=body)
    except TimeoutError:
        raise DeadlineError(provider, "the reply took too long") from None


async def paced(
    chunks: AsyncGenerator[Chunk],
    provider: str,
    *,
    stall_seconds: float,
    deadline_seconds: float,
    first_seconds: float | None = None,
) -> AsyncGenerator[Chunk]:
    """Pass a stream on while it keeps moving, and close it when the reader leaves.

    The first chunk may take `first_seconds`, or the whole deadline (a local server may have to load the model first);
    from then on `stall_seconds` bounds each pause.
    """
    clock = asyncio.get_running_loop().time
    end = clock() + deadline_seconds
    pause = deadline_seconds if first_seconds is None else first_seconds
    async with aclosing(chunks):
        while True:
            left = end - clock()
            try:
                async with asyncio.timeout(min(pause, left)):
                    chunk = await anext(chunks)
            except StopAsyncIteration:
                return
            except TimeoutError:
                if pause < left:
                    raise StalledError(provider, "the stream fell silent") from None
                raise DeadlineError(provider, "the answer took too long") from None
            yield chunk
            pause = stall_seconds
