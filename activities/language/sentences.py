"""Sentences of a text, as spans, so that whoever quotes them quotes word for word."""

import re
from collections.abc import Iterator

# Cyrillic and Latin abbreviations that a full stop does not end a sentence after.
_ABBREVIATIONS = frozenset(
    "г гг д дом кв м мин н обл оф п пр просп руб с сек см ст стр т тг тел тыс ул чел ч шт "
    "co dr e.g etc fig i.e inc jr ltd mr mrs ms no nr p pp sr st vs".split()
)
# Words and punctuation are only looked at from their beginning, and never given back: the time grows with the text.
_END = re.compile(r"(?:(?<![^\s.!?…])(?P<word>[^\s.!?…]++)|(?<!\S))[.!?…]++[\"'»”)\]]*+(?=\s|$)|\n+")


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each sentence, in order and without the white space around it. A line break ends one."""
    start = 0
    for match in _END.finditer(text):
        if _abbreviates(match):
            continue
        yield from _stripped(text, start, match.end())
        start = match.end()
    yield from _stripped(text, start, len(text))


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in spans(text)]


def _abbreviates(match: re.Match[str]) -> bool:
    word = match["word"]
    return word is not None and match[0].endswith(".") and word.lower() in _ABBREVIATIONS


def _stripped(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    if stripped := piece.strip():
        yield start + left, start + left + len(stripped)
