"""Cookie sessions, for pages of ours: where the tokens are kept, and how a request shows that a page of ours sent it."""

import hmac
from datetime import timedelta

from fastapi import Request, Response

from api.identity.refresh_tokens import hash_csrf
from api.problems import ProblemError
from runtime.settings import Settings

CSRF_HEADER = "X-CSRF-Token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
AUTH_PATH = "/v1/auth"
# The Temporal UI decodes payloads in its operator's name. It can send no header of ours; what it asks for changes
# nothing.
DECODE_PATH = "/v1/codec/decode"


class Cookies:
    """The names and attributes of our cookies. Over https they are bound to it and to this host."""

    def __init__(self, settings: Settings) -> None:
        self._origin = settings.origin
        self._temporal_ui = (settings.temporal_ui_url or "").rstrip("/")
        self._secure = self._origin.startswith("https://")
        # `__Host-` wants the path `/`; the refresh token goes to the few addresses that need it, and to no others.
        self.access = "__Host-mainstay_access" if self._secure else "mainstay_access"
        self.csrf = "__Host-mainstay_csrf" if self._secure else "mainstay_csrf"
        self.refresh = "__Secure-mainstay_refresh" if self._secure else "mainstay_refresh"
        self.device = "__Secure-mainstay_device" if self._secure else "mainstay_device"

    def set_tokens(
        self, response: Response, *, access: str, refresh: str, csrf: str, access_life: timedelta, life: timedelta
    ) -> None:
        self._set(response, self.access, access, "/", access_life)
        self._set(response, self.refresh, refresh, AUTH_PATH, life)
        # Pages read this one, to send it as a header: that only a page of this origin can do.
        self._set(response, self.csrf, csrf, "/", life, readable=True)

    def set_device(self, response: Response, token: str, life: timedelta) -> None:
        self._set(response, self.device, token, AUTH_PATH, life)

    def clear(self, response: Response) -> None:
        """Forget the session; the device stays known."""
        for name, path in ((self.access, "/"), (self.csrf, "/"), (self.refresh, AUTH_PATH)):
            response.delete_cookie(name, path, secure=self._secure, httponly=name != self.csrf, samesite="strict")

    def check_csrf(self, request: Request, csrf_hash: str | None) -> None:
        """Raises ProblemError (403) when a request that rests on a cookie was not sent by a page of ours."""
        if request.method in SAFE_METHODS:
            return
        if request.url.path == DECODE_PATH and self._temporal_ui and _origin(request) == self._temporal_ui:
            return
        self.check_origin(request)
        sent = hash_csrf(request.headers.get(CSRF_HEADER, ""))
        if csrf_hash is None or not hmac.compare_digest(sent, csrf_hash):
            raise _forged(f"With cookies, send the session's csrf_token as the header {CSRF_HEADER}.")

    def check_origin(self, request: Request) -> None:
        """Raises ProblemError (403) when no browser says that a page of ours sent the request."""
        if request.headers.get("sec-fetch-site") != "same-origin" and _origin(request) != self._origin:
            raise _forged("Cookies are for pages of this server. Other clients send a bearer token.")

    def _set(
        self, response: Response, name: str, value: str, path: str, life: timedelta, *, readable: bool = False
    ) -> None:
        response.set_cookie(
            name,
            value,
            max_age=int(life.total_seconds()),
            path=path,
            secure=self._secure,
            httponly=not readable,
            samesite="strict",
        )


def _origin(request: Request) -> str:
    return request.headers.get("origin", "")


def _forged(detail: str) -> ProblemError:
    return ProblemError(403, detail, kind="cross-site")
