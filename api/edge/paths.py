"""Which paths are the API's, and which are for load balancers and monitoring."""

from starlette.types import Scope

WIDGET = "/v1/widget/"


def is_api(scope: Scope) -> bool:
    path: str = scope["path"]
    return path.startswith("/v1/")


def site_named(scope: Scope) -> str | None:
    """What stands for the site in a path of visitors; None for every other path."""
    path: str = scope["path"]
    return path.removeprefix(WIDGET).partition("/")[0] if path.startswith(WIDGET) else None


def is_for_sites(scope: Scope) -> bool:
    """Whether pages of other origins load it."""
    path: str = scope["path"]
    return path.startswith("/widget/")


def is_media(scope: Scope) -> bool:
    """Files, which are fetched by links."""
    path: str = scope["path"]
    return path.startswith("/v1/media/")


def is_health(scope: Scope) -> bool:
    path: str = scope["path"]
    return path in {"/metrics", "/health"} or path.startswith("/health/")
