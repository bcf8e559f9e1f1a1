"""How much a request to the outside may take, and what ends one that does not keep to it."""

from dataclasses import dataclass


class EgressError(Exception):
    """A request that was not made, or not finished. The message names no address, so it can be shown to a tenant."""


class TooLongError(EgressError):
    """The answer has more bytes than it may."""


class TooSlowError(EgressError):
    """The answer was not there in time."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`body_bytes` counts what is left after decompression; `seconds` holds for everything, redirects included."""

    body_bytes: int = 5 * 1024 * 1024
    head_bytes: int = 32 * 1024
    seconds: float = 20


USUAL = Limits()
