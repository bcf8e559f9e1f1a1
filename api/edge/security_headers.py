"""Headers that tell browsers to do as little as possible with what comes from here. On every response, errors too."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.edge.paths import is_api, is_for_sites, is_media

ALWAYS = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}
# What the widget's script and page are more open in: they are made for pages of other origins.
FOR_SITES = {"Content-Security-Policy", "Cross-Origin-Resource-Policy"}
STRICT_TRANSPORT = "max-age=31536000"
SUBDOMAINS_TOO = "; includeSubDomains"
# What a browser may be shown; everything else of the API is a download.
SHOWN = ("application/json", "application/problem+json", "text/event-stream")


class SecurityHeaders:
    """Pure ASGI. `https`: whether people reach the gateway by https, and must not by anything else; `subdomains`: those
    of its host too."""

    def __init__(self, app: ASGIApp, *, https: bool, subdomains: bool) -> None:
        self._app = app
        strict = STRICT_TRANSPORT + (SUBDOMAINS_TOO if subdomains else "")
        self._always = ALWAYS | ({"Strict-Transport-Security": strict} if https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._always.items():
                    if name in FOR_SITES and is_for_sites(scope):
                        headers.setdefault(name, value)
                    else:
                        headers[name] = value
                if is_for_sites(scope):
                    # What may frame the page, its policy says; this header can only say nobody.
                    del headers["X-Frame-Options"]
                if is_media(scope):
                    # Pages of other origins show it, those with the widget among them.
                    headers["Cross-Origin-Resource-Policy"] = "cross-origin"
                if is_api(scope):
                    headers["Cache-Control"] = "no-store"
                    if not headers.get("content-type", SHOWN[0]).startswith(SHOWN):
                        headers.setdefault("Content-Disposition", "attachment")
            await send(message)

        await self._app(scope, receive, sending)
