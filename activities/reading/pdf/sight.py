"""Which words of a page can be seen: the page is drawn with its text and without, and a word must make a difference.

One test for every way to hide: an invisible mode, no opacity, the colour of the ground, a box above, a clip.
"""

from dataclasses import dataclass
from typing import Any, Self

import pypdfium2 as pdfium
from pypdfium2 import raw

from activities.reading.pdf.geometry import Box
from activities.reading.pdf.words import TINY_POINTS, Drawn

MOST_PIXELS = 4_000_000
"""A page is drawn at one pixel a point, a larger one coarser."""
CONTRAST = 24
"""Difference in a colour channel (of 255) from which a reader sees anything."""

_BYTES = 3


@dataclass(frozen=True)
class Sight:
    """A page drawn with its text and without: rows of blue, green and red, `stride` bytes each."""

    with_text: bytes
    without: bytes
    stride: int
    width: int
    height: int
    scale: float

    @classmethod
    def of(cls, page: pdfium.PdfPage, texts: list[Any]) -> Self:
        """Draw the page. `texts` are its text objects; they are switched off and on again."""
        width, height = page.get_size()
        scale = min(1.0, (MOST_PIXELS / max(width * height, 1)) ** 0.5)
        with_text = _drawn(page, scale)
        for text in texts:
            raw.FPDFPageObj_SetIsActive(text, False)
        without = _drawn(page, scale)
        for text in texts:
            raw.FPDFPageObj_SetIsActive(text, True)
        data, stride, columns, rows = with_text
        return cls(data, without[0], stride, columns, rows, scale)

    def shows(self, word: Drawn) -> bool:
        """Whether a reader can see the word on the page."""
        return not word.ink.invisible and word.size >= TINY_POINTS and self._makes_a_mark(word.box, word.ink.colour)

    def _makes_a_mark(self, box: Box, colour: tuple[int, int, int] | None) -> bool:
        left, right = (max(0, min(self.width, round(x * self.scale))) for x in (box.left, box.right))
        top, bottom = (max(0, min(self.height, round(y * self.scale))) for y in (box.top, box.bottom))
        for row in sorted(
            range(top, max(bottom, top + 1)), key=lambda row: abs(2 * row - top - bottom)
        ):  # most ink is in the middle
            start, end = row * self.stride + left * _BYTES, row * self.stride + max(right, left + 1) * _BYTES
            shown, ground = self.with_text[start:end], self.without[start:end]
            if shown == ground:
                continue
            for place, (one, other) in enumerate(zip(shown, ground, strict=True)):
                if abs(one - other) >= CONTRAST and (colour is None or _differs(colour, ground, place)):
                    return True
        return False


def _differs(colour: tuple[int, int, int], ground: bytes, place: int) -> bool:
    """Whether ink of a colour can be seen there. Where it cannot, the mark is another word's."""
    blue = place - place % _BYTES
    pixel = reversed(ground[blue : blue + _BYTES])
    return any(abs(ink - behind) >= CONTRAST for ink, behind in zip(colour, pixel, strict=True))


def _drawn(page: pdfium.PdfPage, scale: float) -> tuple[bytes, int, int, int]:
    bitmap = page.render(
        scale=scale,
        may_draw_forms=False,
        draw_annots=False,
        rev_byteorder=False,
        force_bitmap_format=raw.FPDFBitmap_BGR,
    )
    try:
        return bytes(bitmap.buffer), bitmap.stride, bitmap.width, bitmap.height
    finally:
        bitmap.close()
