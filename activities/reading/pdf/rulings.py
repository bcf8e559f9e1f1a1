"""The straight lines that a page draws, and the tables that they rule."""

import ctypes
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pypdfium2.raw as pdfium

from activities.reading.pdf.aligned import cells_of
from activities.reading.pdf.geometry import Box, Line, Matrix, Word, around
from activities.reading.pdf.words import lines_of

MAX_OBJECTS = 20_000
MAX_SEGMENTS = 400
"""A path of more segments is a drawing."""
MAX_FORMS = 4
STRAIGHT = 1.0
SHORTEST = 6.0
NEAR = 3.0
"""Points by which lines that are meant to meet may miss each other."""
MOST_DIVIDED = 0.15
"""Part of the cells that may look like several, side by side. Where more do, the lines are ornaments."""
MAX_RULINGS = 3_000
"""A page with more of them is a drawing."""


@dataclass(frozen=True)
class Ruling:
    """A line across (`at` is its height) or down (`at` is its distance from the left), from `start` to `end`."""

    across: bool
    at: float
    start: float
    end: float

    def covers(self, place: float) -> bool:
        return self.start - NEAR <= place <= self.end + NEAR

    def meets(self, other: "Ruling") -> bool:
        if self.across != other.across:
            return self.covers(other.at) and other.covers(self.at)
        overlap = self.start - NEAR <= other.end and other.start - NEAR <= self.end
        return abs(self.at - other.at) <= NEAR and overlap


def rulings_of(page: Any, shown: Matrix) -> list[Ruling]:
    """The lines of a page, those of its forms too."""
    return list(_rulings(page, pdfium.FPDFPage_CountObjects, pdfium.FPDFPage_GetObject, shown, 0))


def _rulings(holder: Any, count: Any, get: Any, shown: Matrix, depth: int) -> Iterator[Ruling]:
    for index in range(min(count(holder), MAX_OBJECTS)):
        item = get(holder, index)
        kind = pdfium.FPDFPageObj_GetType(item)
        if kind == pdfium.FPDF_PAGEOBJ_PATH:
            yield from _straight(item, shown.after(_matrix(item)))
        elif kind == pdfium.FPDF_PAGEOBJ_FORM and depth < MAX_FORMS:
            inner = shown.after(_matrix(item))
            yield from _rulings(item, pdfium.FPDFFormObj_CountObjects, pdfium.FPDFFormObj_GetObject, inner, depth + 1)


def _matrix(item: Any) -> Matrix:
    values = pdfium.FS_MATRIX()
    found = pdfium.FPDFPageObj_GetMatrix(item, values)
    return Matrix(values.a, values.b, values.c, values.d, values.e, values.f) if found else Matrix(1, 0, 0, 1, 0, 0)


def _straight(path: Any, shown: Matrix) -> Iterator[Ruling]:
    segments = pdfium.FPDFPath_CountSegments(path)
    if not 2 <= segments <= MAX_SEGMENTS:
        return
    x, y = ctypes.c_float(), ctypes.c_float()
    first = last = (0.0, 0.0)
    for index in range(segments):
        segment = pdfium.FPDFPath_GetPathSegment(path, index)
        pdfium.FPDFPathSegment_GetPoint(segment, x, y)
        point = shown.point(x.value, y.value)
        kind = pdfium.FPDFPathSegment_GetType(segment)
        if kind == pdfium.FPDF_SEGMENT_MOVETO:
            first = point
        elif kind == pdfium.FPDF_SEGMENT_LINETO:
            yield from _ruling(last, point)
        if pdfium.FPDFPathSegment_GetClose(segment):
            yield from _ruling(point, first)
        last = point


def _ruling(one: tuple[float, float], other: tuple[float, float]) -> Iterator[Ruling]:
    (x0, x1), (y0, y1) = sorted((one[0], other[0])), sorted((one[1], other[1]))
    if y1 - y0 <= STRAIGHT and x1 - x0 >= SHORTEST:
        yield Ruling(True, y0, x0, x1)
    elif x1 - x0 <= STRAIGHT and y1 - y0 >= SHORTEST:
        yield Ruling(False, x0, y0, y1)


def ruled_tables(rulings: list[Ruling], words: list[Word]) -> tuple[list[Line], list[Word]]:
    """The tables that lines rule, and the words outside them. A frame around one cell is no table."""
    tables = []
    for group in _groups(rulings):
        across, down = _places(group, across=True), _places(group, across=False)
        if len(across) < 2 or len(down) < 3:
            continue
        frame = Box(down[0], across[0], down[-1], across[-1])
        inside = [word for word in words if frame.contains(word.box.middle)]
        rows = _filled(group, across, down, inside)
        if rows is None:
            continue
        tables.append(Line([], rows, around([frame, *(word.box for word in inside)])))
        words = [word for word in words if not frame.contains(word.box.middle)]
    return tables, words


def _groups(rulings: list[Ruling]) -> list[list[Ruling]]:
    """Lines that meet, directly or through others."""
    rulings = _merged(rulings) if len(rulings) <= MAX_RULINGS else []
    groups: list[list[Ruling]] = []
    waiting = set(rulings)
    while waiting:
        group, near = [], [waiting.pop()]
        while near:
            ruling = near.pop()
            group.append(ruling)
            met = {other for other in waiting if ruling.meets(other)}
            waiting -= met
            near.extend(met)
        groups.append(group)
    return sorted(groups, key=lambda group: min(ruling.at if ruling.across else ruling.start for ruling in group))


def _merged(rulings: list[Ruling]) -> list[Ruling]:
    """Pieces of one line, and the two edges of a thin one, become one."""
    merged: list[Ruling] = []
    for ruling in sorted(rulings, key=lambda ruling: (ruling.across, round(ruling.at / NEAR), ruling.start)):
        last = merged[-1] if merged else None
        if last is not None and last.across == ruling.across and last.meets(ruling):
            merged[-1] = Ruling(last.across, last.at, min(last.start, ruling.start), max(last.end, ruling.end))
        else:
            merged.append(ruling)
    return merged


def _places(group: list[Ruling], *, across: bool) -> list[float]:
    places: list[float] = []
    for place in sorted(ruling.at for ruling in group if ruling.across == across):
        if not places or place - places[-1] > NEAR:
            places.append(place)
    return places


def _filled(group: list[Ruling], across: list[float], down: list[float], words: list[Word]) -> list[list[str]] | None:
    """The text of each cell. Where no line is drawn between two cells they are one, above or to the left.

    None if the lines frame and divide other things than cells: these hold one text each.
    """
    cells: dict[tuple[int, int], list[Word]] = {}
    for word in words:
        x, y = word.box.middle
        row = min(bisect_right(across, y), len(across) - 1) - 1
        column = min(bisect_right(down, x), len(down) - 1) - 1
        while column > 0 and not _is_drawn(group, False, down[column], y):
            column -= 1
        while row > 0 and not _is_drawn(group, True, across[row], x):
            row -= 1
        cells.setdefault((max(row, 0), max(column, 0)), []).append(word)
    text = {}
    divided = 0
    for place, inside in cells.items():
        lines = lines_of(inside)
        divided += any(len(cells_of(line)) > 1 for line in lines)
        text[place] = " ".join(line.text for line in lines)
    if len(text) < 2 or divided > MOST_DIVIDED * len(text):
        return None
    return [[text.get((row, column), "") for column in range(len(down) - 1)] for row in range(len(across) - 1)]


def _is_drawn(group: list[Ruling], across: bool, at: float, place: float) -> bool:
    return any(r.across == across and abs(r.at - at) <= NEAR and r.covers(place) for r in group)
