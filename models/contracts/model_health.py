"""How models are doing, as one process sees it: endpoints, their circuits and keys. No address and no key is in it."""

from typing import Literal

from models.contracts.base import Frozen

CircuitState = Literal["closed", "open", "half_open"]


class KeyHealth(Frozen):
    """A key by its place in the configuration. `seconds`: until it is used again."""

    number: int
    state: Literal["ready", "cooling", "refused"]
    seconds: float = 0.0


class EndpointHealth(Frozen):
    """A model behind a server. `seconds`: until an open circuit lets one call through, to find out.

    `flagged` is the status (HTTP) with which it refused its last request as wrong: somebody has to look at it.
    """

    name: str
    provider: str
    model: str
    circuit: CircuitState
    seconds: float = 0.0
    flagged: str | None = None
    keys: tuple[KeyHealth, ...] = ()

    @property
    def usable(self) -> bool:
        return self.circuit != "open" and any(key.state == "ready" for key in self.keys)


class RouteHealth(Frozen):
    """A route's endpoints, in the order in which they are asked."""

    name: str
    endpoints: tuple[EndpointHealth, ...]
