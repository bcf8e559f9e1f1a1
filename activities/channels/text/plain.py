"""Texts without what channels would drop, each in its own way: a line break that one of them does not know would join two
words."""

import re
from unicodedata import normalize

_BREAKS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_RING = "\u030a"


def plain(text: str) -> str:
    """`text` with \\n for every break, and without control characters and halves of characters. Telegram takes a ring above
    for decoration and removes it, unless it is one character with its letter."""
    text = _CONTROLS.sub("", _BREAKS.sub("\n", text))
    return normalize("NFC", text) if _RING in text else text
