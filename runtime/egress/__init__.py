"""Requests to addresses that somebody else chose: only to the public internet, bounded in every direction."""

from runtime.egress.fetch import Egress, Fetched
from runtime.egress.limits import EgressError, Limits, TooLongError, TooSlowError
from runtime.egress.sockets import connected
from runtime.egress.transport import GuardedTransport
from runtime.egress.urls import Target, UrlError, check_url

__all__ = [
    "Egress",
    "EgressError",
    "Fetched",
    "GuardedTransport",
    "Limits",
    "Target",
    "TooLongError",
    "TooSlowError",
    "UrlError",
    "check_url",
    "connected",
]
