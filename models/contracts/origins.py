"""Origins of web pages, as browsers write them in the Origin header."""

import re
from urllib.parse import urlsplit

USUAL_PORTS = {"http": 80, "https": 443}
HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:.]+\]")
MAX_LENGTH = 300


def origin_of(url: str) -> str | None:
    """The origin of a URL, in lower case and without a usual port; None when `url` is no http(s) URL."""
    if len(url) > MAX_LENGTH or not url.isascii() or not url.isprintable():
        return None
    try:
        parts = urlsplit(url.lower())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    host = f"[{host}]" if ":" in host else host
    if parts.scheme not in USUAL_PORTS or parts.username is not None or not HOST.fullmatch(host):
        return None
    return f"{parts.scheme}://{host}" + ("" if port in {None, USUAL_PORTS[parts.scheme]} else f":{port}")


def listed_origin(value: str) -> str:
    """An origin as a tenant lists it. Raises ValueError when it is a wildcard, or more or less than an origin."""
    origin = origin_of(value)
    parts = urlsplit(value) if origin else None
    if origin is None or parts is None or parts.path not in {"", "/"} or parts.query or parts.fragment or "*" in value:
        raise ValueError(
            "must be a scheme, a host and perhaps a port, as https://www.example.com; no path, no wildcard"
        )
    return origin
