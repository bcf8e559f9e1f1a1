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
        whole = word.word()
        if word.ink.invisible or whole.size < TINY_POINTS:
            return False
        return any(self._makes_a_mark(box, word.ink.colour) for box in word.boxes)

    def _makes_a_mark(self, box: Box, colour: tuple[int, int, int] | None) -> bool:
        left, right = (max(0, min(self.width, round(x * self.scale))) for x in (box.left, box.right))
        top, bottom = (max(0, min(self.height, round(y * self.scale))) for y in (box.top, box.bottom))
        for row in range(top, max(bottom, top + 1)):
            start, end = row * self.stride + left * _BYTES, row * self.stride + max(right, left + 1) * _BYTES
            if self.with_text[start:end] == self.without[start:end]:
                continue
            for pixel in range(start, end - _BYTES + 1, _BYTES):
                ground = self.without[pixel : pixel + _BYTES]
                if _differ(self.with_text[pixel : pixel + _BYTES], ground) and (
                    # Another word's ink in the same place is not this one's.
                    colour is None or _differ(bytes(reversed(colour)), ground)
                ):
                    return True
        return False


def _differ(one: bytes, other: bytes) -> bool:
    return any(abs(a - b) >= CONTRAST for a, b in zip(one, other, strict=False))


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
