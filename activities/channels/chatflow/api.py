"""Calls of ChatFlow. Everything goes in the query of a GET, token and customer's text alike: no address is ever shown."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import httpx
from pydantic import SecretStr

from activities.channels.exchange import exchange, timeouts
from activities.channels.port import AccountError, ChannelError, RefusedError, TryLaterError, UnclearError
from activities.provider.http import retry_after

ANSWER_SECONDS = 90.0
"""Files took longer than 30 seconds, as it fetches them itself while we wait."""
LONGEST_URL = 8_000
"""Bytes. Web servers take a request line of 8 KiB unless they are told otherwise."""

# It says 200 and success:false, and why in words. What they mean: the first that fits.
MEANINGS: tuple[tuple[str, Callable[[], ChannelError]], ...] = (
    (r"\brequired\b", partial(RefusedError, "bad_request")),
    (r"token|unauthori[sz]ed|forbidden|api.?key", partial(AccountError, "token_refused")),
    # The phone lost its session: only somebody who has that phone can help.
    (
        r"not (connected|authenticated|logged|ready|active)|disconnect|logged out|\bscan\b|\bqr\b",
        partial(AccountError, "phone_away"),
    ),
    (r"expired|subscription|tariff|payment|balance", partial(AccountError, "payment_missing")),
    (r"instance", partial(AccountError, "instance_unknown")),
    (
        r"not (exists?|registered|found|on whatsapp)|does ?n.t exist|(invalid|wrong|unknown) (jid|number|phone)",
        partial(RefusedError, "not_on_whatsapp", unreachable=True),
    ),
    (r"fetch|download", partial(RefusedError, "file_refused")),
    (r"too many|\brate\b|\blimit", partial(TryLaterError, "too_many_messages")),
    (
        r"try again|timed? ?out|temporar|unavailable|\binternal\b|server error",
        partial(TryLaterError, "provider_failed"),
    ),
)


class Api:
    def __init__(self, client: httpx.AsyncClient, base_url: str, token: SecretStr, instance_id: str) -> None:
        self._client = client
        self.origin = httpx.URL(base_url)
        self._base = f"{base_url.rstrip('/')}/api/v1"
        self._token = token
        self._instance = instance_id

    async def call(self, method: str, parameters: Mapping[str, str], *, acts: bool = True) -> None:
        """Raises ChannelError unless it says that it was done."""
        known = {"token": self._token.get_secret_value(), "instance_id": self._instance}
        request = self._client.build_request(
            "GET", f"{self._base}/{method}", params={**known, **parameters}, timeout=timeouts(ANSWER_SECONDS)
        )
        if len(request.url.raw_path) > LONGEST_URL:
            raise RefusedError("too_long")
        async with exchange(ANSWER_SECONDS, acts=acts):
            response = await self._client.send(request, follow_redirects=False)
        _judge(response, acts=acts)


def _judge(response: httpx.Response, *, acts: bool) -> None:
    status = response.status_code
    if status in (401, 403):
        raise AccountError("token_refused")
    if status == 414:
        raise RefusedError("too_long")
    if status == 504 and acts:
        # Somebody in between stopped waiting; ChatFlow may have done it.
        raise UnclearError("no_answer")
    if status == 429 or status >= 500:
        raise TryLaterError(f"http_{status}", after=retry_after(response.headers))
    try:
        body = response.json()
    except ValueError:
        # A page of something in front of it.
        raise TryLaterError("unreadable_answer") from None
    if response.is_success and (body is True or (isinstance(body, dict) and body.get("success") is True)):
        return
    raise _meaning(body if isinstance(body, dict) else {})


def _meaning(body: dict[str, Any]) -> ChannelError:
    said = next((text for name in ("message", "error", "response") if isinstance(text := body.get(name), str)), "")
    for words, error in MEANINGS:
        if re.search(words, said, re.IGNORECASE):
            return error()
    return RefusedError("refused")
