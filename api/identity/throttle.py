"""How often one may try to sign in. It slows down who guesses, and locks nobody out.

Tries are counted by address and by the network that they come from, or by the device if it is a known one. Neither an
attacker elsewhere nor one in the same network can use up a known device's tries.
"""

import math
from dataclasses import dataclass

from limits import RateLimitItem, parse

from api.edge.rate_limits import Limit, Limiter, Wait
from api.identity.tokens import hash_email
from api.problems import ProblemError

# Ten at once; who has used them up gets one more every half minute.
BURST = parse("10/hour")
THEREAFTER = parse("1/30 seconds")
# More failures with one address, from anywhere, are worth telling people about, once an hour. They block nothing.
UNUSUAL = parse("50/hour")
ALERT = parse("1/hour")

COUNTED = "sign_in"


@dataclass(frozen=True, slots=True)
class Tries:
    """Whose tries are counted together. `email` is lower-case, `device` a known device's id."""

    email: str
    network: str
    device: str | None = None

    @property
    def name(self) -> tuple[str, ...]:
        """The same for every tenant: whether an address exists in one shows nowhere."""
        if self.device is not None:
            return COUNTED, "device", self.device
        return COUNTED, hash_email(self.email), self.network

    @property
    def crowd(self) -> tuple[str, ...]:
        """Whose tries are bounded together, whatever address they are for: hashing is dear."""
        if self.device is not None:
            return COUNTED, "devices", hash_email(self.email)
        return COUNTED, "network", self.network


class SignInThrottle:
    """`crowd`: how many sign-ins of one network, or of one person's known devices, are worth hashing for."""

    def __init__(self, limiter: Limiter, crowd: RateLimitItem) -> None:
        self._limiter = limiter
        self._crowd = crowd

    async def admit(self, tries: Tries) -> None:
        """Count a try. Raises ProblemError (429) when there were too many."""
        crowd = Limit(self._crowd, tries.crowd)
        verdict = await self._limiter.hit_all([crowd, Limit(BURST, tries.name)])
        if isinstance(verdict, Wait) and verdict.item == BURST:
            verdict = await self._limiter.hit_all([crowd, Limit(THEREAFTER, tries.name)])
        if isinstance(verdict, Wait):
            seconds = math.ceil(verdict.seconds)
            raise ProblemError(
                429,
                f"Too many tries. The next one is possible in {seconds} seconds.",
                kind="too-many-tries",
                headers={"Retry-After": str(seconds)},
            )

    async def succeeded(self, tries: Tries) -> None:
        """The tries before were the right person's."""
        for item in (BURST, THEREAFTER):
            await self._limiter.clear(item, *tries.name)

    async def failed(self, email: str) -> bool:
        """Count a failure wherever it came from; whether somebody should be told now."""
        name = (COUNTED, "everywhere", hash_email(email))
        if not isinstance(await self._limiter.hit(UNUSUAL, *name), Wait):
            return False
        return not isinstance(await self._limiter.hit(ALERT, *name), Wait)


def neighbourhood(network: str) -> str:
    """The /24 of an IPv4 address: what one attacker easily has all of. Other networks are what they are."""
    return f"{network.rpartition('.')[0]}.0/24" if "." in network else network
