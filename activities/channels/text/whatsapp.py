"""A line as WhatsApp takes it: *bold*, _italic_, ~struck~ and ```code```, and no escapes for signs that are none of it.

A pair of signs counts where the first follows no letter or digit and stands before something visible, and the second
is not followed by a letter or digit. So marks within a word are left out, and a sign that would open a pair by
accident is kept from the next character by a hair space. `>`, `-` and `*` before a space make a quote or an item of a line
that they begin: those that we did not set stand behind a word joiner, which nobody sees.
"""

import re
from collections.abc import Sequence

from activities.channels.text.spans import Kind, Span, by_mark, visible

HAIR_SPACE = "\u200a"
WORD_JOINER = "\u2060"
FENCE = "```"

_SIGNS = {Kind.BOLD: "*", Kind.ITALIC: "_", Kind.STRIKE: "~", Kind.CODE: FENCE}
_EVERY_SIGN = frozenset("*_~`")
_OPENING = re.compile(r"https?://\S+|(?<![^\W_])[*_~`](?=[^\s\ufe0f\u20e3])")
"""A sign that may open a pair. Addresses and keys (*️⃣) are passed over: they have to stay whole."""
_BEGINNING = re.compile(r"\s*[>*-] ")


def signed(line: Sequence[Span]) -> str:
    """`line` has neither breaks nor links."""
    text = _marked(line)
    return f"{WORD_JOINER}{text}" if _BEGINNING.match(text) else text


def _marked(line: Sequence[Span]) -> str:
    if all(not span.marks and _EVERY_SIGN.isdisjoint(span.text) for span in line):
        return visible(line)
    prose = visible([span for span in line if not span.has(Kind.CODE)])
    used = {mark.kind for span in line for mark in span.marks}
    risky = {sign for sign in _EVERY_SIGN if prose.count(sign) > 1}
    risky |= {sign[0] for kind, sign in _SIGNS.items() if kind in used}
    return _signed(line, 0, " ", " ", risky)


def _signed(spans: Sequence[Span], depth: int, before: str, after: str, risky: set[str]) -> str:
    """`before` and `after` are the characters beside the spans."""
    groups = list(by_mark(spans, depth))
    written = ""
    for index, (mark, group) in enumerate(groups):
        if mark is None:
            written += _OPENING.sub(lambda sign: sign[0] + HAIR_SPACE * (sign[0] in risky), visible(group))
            continue
        left = visible(groups[index - 1][1])[-1:] if index else before
        right = visible(groups[index + 1][1])[:1] if index + 1 < len(groups) else after
        inner = visible(group) if mark.kind is Kind.CODE else _signed(group, depth + 1, left, right, risky)
        written += _wrapped(inner, _SIGNS.get(mark.kind, ""), left, right)
    return written


def _wrapped(text: str, sign: str, left: str, right: str) -> str:
    """The sign around what is visible of the text, where WhatsApp would understand it."""
    core = text.strip()
    start = text.find(core)
    end = start + len(core)
    beside = (text[:start] or left)[-1:], (text[end:] or right)[:1]
    if not core or sign in core or any(char.isalnum() or char in _EVERY_SIGN for char in beside):
        return text
    return f"{text[:start]}{sign}{core}{sign}{text[end:]}"
