"""Meta's question when a webhook is set up: does this address belong to whoever entered it there?"""

import hashlib
import hmac
import re
from collections.abc import Mapping

CHALLENGE = re.compile(r"[A-Za-z0-9_-]{1,200}")


def answer(query: Mapping[str, str], verify_token: str) -> str | None:
    """What to answer with 200, as plain text; None: 403. Takes constant time."""
    # Hashed, so that not even the length shows.
    given, known = (
        hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        for token in (query.get("hub.verify_token", ""), verify_token)
    )
    challenge = query.get("hub.challenge", "")
    proved = hmac.compare_digest(given, known) and verify_token != ""
    return challenge if proved and query.get("hub.mode") == "subscribe" and CHALLENGE.fullmatch(challenge) else None
