"""The words of a page and where they stand, as PDFium tells them."""

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pypdfium2.raw as pdfium

from activities.reading.pdf.geometry import Box, Line, Matrix, Word, around

TINY_POINTS = 3.0
"""Fonts of this height are not for reading."""
BLANK = 0.2
"""A gap of this part of the font's height divides words, whether or not the file says so."""
TILT_RADIANS = 0.1
NOT_LETTERS = {0, 0xFFFD, 0xFFFE, 0xFFFF}

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
    """A word before it is known whether it can be seen."""

    ink: Ink
    letters: list[str] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)

    def word(self) -> Word:
        box = around(self.boxes)
        return Word("".join(self.letters), box, box.height if self.ink.upright else box.width)


def drawn_words(text_page: Any, shown: Matrix) -> Iterator[Drawn]:
    """The words in the order in which the page draws them."""
    inks: dict[int | None, Ink] = {}
    word: Drawn | None = None
    rectangle = pdfium.FS_RECTF()
    high = 0
    for index in range(pdfium.FPDFText_CountChars(text_page)):
        code = pdfium.FPDFText_GetUnicode(text_page, index)
        if 0xD800 <= code < 0xDC00:  # half of a pair; the other half follows
            high = code
            continue
        if 0xDC00 <= code < 0xE000:
            code, high = 0x10000 + ((high & 0x3FF) << 10) + (code & 0x3FF), 0
        letter = chr(code) if code < 0x110000 else ""
        if not letter.strip() or code in NOT_LETTERS:
            if word is not None:
                yield word
            word = None
            continue
        if not pdfium.FPDFText_GetLooseCharBox(text_page, index, rectangle):
            continue
        handle = pdfium.FPDFText_GetTextObject(text_page, index)
        address = ctypes.cast(handle, ctypes.c_void_p).value
        if (ink := inks.get(address)) is None:
            ink = inks[address] = _ink(text_page, index, handle)
        box = shown.box(rectangle.left, rectangle.bottom, rectangle.right, rectangle.top)
        if word is not None and not _follows(word, ink, box):
            yield word
            word = None
        word = word or Drawn(ink)
        word.letters.append(letter)
        word.boxes.append(box)
    if word is not None:
        yield word


def _follows(word: Drawn, ink: Ink, box: Box) -> bool:
    """Whether a letter goes on with the word before it."""
    last = word.boxes[-1]
    if ink.invisible != word.ink.invisible or ink.colour != word.ink.colour or ink.upright != word.ink.upright:
        return False
    if not ink.upright:
        return abs(box.middle[0] - last.middle[0]) + abs(box.middle[1] - last.middle[1]) < 2 * max(
            box.width, box.height
        )
    gap = box.left - last.right
    level = last.top <= box.middle[1] <= last.bottom or box.top <= last.middle[1] <= box.bottom
    return level and -last.height < gap < BLANK * max(last.height, box.height)


def _ink(text_page: Any, index: int, handle: Any) -> Ink:
    red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
    mode = pdfium.FPDFTextObj_GetTextRenderMode(handle)
    plain = mode in (0, 2, 4, 6) and pdfium.FPDFText_GetFillColor(text_page, index, red, green, blue, alpha)
    angle = pdfium.FPDFText_GetCharAngle(text_page, index)
    return Ink(
        handle=handle,
        invisible=mode in _INVISIBLE,
        upright=angle < TILT_RADIANS or angle > 6.2832 - TILT_RADIANS or abs(angle - 3.1416) < TILT_RADIANS,
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
