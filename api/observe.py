"""Request ids, metrics and the log of requests, in one pass over each request. Never a text, never a query."""

import re
import time
from collections.abc import Callable
from functools import partial

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.edge.client_address import client_network
from models.contracts.model_health import RouteHealth
from models.contracts.usage import ModelCall
from models.repositories.tenants import Caller
from runtime.ids import new_id
from runtime.telemetry import correlated

log = structlog.get_logger(__name__)

# Whoever watches for break-ins wants these. How often somebody knocks is limited, and so is what it writes.
REFUSED = frozenset({401, 403})
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Metrics:
    """What Prometheus reads at /metrics. Routes are templates, so the number of series is bounded."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self.requests = Histogram(
            "mainstay_http_request_duration_seconds",
            "Time to the end of the response; streams count when they end.",
            ["method", "route", "status"],
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30, 60),
            registry=self.registry,
        )
        self.messages = Counter(
            "mainstay_messages_accepted", "Customers' messages stored.", ["duplicate"], registry=self.registry
        )
        self.handovers = Counter(
            "mainstay_handovers", "Stored messages given to Temporal.", ["outcome"], registry=self.registry
        )
        self.events = Counter("mainstay_events_delivered", "Events sent to subscribers.", registry=self.registry)
        self.subscribers = Gauge("mainstay_subscribers", "Streams and waiting requests.", registry=self.registry)
        self.listening = Counter(
            "mainstay_listen_connections",
            "Listening connections made; more than one: reconnected.",
            registry=self.registry,
        )

        labels = ["endpoint", "purpose", "outcome"]
        self.model_calls = Histogram(
            "mainstay_model_call_seconds",
            "Time to the end of a call of a model.",
            labels,
            buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
            registry=self.registry,
        )
        self.model_tokens = Counter(
            "mainstay_model_tokens", "Tokens of questions and answers.", labels, registry=self.registry
        )
        self.model_cost = Counter(
            "mainstay_model_cost_millionths",
            "Cost, in millionths of the prices' currency.",
            labels,
            registry=self.registry,
        )

    def model_called(self, call: ModelCall) -> None:
        """Note a call of a model. Not by tenant: that would be a series each."""
        labels = (call.endpoint, call.purpose.value, call.outcome.value)
        self.model_calls.labels(*labels).observe(call.milliseconds / 1000)
        self.model_tokens.labels(*labels).inc(call.tokens)
        self.model_cost.labels(*labels).inc(call.cost)

    def show_circuits(self, health: Callable[[], tuple[RouteHealth, ...]]) -> None:
        """Show of each endpoint whether it can be asked, at the moment of each scrape."""
        usable = Gauge("mainstay_model_endpoint_usable", "1: would be asked.", ["endpoint"], registry=self.registry)
        for endpoint in {endpoint.name for route in health() for endpoint in route.endpoints}:
            usable.labels(endpoint).set_function(partial(_usable, health, endpoint))


def _usable(health: Callable[[], tuple[RouteHealth, ...]], name: str) -> float:
    return float(any(each.usable for route in health() for each in route.endpoints if each.name == name))


class Observe:
    """Pure ASGI: gives each request an id, measures it, and logs what failed."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = Headers(scope=scope).get("x-request-id", "")
        if not REQUEST_ID.fullmatch(request_id):
            request_id = new_id().hex
        scope.setdefault("state", {})["request_id"] = request_id
        status = 500
        began = time.perf_counter()

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
            await send(message)

        with correlated(request_id=request_id):
            try:
                await self._app(scope, receive, sending)
            finally:
                seconds = time.perf_counter() - began
                route = getattr(scope.get("route"), "path", "unmatched")
                self._metrics.requests.labels(scope["method"], route, status).observe(seconds)
                ms = round(1000 * seconds, 1)
                if status >= 500:
                    log.warning("request", method=scope["method"], route=route, status=status, ms=ms)
                elif status in REFUSED:
                    log.info("request", method=scope["method"], route=route, status=status, ms=ms, **_who(scope))
                else:
                    log.debug("request", method=scope["method"], route=route, status=status, ms=ms)


def _who(scope: Scope) -> dict[str, str]:
    """From where, and, if that is known, by whom a request was made."""
    who = {"client": client_network(HTTPConnection(scope))}
    caller: Caller | None = scope["state"].get("caller")
    if caller is not None:
        who |= {"tenant_id": str(caller.tenant_id), "member_id": str(caller.member_id)}
    return who
