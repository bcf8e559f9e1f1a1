"""Which paths are the API's, and which are for load balancers and monitoring."""

from starlette.types import Scope


def is_api(scope: Scope) -> bool:
    path: str = scope["path"]
    return path.startswith("/v1/")


def is_health(scope: Scope) -> bool:
    path: str = scope["path"]
    return path in {"/metrics", "/health"} or path.startswith("/health/")
