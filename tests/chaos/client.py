"""A client as a real one must be: it repeats a request until the server decides, and writes down what it was told."""

import asyncio
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx

RETRY_SECONDS = 0.1
REQUEST_SECONDS = 30.0
# Undecided: the server could not, or did not, say. Whatever else comes is its word.
UNDECIDED = {408, 429, 500, 502, 503, 504}


@dataclass(slots=True)
class Sent:
    """One logical message (or a manager's reply) as its sender saw it. Times are of the monotonic clock."""

    conversation: str
    client_message_id: str
    kind: str
    begun: float
    acknowledged: float | None = None
    message_ids: set[str] = field(default_factory=set)
    reply_ids: set[str] = field(default_factory=set)
    attempts: int = 0
    refused: int | None = None
    """Status of a final refusal, which no message of the load deserves."""


class Api:
    """The API as one key sees it. `answers` counts the statuses of everything undecided."""

    def __init__(self, url: str, key: str, answers: dict[str, int]) -> None:
        self.http = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=REQUEST_SECONDS,
            limits=httpx.Limits(max_connections=None),
            trust_env=False,
        )
        self._answers = answers

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.http.aclose()

    async def decided(self, method: str, path: str, sent: Sent | None = None, **request: Any) -> httpx.Response:
        """Repeat a request until it is answered for good."""
        while True:
            if sent is not None:
                sent.attempts += 1
            try:
                response = await self.http.request(method, path, **request)
                if response.status_code not in UNDECIDED:
                    return response
                self._count(str(response.status_code))
                if response.status_code == httpx.codes.SERVICE_UNAVAILABLE and "retry-after" not in response.headers:
                    self._count("503 without Retry-After")
            except httpx.TransportError as error:
                self._count(type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)

    async def say(self, sent: Sent, text: str, *, wait: float = 0) -> dict[str, Any]:
        """Send a customer's message until it is accepted. Returns the receipt."""
        response = await self.decided(
            "POST",
            f"/v1/conversations/{sent.conversation}/messages",
            sent,
            params={"wait": wait} if wait else {},
            json={"text": text, "client_message_id": sent.client_message_id},
        )
        if not response.is_success:
            sent.refused = response.status_code
            return {}
        sent.acknowledged = sent.acknowledged or time.monotonic()
        receipt: dict[str, Any] = response.json()
        sent.message_ids.add(receipt["message_id"])
        if receipt["reply"] is not None:
            sent.reply_ids.add(receipt["reply"]["id"])
        return receipt

    async def open(self, customer: str) -> str:
        """The conversation of a customer, made when there is none."""
        response = await self.decided("POST", "/v1/conversations", json={"customer": {"external_id": customer}})
        return str(response.raise_for_status().json()["id"])

    def _count(self, what: str) -> None:
        self._answers[what] = self._answers.get(what, 0) + 1
