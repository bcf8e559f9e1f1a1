"""What a reader sees as one character: a letter with its marks, a flag, a family. Texts are cut before or after one, and
not within (extended grapheme clusters, Unicode's annex 29)."""

import unicodedata
from collections.abc import Callable, Iterable
from itertools import accumulate

from wcwidth import iter_graphemes, iter_graphemes_reverse

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def boundaries(text: str) -> list[int]:
    """Where the text can be cut, in code points: at its beginning, between characters, at its end."""
    return list(accumulate(map(len, iter_graphemes(text)), initial=0))


def beginning(text: str, limit: int, size: Callable[[str], int] = len) -> str:
    """As much from the beginning as is no longer than `limit`, by a `size` that adds up (code points, unless told). A first
    character that is longer by itself is cut: marks without end can be put on a letter."""
    if size(text) <= limit:
        return text
    return "".join(_within(iter_graphemes(text), limit, size) or _within(text, limit, size))


def ending(text: str, limit: int) -> str:
    """As much before the end as has at most `limit` code points; see `beginning`."""
    if len(text) <= limit:
        return text
    return "".join(reversed(_within(iter_graphemes_reverse(text), limit, len))) or text[-limit:]


def visible(text: str, unseen: str = "") -> str:
    """The text with `unseen` for each control and each sign that turns the way of reading. What joins the parts of a
    character, or tells its look, stays."""
    return "".join(
        unseen if all(unicodedata.category(each) in _UNSEEN for each in character) else character
        for character in iter_graphemes(text)
    )


def _within(pieces: Iterable[str], limit: int, size: Callable[[str], int]) -> list[str]:
    taken = list[str]()
    for piece in pieces:
        limit -= size(piece)
        if limit < 0:
            break
        taken.append(piece)
    return taken
