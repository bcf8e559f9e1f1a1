"""The measured system over HTTP, as a company's own systems would use it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

import httpx

from runtime.errors import OperatorError

REPLY_SECONDS = 60
INGEST_SECONDS = 600
POLL_SECONDS = 0.2
PAGE = 200
BATCH_DOCUMENTS = 200

Rules = Literal["settings", "policy"]
RULES: dict[Rules, str] = {"settings": "/v1/tenant/settings", "policy": "/v1/policy"}


@dataclass(frozen=True, slots=True)
class Said:
    """A reply: its `kind` on the wire (None: silence), its words, and how long it took."""

    kind: str | None
    text: str
    confidence: float | None
    language: str | None
    milliseconds: float


class Client:
    """Raises OperatorError in the API's own words when it refuses."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def teach(self, source: str, documents: Mapping[str, str]) -> None:
        """Add texts (by name) as a source with a tag of its name, and wait until they are knowledge."""
        items = [{"name": name, "text": text} for name, text in documents.items()]
        for first in range(0, len(items), BATCH_DOCUMENTS):
            body = {"name": source, "tags": [source], "documents": items[first : first + BATCH_DOCUMENTS]}
            job = (await self._call("POST", "/v1/kb/sources", json=body))["job_id"]
            await self._until_done(job)

    async def _until_done(self, job: str) -> None:
        until = asyncio.get_running_loop().time() + INGEST_SECONDS
        while (found := await self._call("GET", f"/v1/kb/jobs/{job}"))["status"] in ("queued", "running"):
            if asyncio.get_running_loop().time() > until:
                raise OperatorError(f"the knowledge was not read within {INGEST_SECONDS} s: does a worker run?")
            await asyncio.sleep(POLL_SECONDS)
        if found["status"] != "done":
            raise OperatorError(f"the knowledge could not be read: {found['error']}")

    async def forget(self) -> None:
        """Remove every source."""
        for source in await self.every("/v1/kb/sources"):
            await self._call("DELETE", f"/v1/kb/sources/{source['id']}")

    async def put(self, what: Rules, value: Any) -> None:
        """Replace the tenant's settings or policy."""
        await self._call("PUT", RULES[what], json=value, headers={"If-Match": "*"})

    async def get(self, what: Rules) -> Any:
        """The tenant's settings or policy."""
        return (await self._call("GET", RULES[what]))[what]

    async def names(self) -> dict[str, str]:
        """Documents' names by their ids."""
        return {found["id"]: found["name"] for found in await self.every("/v1/kb/documents")}

    async def answerer(self) -> str:
        """What writes the answers."""
        health = await self._call("GET", "/v1/agent/health")
        return " ".join(filter(None, (health["answerer"], health.get("llm_model"))))

    async def search(self, query: str, source: str | None = None, limit: int = 5) -> dict[str, Any]:
        """The best passages, of everything or of a source."""
        body = {"query": query, "limit": limit, "tags": None if source is None else [source]}
        found: dict[str, Any] = await self._call("POST", "/v1/kb/search", json=body)
        return found

    async def open(self) -> str:
        """A conversation with a new customer. Returns its id."""
        opened: str = (await self._call("POST", "/v1/conversations", json={}))["id"]
        return opened

    async def say(self, conversation: str, text: str) -> Said:
        """Write as the customer and wait for what the bot says. Raises OperatorError when nothing comes in time."""
        begun = asyncio.get_running_loop().time()
        path = f"/v1/conversations/{conversation}/messages"
        receipt = await self._call("POST", path, json={"text": text}, params={"wait": REPLY_SECONDS})
        took = (asyncio.get_running_loop().time() - begun) * 1000
        reply = receipt["reply"]
        if reply is not None:
            return Said(reply["kind"], reply["text"], reply.get("confidence"), reply.get("language"), took)
        if receipt["state"] is None:
            raise OperatorError(f"no reply came within {REPLY_SECONDS} s: does a worker run?")
        return Said(None, "", None, None, took)

    async def reasons(self) -> dict[str, str]:
        """Why a person was asked for, by conversation."""
        return {found["conversation_id"]: found["reason"] for found in await self.every("/v1/escalations")}

    async def every(self, path: str) -> list[dict[str, Any]]:
        """All items of a list."""
        items: list[dict[str, Any]] = []
        cursor = None
        while True:
            page = await self._call(
                "GET", path, params={"limit": PAGE} | ({} if cursor is None else {"cursor": cursor})
            )
            items += page["items"]
            if (cursor := page["next"]) is None:
                return items

    async def _call(self, method: str, path: str, **options: Any) -> Any:
        while True:
            try:
                response = await self._http.request(method, path, **options)
            except httpx.TransportError as error:
                raise OperatorError(f"the API does not answer ({type(error).__name__})") from None
            if response.status_code != httpx.codes.TOO_MANY_REQUESTS:
                break
            await asyncio.sleep(float(response.headers.get("Retry-After", 1)))
        if response.is_error:
            raise OperatorError(f"{method} {path} answered {response.status_code}: {response.text[:500]}")
        return response.json() if response.content else None


@asynccontextmanager
async def connected(url: str, key: str, parallel: int) -> AsyncIterator[Client]:
    """The API at `url`, with a key of its tenant's owner."""
    headers = {"Authorization": f"Bearer {key}"}
    limits = httpx.Limits(max_connections=parallel + 2)
    timeout = REPLY_SECONDS + 15
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=timeout, limits=limits) as http:
        yield Client(http)
