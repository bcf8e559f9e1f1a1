"""One way to reach an Ollama server: its own client, with this project's rules and failures."""

from collections.abc import Iterator
from contextlib import contextmanager

import ollama
from pydantic import ValidationError

from activities.provider.errors import MalformedReplyError, ServerFaultError, UnreachableError
from activities.provider.http import bearer, client_options, transport_errors

PROVIDER = "ollama"


def client(
    base_url: str, api_key: str | None, *, read_seconds: float | None = None, proxy: str | None = None
) -> ollama.AsyncClient:
    """The library drops response headers from its errors, so the status is judged by our hook before it looks."""
    return ollama.AsyncClient(
        host=base_url, headers=bearer(api_key), **client_options(PROVIDER, read_seconds=read_seconds, proxy=proxy)
    )


async def close(opened: ollama.AsyncClient) -> None:
    await opened.close()  # type: ignore[no-untyped-call]  # the library leaves this one method unannotated


@contextmanager
def ollama_errors() -> Iterator[None]:
    """Turn what the library raises into the family of `ProviderError`."""
    try:
        with transport_errors(PROVIDER):
            yield
    except ollama.ResponseError:
        # What is left once statuses are judged: a line {"error": …} in the midst of a stream.
        raise ServerFaultError(PROVIDER, "the server reported an error in its stream") from None
    except ConnectionError:
        # The library's word for httpx.ConnectError.
        raise UnreachableError(PROVIDER, "ConnectError") from None
    except (ValidationError, ValueError, TypeError, AttributeError):
        # A line that is no JSON, or JSON of another shape: the library parses without a check of its own.
        raise MalformedReplyError(PROVIDER, "the reply is not of Ollama's protocol") from None
