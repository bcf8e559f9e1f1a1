"""A route as one model: whoever can answer is asked, and every attempt is paid for, noted and learned from."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from activities.generation.port import ChatModel, Message, Schema
from activities.provider.errors import BudgetError, DeadlineError, OverloadedError, ProviderError, RejectedError
from activities.routes import policy
from activities.routes.endpoint import Endpoint, estimated_tokens, outcome_of, tokens_of
from activities.routes.metering import Observer, meter
from activities.routes.policy import Candidate
from models.contracts.knowledge import Usage
from models.contracts.usage import CallOutcome, ModelCall, Purpose

SHORTEST_ATTEMPT = 0.05
"""With fewer seconds left nobody is asked any more."""


class RoutedChat:
    """A ChatModel over a route's endpoints, in order.

    A failure before the first piece leads to the next key or endpoint, within the deadline of the whole call. A stream
    that breaks later is raised with `retry_after` 0 while somebody else can be asked: what was shown cannot be taken
    back here. When nobody is left, `retry_after` says when somebody will be.
    """

    def __init__(self, name: str, purpose: Purpose, endpoints: tuple[Endpoint, ...], observe: Observer) -> None:
        self.name = name
        self.purpose = purpose
        self.endpoints = endpoints
        self.observe = observe

    async def stream(
        self, messages: tuple[Message, ...], *, max_tokens: int, deadline_seconds: float, temperature: float = 0.0
    ) -> AsyncGenerator[str | Usage]:
        call = _Call(self, messages, max_tokens, deadline_seconds)
        while True:
            attempt = await call.next()
            pieces = attempt.model.stream(
                messages, max_tokens=max_tokens, deadline_seconds=call.left, temperature=temperature
            )
            try:
                async with aclosing(pieces):
                    async for piece in pieces:
                        if isinstance(piece, Usage):
                            attempt.succeeded(piece)
                        else:
                            attempt.heard += len(piece)
                        yield piece
                return
            except ProviderError as error:
                attempt.failed(error)
                if attempt.heard or not call.goes_on(error):
                    raise call.told(error) from None
            finally:
                attempt.over()

    async def structured(
        self,
        messages: tuple[Message, ...],
        schema: type[Schema],
        *,
        max_tokens: int,
        deadline_seconds: float,
    ) -> tuple[Schema, Usage]:
        call = _Call(self, messages, max_tokens, deadline_seconds)
        while True:
            attempt = await call.next()
            try:
                parsed, usage = await attempt.model.structured(
                    messages, schema, max_tokens=max_tokens, deadline_seconds=call.left
                )
                attempt.succeeded(usage)
                return parsed, usage
            except ProviderError as error:
                attempt.failed(error)
                if not call.goes_on(error):
                    raise call.told(error) from None
            finally:
                attempt.over()

    async def close(self) -> None:
        """Its endpoints are closed with all routes."""


class _Call:
    """One call through the route: whom it has asked, and how much of its time is left."""

    def __init__(self, route: RoutedChat, messages: tuple[Message, ...], max_tokens: int, deadline_seconds: float):
        self.route = route
        self.prompt_tokens = tokens_of(messages)
        self.max_tokens = max_tokens
        self._end = asyncio.get_running_loop().time() + deadline_seconds
        self._tried: set[Candidate] = set()
        self._failure: ProviderError | None = None
        needed = self.prompt_tokens + max_tokens
        self._places = [place for place, endpoint in enumerate(route.endpoints) if endpoint.holds(needed)]

    @property
    def left(self) -> float:
        return self._end - asyncio.get_running_loop().time()

    async def next(self) -> "_Attempt":
        """Whoever is to be asked now, paid for. Raises ProviderError when there is nobody."""
        if not self._places:
            raise RejectedError(self.route.name, "no endpoint of the route holds a text of this length")
        candidate = self._choose()
        if candidate is None:
            if self._failure is not None:
                raise self.told(self._failure)
            raise self.told(OverloadedError(self.route.name, "every endpoint stands back"))
        if self.left < SHORTEST_ATTEMPT:
            raise self.told(self._failure or DeadlineError(self.route.name, "no time was left"))
        self._tried.add(candidate)
        endpoint = self.route.endpoints[candidate[0]]
        if (payer := meter()) is not None:
            most = endpoint.cost(self.prompt_tokens, self.max_tokens)
            try:
                await payer.reserve(tokens=self.prompt_tokens + self.max_tokens, cost=most)
            except BudgetError:
                self._note(endpoint, CallOutcome.BUDGET)
                raise
        return _Attempt(self, endpoint, *candidate)

    def goes_on(self, error: ProviderError) -> bool:
        """Whether somebody else is asked after `error`, which came before anything was said."""
        # What is cut off by a length limit here would be cut off elsewhere; a refusal may be this server's alone.
        if not error.retryable and not isinstance(error, RejectedError):
            return False
        if self._failure is None or not self._failure.retryable:
            self._failure = error
        return True

    def told(self, error: ProviderError) -> ProviderError:
        """The error, with the time after which asking again makes sense."""
        if error.retryable and self._places:
            conditions = [self.route.endpoints[place].condition for place in self._places]
            error.retry_after = policy.wait(conditions, time.monotonic())
        return error

    def _choose(self) -> Candidate | None:
        conditions = [self.route.endpoints[place].condition for place in self._places]
        tried = {(self._places.index(place), key) for place, key in self._tried}
        found = policy.choose(conditions, time.monotonic(), tried)
        return None if found is None else (self._places[found[0]], found[1])

    def _note(
        self, endpoint: Endpoint, outcome: CallOutcome, prompt: int = 0, completion: int = 0, milliseconds: int = 0
    ) -> None:
        made = ModelCall(
            purpose=self.route.purpose,
            route=self.route.name,
            endpoint=endpoint.name,
            model=endpoint.model,
            outcome=outcome,
            prompt_tokens=prompt,
            completion_tokens=completion,
            cost=endpoint.cost(prompt, completion),
            milliseconds=milliseconds,
        )
        self.route.observe(made)
        if (payer := meter()) is not None:
            payer.note(made)

    def ended(self, attempt: "_Attempt", outcome: CallOutcome, usage: Usage | None) -> None:
        # A server that does not count is counted for: a budget must hold whoever is asked.
        prompt = (usage.prompt_tokens if usage else 0) or self.prompt_tokens
        completion = (usage.completion_tokens if usage else 0) or estimated_tokens(["x" * attempt.heard])
        if outcome in _UNSPENT and not attempt.heard:
            prompt = completion = 0
        milliseconds = round(1000 * (time.monotonic() - attempt.begun_at))
        self._note(attempt.endpoint, outcome, prompt, completion, milliseconds)


_UNSPENT = frozenset({CallOutcome.OVERLOADED, CallOutcome.UNREACHABLE, CallOutcome.SERVER_FAULT, CallOutcome.REJECTED})
"""Refused or failed before anything was said: no provider charges for it."""


class _Attempt:
    """One request to one endpoint with one key. `heard`: characters that came so far."""

    def __init__(self, call: _Call, endpoint: Endpoint, place: int, key: int) -> None:
        self.endpoint = endpoint
        self.model: ChatModel = endpoint.chats[key]
        self.heard = 0
        self.begun_at = time.monotonic()
        self._call = call
        self._place = place
        self._key = key
        self._ended = False
        endpoint.begun(key)

    def succeeded(self, usage: Usage) -> None:
        self._ended = True
        self.endpoint.succeeded(self._key)
        self._call.ended(self, CallOutcome.FALLBACK if self._place else CallOutcome.OK, usage)

    def failed(self, error: ProviderError) -> None:
        self._ended = True
        self.endpoint.failed(self._key, error)
        self._call.ended(self, outcome_of(error), None)

    def over(self) -> None:
        """Nobody waits for the answer any more."""
        if not self._ended:
            self.endpoint.given_up()
            self._call.ended(self, CallOutcome.CANCELLED, None)
