"""What readers see as one character though it is many code points, and a judge of texts that are made of such."""

import re

CHARACTERS = (
    "👨‍👩‍👧‍👦", "👩🏽‍❤️‍💋‍👨🏻", "👍🏽", "❤️", "*️⃣", "🇰🇿", "🇷🇺", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "e\u0301", "й\u0301", " \u0301", "שָׁ", "क्षि", "กำ", "ｶ\uff9e", "\u1100\u1100\u1161\u11a8", "각", "\u06007", "Ж",
)  # fmt: skip
"""Beside each other they stay apart."""

_WHOLE = re.compile(f"(?:{'|'.join(map(re.escape, sorted(CHARACTERS, key=len, reverse=True)))}|\\s)*")


def are_whole(text: str) -> bool:
    """Whether nothing stands there but CHARACTERS and white space, each from its beginning to its end."""
    return _WHOLE.fullmatch(text) is not None
