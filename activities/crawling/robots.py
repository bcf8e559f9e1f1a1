"""What a site lets us fetch, and how fast (RFC 9309)."""

import asyncio

from protego import Protego

from runtime.egress import Egress, EgressError, UrlError

AGENT = "mainstay"
"""What robots.txt and X-Robots-Tag call us; the User-Agent says the same."""
MAX_BYTES = 500 * 1024
LONGEST_DELAY = 10.0
"""Seconds between two requests that a site may ask for; one that asks for more gets these."""

ALL_ALLOWED = Protego.parse("")


async def robots_of(egress: Egress, origin: str) -> Protego | None:
    """An origin's rules. None: they cannot be had now, so nothing may be fetched."""
    try:
        fetched = await egress.fetch(f"{origin}/robots.txt", redirects=3)
    except (EgressError, UrlError):
        return None
    if fetched.status == 429 or fetched.status >= 500:
        return None
    if fetched.status != 200:
        return ALL_ALLOWED
    return await asyncio.to_thread(Protego.parse, fetched.body[:MAX_BYTES].decode(errors="replace"))


def delay_of(robots: Protego) -> float:
    """Seconds between two requests that the site asks for."""
    return min(robots.crawl_delay(AGENT) or 0.0, LONGEST_DELAY)


def forbidden_by(tag: str) -> set[str]:
    """The words of X-Robots-Tag headers that are for us: `noindex, otherbot: nofollow` forbids us to index alone."""
    words, ours = set(), True
    for part in tag.lower().split(","):
        agent, colon, rest = part.partition(":")
        # Some rules have a value of their own.
        if colon and not agent.strip().startswith(("max-", "unavailable_after")):
            ours = agent.strip() == AGENT
            part = rest  # noqa: PLW2901
        if ours:
            words.add(part.strip())
    return words
