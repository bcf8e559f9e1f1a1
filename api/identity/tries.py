"""Passwords and codes tried from a session: whoever finds one open cannot go on guessing there."""

import math
from uuid import UUID

from limits import parse

from api.edge.rate_limits import Wait
from api.gateway import Gateway
from api.problems import ProblemError

TRIES = parse("10/10 minutes")


async def count_try(gateway: Gateway, member_id: UUID) -> None:
    """Before each try of one member, whatever it is for. Raises ProblemError: 429 after too many, 503."""
    verdict = await gateway.limiter.hit(TRIES, "own_tries", str(member_id))
    if isinstance(verdict, Wait):
        seconds = math.ceil(verdict.seconds)
        raise ProblemError(
            429,
            f"Too many tries. The next one is possible in {seconds} seconds.",
            kind="too-many-tries",
            headers={"Retry-After": str(seconds)},
        )


async def forget_tries(gateway: Gateway, member_id: UUID) -> None:
    """The right one clears the count."""
    await gateway.limiter.clear(TRIES, "own_tries", str(member_id))
