"""The order in which the columns of a page are read."""

from activities.reading.pdf.aligned import cells_of
from activities.reading.pdf.geometry import Line, around
from activities.reading.pdf.words import lines_of

FEWEST_LINES = 4
WORDS_OF_PROSE = 3.5
"""Words a line from which a column holds sentences. Cells of a table hold fewer."""
GUTTER = 0.8
"""Narrowest gap between columns, in heights of the font."""
MAX_SPLITS = 4


def in_reading_order(lines: list[Line], depth: int = 0) -> list[Line]:
    """Lines from the top; where prose stands in columns, the left one before the right one."""
    found = _widest_band(lines) if depth < MAX_SPLITS and len(lines) >= FEWEST_LINES else None
    if found is None:
        return lines
    start, end, gutter = found
    left, right = _halves(lines[start:end], gutter)
    return [
        *in_reading_order(lines[:start], depth + 1),
        *in_reading_order(left, depth + 1),
        *in_reading_order(right, depth + 1),
        *in_reading_order(lines[end:], depth + 1),
    ]


def _widest_band(lines: list[Line]) -> tuple[int, int, float] | None:
    """The most lines one below the other that a gutter divides, and where it is."""
    best: tuple[int, int, float] | None = None
    for gutter in sorted({round(place / 4) * 4.0 for line in lines for place in _gaps(line)}):
        start = 0
        for end in range(len(lines) + 1):
            if end < len(lines) and not _crosses(lines[end], gutter):
                continue
            if (best is None or end - start > best[1] - best[0]) and _is_prose(lines[start:end], gutter):
                best = start, end, gutter
            start = end + 1
    return best


def _gaps(line: Line) -> list[float]:
    pairs = zip(line.words, line.words[1:], strict=False)
    return [
        (one.box.right + two.box.left) / 2 for one, two in pairs if two.box.left - one.box.right > GUTTER * one.size
    ]


def _crosses(line: Line, gutter: float) -> bool:
    if line.table is not None:
        return line.box.left < gutter < line.box.right
    if any(word.box.left < gutter < word.box.right for word in line.words):
        return True
    left = max((word.box.right for word in line.words if word.box.right <= gutter), default=None)
    right = min((word.box.left for word in line.words if word.box.left >= gutter), default=None)
    return left is not None and right is not None and right - left < GUTTER * line.size


def _is_prose(lines: list[Line], gutter: float) -> bool:
    """Whether lines on both sides of a gutter are sentences that fill their column."""
    for side in _halves(lines, gutter):
        if len(side) < FEWEST_LINES:
            return False
        parts = sum(len(cells_of(line)) for line in side)
        if parts > 1.3 * len(side) or sum(len(line.words) for line in side) < WORDS_OF_PROSE * parts:
            return False
        width = around(line.box for line in side).width
        if sum(line.box.width > 0.6 * width for line in side) < 0.5 * len(side):
            return False
    return True


def _halves(lines: list[Line], gutter: float) -> tuple[list[Line], list[Line]]:
    tables = [line for line in lines if line.table is not None]
    halves = []
    for is_left in (True, False):
        words = [word for line in lines for word in line.words if (word.box.middle[0] < gutter) == is_left]
        own = [table for table in tables if (table.box.middle[0] < gutter) == is_left]
        halves.append(sorted([*lines_of(words), *own], key=lambda line: line.box.top))
    return halves[0], halves[1]
