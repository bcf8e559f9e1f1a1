"""Lines become headings, paragraphs and list items."""

import re
from collections import Counter

from activities.reading.markdown import Markdown, escaped
from activities.reading.pdf.geometry import Line

LARGER = 1.12
"""Times the size of most letters, from which a short line is a heading."""
HEADING_CHARACTERS = 150
MOST_HEADING_LINES = 2
"""More short lines of a larger size are an address, a slogan or a form."""
HEADING_LEVELS = 4
PARAGRAPH_GAP = 0.6
"""Heights of the font between two lines of different paragraphs."""
LOOSER = 1.2
"""Times the distance of two lines, from which the next one begins a paragraph."""
NARROWEST = 150.0
"""Points that a column is at least wide: shorter lines were not ended by a margin."""
INDENT = 24.0
"""Points by which lines of one column may differ in where they begin."""

_BULLET = re.compile(r"[•‣◦▪●○■□➢➤✓✔·]\s*|[-–—*]\s+")
_NUMBER = re.compile(r"(\d{1,3})[.)]\s+(?=\S)")


class Prose:
    """Writes the pages of one document. `sizes` counts the letters of each size in all of it."""

    def __init__(self, out: Markdown, sizes: Counter[float]):
        body = max(sizes, key=lambda size: (sizes[size], -size), default=0.0)
        larger = sorted((size for size in sizes if size > LARGER * body), reverse=True)
        self._levels = {size: min(level, HEADING_LEVELS) for level, size in enumerate(larger, start=1)}
        self._out = out
        self._margins: dict[int, float] = {}

    def write(self, lines: list[Line]) -> None:
        """Write one page's lines in their order."""
        self._margins = _right_margins(lines)
        paragraph: list[Line] = []
        for line in lines:
            if paragraph and not self._goes_on(paragraph, line):
                self._write(paragraph)
                paragraph = []
            if line.table is not None:
                self._out.table([[escaped(cell) for cell in row] for row in line.table])
            else:
                paragraph.append(line)
        if paragraph:
            self._write(paragraph)

    def _goes_on(self, paragraph: list[Line], line: Line) -> bool:
        last = paragraph[-1]
        if line.table is not None or _mark(line) is not None:
            return False
        if self._level(last) != self._level(line):
            return False
        item = _mark(paragraph[0]) is not None and line.box.left <= paragraph[0].box.left + 1
        if (item or self._level(line) is not None) and not self._is_full(last, line):
            return False
        if len(paragraph) > 1 and _pitch(last, line) > LOOSER * _pitch(paragraph[-2], last):
            return False
        return -line.size < line.box.top - last.box.bottom < PARAGRAPH_GAP * line.size

    def _level(self, line: Line) -> int | None:
        return self._levels.get(rounded(line.size)) if len(line.text) <= HEADING_CHARACTERS else None

    def _write(self, lines: list[Line]) -> None:
        level = self._level(lines[0])
        text = self._joined(lines)
        if level is not None and text.count("\n") < MOST_HEADING_LINES:
            self._out.heading(level, text)
        elif mark := _mark(lines[0]):
            with self._out.item("-" if mark.re is _BULLET else f"{mark[1]}."):
                self._out.paragraph(self._joined(lines, skip=mark.end()))
        else:
            self._out.paragraph(text)

    def _is_full(self, above: Line, line: Line) -> bool:
        """Whether the first word of a line had no room in the one above it."""
        room = self._margins[_column(line)] - above.box.right - 0.3 * line.size
        return room < line.words[0].box.width

    def _joined(self, lines: list[Line], skip: int = 0) -> str:
        """Lines that the margin ended are one, words that it divided too."""
        text = ""
        for above, line in zip([None, *lines], lines, strict=False):
            words = line.text if above else line.text[skip:]
            if above and text.endswith("-") and text[-2:-1].isalpha() and words[:1].islower():
                text = text[:-1]
            elif above:
                text += " " if self._is_full(above, line) else "\n"
            text += escaped(words)
        return text


def rounded(size: float) -> float:
    """Sizes that differ by less than a point are one."""
    return float(round(size))


def _pitch(above: Line, line: Line) -> float:
    return line.box.middle[1] - above.box.middle[1]


def _mark(line: Line) -> re.Match[str] | None:
    """What a line of a list item begins with."""
    return _BULLET.match(line.text) or _NUMBER.match(line.text)


def _right_margins(lines: list[Line]) -> dict[int, float]:
    """By column, how far its lines go to the right."""
    margins: dict[int, float] = {}
    for line in lines:
        if line.table is None:
            for column in (_column(line) - 1, _column(line), _column(line) + 1):
                margins[column] = max(margins.get(column, line.box.left + NARROWEST), line.box.right)
    return margins


def _column(line: Line) -> int:
    return int(line.box.left // INDENT)
