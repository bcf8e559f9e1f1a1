"""A route over several servers that fail on command: who is asked, who is left alone, and that time is kept."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import yaml
from llmock.pytest_plugin import LLMock
from llmock.testing import LLMockServer
from pydantic import BaseModel

from activities.generation.port import Message
from activities.provider.errors import (
    DeadlineError,
    OverloadedError,
    ProviderError,
    RejectedError,
    ServerFaultError,
    StalledError,
    TruncatedStreamError,
)
from activities.routes.build import Routes
from activities.routes.check import answers
from activities.routes.policy import OPENS_AT
from models.contracts.knowledge import Usage
from models.contracts.usage import CallOutcome, ModelCall, Purpose
from runtime.models_file import configured
from runtime.settings import Settings

MESSAGES = (Message("user", "How long does delivery take?"),)
FIRST, SECOND = "It takes 3 days, says the first server.", "It takes 3 days, says the second server."


class Labels(BaseModel):
    intent: str


class Installation:
    """Two servers and the routes over them; the first has two keys."""

    def __init__(self, first: LLMock, second: LLMock, folder: Path) -> None:
        self.first, self.second = first, second
        self.calls: list[ModelCall] = []
        self._folder = folder
        self._open: list[Routes] = []

    def routes(self, **changes: Any) -> Routes:
        """With fields of the first endpoint as `changes` says."""
        for key in ("one", "two"):
            (self._folder / key).write_text(f"key-{key}")
        first = {
            "provider": "openai",
            "url": self.first.base_url(),
            "model": "gpt-4o",
            "keys": ["file:one", "file:two"],
            "stall_seconds": 0.3,
            "price": {"prompt": 2.0, "completion": 10.0},
        }
        second = {"provider": "openai", "url": self.second.base_url(), "model": "gpt-4o-mini", "stall_seconds": 0.3}
        routing = {"default": ["first", "second"], "alone": ["first"]}
        document = {"endpoints": {"first": first | changes, "second": second}, "routes": routing}
        file = self._folder / "models.yaml"
        file.write_text(yaml.safe_dump(document))
        settings = Settings(_env_file=None, models_file=file, secrets_dir=self._folder)
        routes = Routes(configured(settings), self.calls.append)
        self._open.append(routes)
        return routes

    async def close(self) -> None:
        for routes in self._open:
            await routes.close()

    @property
    def asked(self) -> tuple[int, int]:
        return len(self.first.requests), len(self.second.requests)


@pytest.fixture(scope="module")
def second_server() -> Iterator[LLMockServer]:
    with LLMockServer() as server:
        yield server


@pytest.fixture
async def installed(llmock: LLMock, second_server: LLMockServer, tmp_path: Path) -> AsyncIterator[Installation]:
    second = LLMock(second_server).reset()
    llmock.reply(FIRST, times=None)
    second.reply(SECOND, times=None)
    found = Installation(llmock, second, tmp_path)
    yield found
    await found.close()


async def read(routes: Routes, route: str | None = None, deadline_seconds: float = 5) -> str:
    chat = routes.chat(Purpose.ANSWER, route)
    assert chat is not None
    text, usage = "", None
    async with aclosing(chat.stream(MESSAGES, max_tokens=100, deadline_seconds=deadline_seconds)) as pieces:
        async for piece in pieces:
            if isinstance(piece, Usage):
                usage = piece
            else:
                text += piece
    assert usage
    return text


async def test_the_first_endpoint_answers_and_its_keys_take_turns(installed: Installation) -> None:
    routes = installed.routes()
    assert [await read(routes) for _ in range(4)] == [FIRST] * 4
    assert installed.asked == (4, 0)
    (endpoint, _) = routes.endpoints
    assert len({key.used_at for key in endpoint.condition.keys}) == 2
    assert [call.outcome for call in installed.calls] == [CallOutcome.OK] * 4
    assert all(call.cost == 2 * call.prompt_tokens + 10 * call.completion_tokens > 0 for call in installed.calls)


async def test_an_overloaded_key_cools_down_as_long_as_it_was_asked_to(installed: Installation) -> None:
    routes = installed.routes()
    installed.first.rate_limit(retry_after=3600)
    assert await read(routes) == FIRST, "the second key serves the same call"
    first = routes.health()[0].endpoints[0]
    assert sorted(key.state for key in first.keys) == ["cooling", "ready"]
    assert 3500 < max(key.seconds for key in first.keys) <= 3600
    installed.first.rate_limit(retry_after=3600)
    assert await read(routes) == SECOND
    asked = installed.asked
    assert await read(routes) == SECOND, "and nobody asks a server whose keys all cool"
    assert installed.asked == (asked[0], asked[1] + 1)
    assert installed.calls[-1].outcome is CallOutcome.FALLBACK


PASSING: dict[str, Callable[[LLMock], LLMock]] = {
    "503": lambda model: model.fail(503, times=None),
    "500": lambda model: model.fail(500, times=None),
    "401": lambda model: model.fail(401, times=None),
    "404": lambda model: model.fail(404, times=None),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
async def test_what_the_first_cannot_do_the_second_does(
    installed: Installation, fault: Callable[[LLMock], LLMock]
) -> None:
    fault(installed.first)
    assert await read(installed.routes()) == SECOND


async def test_a_circuit_opens_after_failures_and_the_server_is_left_alone(installed: Installation) -> None:
    routes = installed.routes(keys=["file:one"])
    installed.first.fail(500, times=None)
    for _ in range(OPENS_AT):
        with pytest.raises(ServerFaultError):
            await read(routes, "alone")
    assert routes.health()[0].endpoints[0].circuit == "open"
    with pytest.raises(OverloadedError) as raised:
        await read(routes, "alone")
    assert raised.value.retry_after is not None
    assert 0 < raised.value.retry_after <= 2
    assert installed.asked == (OPENS_AT, 0)


async def test_a_half_open_circuit_lets_one_call_through_and_closes_when_that_works(installed: Installation) -> None:
    routes = installed.routes(keys=["file:one"])
    installed.first.fail(500, times=OPENS_AT)
    for _ in range(OPENS_AT):
        with pytest.raises(ServerFaultError):
            await read(routes, "alone")
    (endpoint, _) = routes.endpoints
    installed.first.pace(100)
    # As if its pause were over.
    endpoint.condition = type(endpoint.condition)(type(endpoint.condition.circuit)(OPENS_AT), endpoint.condition.keys)
    assert endpoint.health().circuit == "half_open"
    found = await asyncio.gather(read(routes, "alone"), read(routes, "alone"), return_exceptions=True)
    assert [type(each) for each in found if isinstance(each, ProviderError)] == [OverloadedError]
    assert FIRST in found
    assert endpoint.health().circuit == "closed"


async def test_a_refused_request_is_flagged_and_a_refused_key_not_used_for_a_while(installed: Installation) -> None:
    routes = installed.routes()
    installed.first.fail(401, times=1)
    assert await read(routes) == FIRST
    first = routes.health()[0].endpoints[0]
    assert sorted(key.state for key in first.keys) == ["ready", "refused"]
    installed.first.fail(404, times=1)
    with pytest.raises(RejectedError):
        await read(routes, "alone")
    assert routes.health()[0].endpoints[0].flagged == "HTTP 404"
    await read(routes, "alone")
    assert routes.health()[0].endpoints[0].flagged is None


BREAKING: dict[str, tuple[Callable[[LLMock], LLMock], type[ProviderError]]] = {
    "stall": (lambda model: model.stall(after_chunks=2, seconds=3), StalledError),
    "truncated": (lambda model: model.truncate(after_chunks=2), TruncatedStreamError),
}


@pytest.mark.parametrize(("fault", "error"), BREAKING.values(), ids=BREAKING.keys())
async def test_a_stream_that_breaks_is_no_answer_and_the_next_is_asked_at_once(
    installed: Installation, fault: Callable[[LLMock], LLMock], error: type[ProviderError]
) -> None:
    fault(installed.first)
    routes = installed.routes(keys=["file:one"])
    with pytest.raises(error) as raised:
        await read(routes)
    assert raised.value.retry_after == 0
    assert await read(routes) == SECOND, "the one that broke stands back for a moment"


async def test_a_deadline_holds_over_all_attempts(installed: Installation) -> None:
    installed.first.slow_first_token(5, times=None)
    installed.second.slow_first_token(5, times=None)
    routes = installed.routes(first_token_seconds=0.4)
    begun = asyncio.get_running_loop().time()
    with pytest.raises((DeadlineError, StalledError)):
        await read(routes, deadline_seconds=1.5)
    assert asyncio.get_running_loop().time() - begun < 2.5
    assert installed.asked[1] == 1, "the first was not given all the time"


async def test_fallback_models_are_asked_at_the_same_server(installed: Installation) -> None:
    installed.first.reset().fail(404, times=1).reply(FIRST, times=None)
    routes = installed.routes(keys=[], fallback_models=["gpt-3.5-turbo"])
    assert await read(routes, "alone") == FIRST
    assert [request.model for request in installed.first.requests] == ["gpt-4o", "gpt-3.5-turbo"]
    assert [(call.endpoint, call.outcome) for call in installed.calls] == [
        ("first", CallOutcome.REJECTED),
        ("first/gpt-3.5-turbo", CallOutcome.FALLBACK),
    ]


async def test_a_text_that_is_too_long_goes_to_whoever_holds_it(installed: Installation) -> None:
    routes = installed.routes(max_context=256)
    chat = routes.chat(Purpose.ANSWER)
    assert chat is not None
    long = (Message("user", "word " * 400),)
    async for _ in chat.stream(long, max_tokens=100, deadline_seconds=5):
        pass
    assert installed.asked == (0, 1)
    alone = routes.chat(Purpose.ANSWER, "alone")
    assert alone is not None
    with pytest.raises(RejectedError):
        await anext(alone.stream(long, max_tokens=100, deadline_seconds=5))


async def test_structured_output_takes_the_same_way(installed: Installation) -> None:
    installed.first.fail(500, times=None)
    installed.second.reset().reply('{"intent": "question"}')
    chat = installed.routes(keys=["file:one"]).chat(Purpose.UNDERSTAND)
    assert chat is not None
    labels, _ = await chat.structured(MESSAGES, Labels, max_tokens=50, deadline_seconds=5)
    assert labels == Labels(intent="question")
    assert {call.purpose for call in installed.calls} == {Purpose.UNDERSTAND}


async def test_who_leaves_a_stream_is_noted_and_blames_nobody(installed: Installation) -> None:
    routes = installed.routes()
    chat = routes.chat(Purpose.ANSWER)
    assert chat is not None
    installed.first.pace(50)
    async with aclosing(chat.stream(MESSAGES, max_tokens=100, deadline_seconds=5)) as pieces:
        await anext(pieces)
    assert [call.outcome for call in installed.calls] == [CallOutcome.CANCELLED]
    assert routes.health()[0].endpoints[0].circuit == "closed"


async def test_a_proxy_stands_between(installed: Installation) -> None:
    """The request for an address that nobody has reaches whoever is named as the proxy."""
    routes = installed.routes(url="http://models.invalid/v1", proxy=installed.second.url, keys=["file:one"])
    assert await read(routes, "alone") == SECOND


async def test_a_check_names_what_does_not_answer_and_shows_no_key(installed: Installation) -> None:
    installed.first.fail(401, times=1)
    found = await answers(installed.routes())
    assert [*found] == ["first"]
    assert len(found["first"]) == 1
    assert "HTTP 401" in found["first"][0]
    assert "key-" not in repr(found)


async def test_the_route_of_quotes_has_no_model(installed: Installation) -> None:
    assert installed.routes().chat(Purpose.ANSWER, "quote") is None
    taken_out = installed.routes().chat(Purpose.ANSWER, "gone")
    assert taken_out is not None
    assert taken_out.name == "default"
