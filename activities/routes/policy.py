"""Who is asked next, and who is left alone for how long. Pure: time and chance come from the caller.

A circuit counts an endpoint's failures in a row. Below OPENS_AT it stays closed, and the endpoint only stands back
while another can be asked; from there on it is open, nobody is let through, and each time that its pause is over one
call may find out (half-open). A key that its provider asks for patience cools down, whatever the endpoint's circuit.

Times are seconds of a monotonic clock; `chance` is in 0..1, so that those who failed together do not return together.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from models.contracts.model_health import CircuitState

OPENS_AT = 3
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
PROBE_SECONDS = 60.0
"""After so long a probe is taken for lost, and another may find out."""
REFUSED_SECONDS = 300.0
"""A key that was refused (401, 403) is tried again after this: somebody may have paid the bill."""


def pause(times: int, chance: float) -> float:
    """Seconds to stand back after `times` failures in a row: twice as long each time, the last half by chance."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(times - 1, 16)) * (0.5 + 0.5 * chance)


@dataclass(frozen=True, slots=True)
class Circuit:
    failures: int = 0
    until: float = 0.0
    probed_until: float = 0.0

    def state(self, now: float) -> CircuitState:
        if self.failures < OPENS_AT:
            return "closed"
        return "open" if now < self.until else "half_open"

    def free_at(self, now: float) -> float:
        """When a call is let through."""
        match self.state(now):
            case "closed":
                return now
            case "open":
                return max(self.until, self.probed_until)
            case "half_open":
                return max(now, self.probed_until)

    def stands_back(self, now: float) -> bool:
        return now < self.until

    def begun(self, now: float) -> "Circuit":
        """A call is made: half-open, it is the one that finds out."""
        return replace(self, probed_until=now + PROBE_SECONDS) if self.state(now) == "half_open" else self

    def failed(self, now: float, chance: float) -> "Circuit":
        return Circuit(self.failures + 1, now + pause(self.failures + 1, chance))

    def ended(self) -> "Circuit":
        """The call was given up, or says nothing about the endpoint: whoever comes next may find out."""
        return replace(self, probed_until=0.0)

    def succeeded(self) -> "Circuit":
        return Circuit()


@dataclass(frozen=True, slots=True)
class Key:
    """`refused`: its provider does not know it, or no more."""

    cools_until: float = 0.0
    overloads: int = 0
    used_at: float = 0.0
    refused: bool = False

    def begun(self, now: float) -> "Key":
        return replace(self, used_at=now)

    def overloaded(self, now: float, retry_after: float | None, chance: float) -> "Key":
        """As long as the provider asks, else ever longer."""
        seconds = pause(self.overloads + 1, chance) if retry_after is None else retry_after
        return replace(self, cools_until=max(self.cools_until, now + seconds), overloads=self.overloads + 1)

    def denied(self, now: float) -> "Key":
        return replace(self, cools_until=now + REFUSED_SECONDS, refused=True)

    def succeeded(self) -> "Key":
        return replace(self, cools_until=0.0, overloads=0, refused=False)


@dataclass(frozen=True, slots=True)
class Condition:
    """An endpoint as its last calls have left it. `flagged`: see EndpointHealth."""

    circuit: Circuit
    keys: tuple[Key, ...]
    flagged: str | None = None

    def free_at(self, now: float) -> float:
        return max(self.circuit.free_at(now), min(max(key.cools_until, now) for key in self.keys))


Candidate = tuple[int, int]
"""An endpoint's place in its route, and a key's among the endpoint's."""


def choose(conditions: Sequence[Condition], now: float, tried: Collection[Candidate] = ()) -> Candidate | None:
    """The first endpoint that may be asked, with the key that was not used for longest; None when there is none.

    Endpoints that stand back come after those that do not. `tried` were asked for the same call already.
    """
    found: list[tuple[bool, int, float, int]] = []
    for place, condition in enumerate(conditions):
        if condition.circuit.free_at(now) > now:
            continue
        found += [
            (condition.circuit.stands_back(now), place, key.used_at, number)
            for number, key in enumerate(condition.keys)
            if key.cools_until <= now and (place, number) not in tried
        ]
    if not found:
        return None
    _, place, _, number = min(found)
    return place, number


def wait(conditions: Sequence[Condition], now: float) -> float:
    """Seconds until somebody may be asked who does not stand back."""
    return min(max(condition.free_at(now), condition.circuit.until) for condition in conditions) - now
