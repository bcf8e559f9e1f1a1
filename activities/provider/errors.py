"""The ways in which a model provider fails, classified once.

    ProviderError
    ├── UnreachableError      no connection, or it broke              retryable
    ├── OverloadedError       429 or 503                              retryable, perhaps after `retry_after`
    ├── ServerFaultError      any other 5xx                           retryable
    ├── RejectedError         any other 4xx: our request is at fault  final
    ├── StalledError          silence between two chunks              retryable
    ├── DeadlineError         the whole call took too long            retryable
    ├── TruncatedStreamError  the stream ended without its end marker retryable
    ├── MalformedReplyError   not the protocol, or not the schema     retryable
    ├── OverlongReplyError    cut off by a length limit               final
    └── BudgetError           not asked: the tenant's budget is spent final

Messages name the provider and the cause. They never carry a request's or a response's text, because both hold
customers' words.
"""

from typing import ClassVar


class ProviderError(Exception):
    """A call to a model provider failed. `retry_after` is in seconds, where the provider named a time."""

    retryable: ClassVar[bool] = True

    def __init__(self, provider: str, cause: str, *, retry_after: float | None = None) -> None:
        super().__init__(f"{provider}: {cause}")
        self.provider = provider
        self.retry_after = retry_after


class UnreachableError(ProviderError):
    """No connection could be made, or it broke before the reply was complete."""


class OverloadedError(ProviderError):
    """The provider asks for patience."""


class ServerFaultError(ProviderError):
    """The provider failed by itself."""


class RejectedError(ProviderError):
    """The provider refuses this request, and would refuse it again. `status` is what it answered, if it was HTTP."""

    retryable = False

    def __init__(self, provider: str, cause: str, *, status: int | None = None) -> None:
        super().__init__(provider, cause)
        self.status = status


class StalledError(ProviderError):
    """The stream fell silent for too long."""


class DeadlineError(ProviderError):
    """The call did not finish in the time that it was given."""


class TruncatedStreamError(ProviderError):
    """The stream ended without its end marker, so what came is a part of an answer and no answer."""


class MalformedReplyError(ProviderError):
    """The reply is not what the protocol or the requested schema says."""


class OverlongReplyError(ProviderError):
    """The model was cut off by a length limit; the same request would end the same way."""

    retryable = False


class BudgetError(ProviderError):
    """The provider was not asked, because the tenant has spent what it wants to spend."""

    retryable = False
