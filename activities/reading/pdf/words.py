"""The words of a page and where they stand, as PDFium tells them."""

import ctypes
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pypdfium2.raw as pdfium

from activities.reading.pdf.geometry import Box, Line, Matrix, Word

TINY_POINTS = 3.0
"""Fonts of this height are not for reading."""
BLANK = 0.2
"""A gap of this part of the font's height divides words, whether or not the file says so."""
TILT_RADIANS = 0.1
LINE_END_HYPHEN = 2
"""What PDFium makes of a hyphen that divides a word between two lines."""
NOT_LETTERS = {0, 0xFFFD, 0xFFFE, 0xFFFF}

_FILLED = {0, 2, 4, 6}
_INVISIBLE = {3, 7}  # neither filled nor stroked


@dataclass(frozen=True)
class Ink:
    """What the letters of one text object have in common. `colour` is red, green, blue; None if it is no plain one."""

    handle: Any
    invisible: bool
    upright: bool
    colour: tuple[int, int, int] | None


@dataclass
class Drawn:
    """Letters that are drawn one after the other, before it is known whether they can be seen."""

    ink: Ink
    text: str
    box: Box

    @property
    def size(self) -> float:
        return self.box.height if self.ink.upright else self.box.width


_Letter = tuple[str, Ink, float, float, float, float]  # with left, top, right, bottom; plain, for there are millions


def drawn_words(text_page: Any, shown: Matrix) -> Iterator[Drawn]:
    """The words in the order in which the page draws them."""
    word: list[_Letter] = []
    for letter in _letters(text_page, shown):
        if word and (letter is None or not _follows(word[-1], letter)):
            yield _word(word)
            word = []
        if letter is not None:
            word.append(letter)
    if word:
        yield _word(word)


def _word(letters: list[_Letter]) -> Drawn:
    texts, inks, lefts, tops, rights, bottoms = zip(*letters, strict=True)
    return Drawn(inks[0], "".join(texts), Box(min(lefts), min(tops), max(rights), max(bottoms)))


def _letters(text_page: Any, shown: Matrix) -> Iterator[_Letter | None]:
    """Each letter, and None for each blank."""
    inks: dict[int, Ink] = {}
    box = pdfium.FS_RECTF()
    a, b, c, d, e, f = shown.a, shown.b, shown.c, shown.d, shown.e, shown.f
    high = 0
    for index in range(pdfium.FPDFText_CountChars(text_page)):
        code = pdfium.FPDFText_GetUnicode(text_page, index)
        if 0xD800 <= code < 0xDC00:  # half of a pair; the other half follows
            high = code
            continue
        if 0xDC00 <= code < 0xE000:
            code, high = 0x10000 + ((high & 0x3FF) << 10) + (code & 0x3FF), 0
        if code == LINE_END_HYPHEN:
            code = ord("-")
        letter = chr(code) if code not in NOT_LETTERS and code < 0x110000 else ""
        handle = None if not letter.strip() else pdfium.FPDFText_GetTextObject(text_page, index)
        if not handle or not pdfium.FPDFText_GetLooseCharBox(text_page, index, box):
            yield None
            continue
        address = ctypes.addressof(handle.contents)
        ink = inks.get(address) or inks.setdefault(address, _ink(text_page, index, handle, shown))
        x0, x1 = a * box.left + c * box.bottom + e, a * box.right + c * box.top + e
        y0, y1 = b * box.left + d * box.bottom + f, b * box.right + d * box.top + f
        yield letter, ink, min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)


def _follows(last: _Letter, letter: _Letter) -> bool:
    """Whether a letter goes on with the word of the one before it."""
    _, one, left, top, right, bottom = last
    _, ink, next_left, next_top, next_right, next_bottom = letter
    if ink is not one and (ink.invisible, ink.colour, ink.upright) != (one.invisible, one.colour, one.upright):
        return False
    height, middle = bottom - top, (next_top + next_bottom) / 2
    if not ink.upright:
        far = abs(next_left + next_right - left - right) / 2 + abs(middle - (top + bottom) / 2)
        return far < 2 * max(height, right - left)
    level = top <= middle <= bottom or next_top <= (top + bottom) / 2 <= next_bottom
    return level and -height < next_left - right < BLANK * max(height, next_bottom - next_top)


def _ink(text_page: Any, index: int, handle: Any, shown: Matrix) -> Ink:
    red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
    mode = pdfium.FPDFTextObj_GetTextRenderMode(handle)
    plain = mode in _FILLED and pdfium.FPDFText_GetFillColor(text_page, index, red, green, blue, alpha)
    angle = -pdfium.FPDFText_GetCharAngle(text_page, index)  # which counts clockwise
    across = shown.a * math.cos(angle) + shown.c * math.sin(angle)
    down = shown.b * math.cos(angle) + shown.d * math.sin(angle)
    return Ink(
        handle=handle,
        invisible=mode in _INVISIBLE,
        upright=abs(math.atan2(down, across)) < TILT_RADIANS,
        colour=(red.value, green.value, blue.value) if plain else None,
    )


def lines_of(words: list[Word]) -> list[Line]:
    """Words on one height become lines, from the top."""
    lines: list[Line] = []
    for word in sorted(words, key=lambda word: word.box.middle[1]):
        last = lines[-1] if lines else None
        height = word.box.middle[1]
        if last is not None and abs(height - last.words[-1].box.middle[1]) < 0.4 * min(word.size, last.words[-1].size):
            last.words.append(word)
        else:
            lines.append(Line([word]))
    for line in lines:
        line.words.sort(key=lambda word: word.box.left)
    return lines
