"""Meta's question when a webhook is set up: does this address belong to whoever entered it there?"""

import re
from collections.abc import Mapping

from api.webhooks.signatures import known_word

CHALLENGE = re.compile(r"[A-Za-z0-9_-]{1,200}")


def answer(query: Mapping[str, str], verify_token: str) -> str | None:
    """What to answer, as plain text; None when the question is not Meta's, or the token not the account's."""
    challenge = query.get("hub.challenge", "")
    if not known_word(query.get("hub.verify_token", ""), [verify_token.encode()]):
        return None
    return challenge if query.get("hub.mode") == "subscribe" and CHALLENGE.fullmatch(challenge) else None
