"""Where a text may be cut without breaking what a reader sees as one character. An approximation of Unicode's annex 29
that errs on the side of not cutting."""

import unicodedata

_JOINER = "\u200d"
_MODIFIERS = range(0x1F3FB, 0x1F400)
"""Skin tones."""
_FLAGS = range(0x1F1E6, 0x1F200)
"""Letters of flags, which stand in pairs."""
_INNER_JAMO = range(0x1160, 0x1200)
"""Of a Korean syllable, all but its beginning."""


def breakable(text: str, at: int) -> bool:
    """Whether the text can be cut before the code point at `at`."""
    if at <= 0 or at >= len(text):
        return True
    before, after = text[at - 1], text[at]
    code = ord(after)
    if before == _JOINER or unicodedata.category(after) in ("Mn", "Mc", "Me", "Cf"):
        return False
    if code in _MODIFIERS or code in _INNER_JAMO:
        return False
    return not (code in _FLAGS and _flags_before(text, at) % 2)


def _flags_before(text: str, at: int) -> int:
    start = at
    while start > 0 and ord(text[start - 1]) in _FLAGS:
        start -= 1
    return at - start
