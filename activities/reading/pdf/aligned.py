"""Tables without rulings: lines whose parts stand below each other."""

import re

from activities.reading.pdf.geometry import Box, Line, Word, around

CELL_GAP = 0.85
"""A gap of so many heights of the font divides cells; words of a sentence stand closer, even when it is justified."""
ALIGNED = 3.0
"""Points by which cells of one column may differ in where they begin."""
LARGER = 1.12
"""Times the size of the row above, from which a line is the heading of what follows."""
ROW_GAP = 2.2
"""Heights of the font between two rows beyond which a table has ended."""

_MARK = re.compile(r"[•‣◦▪●○■–—*-]|\(?\w{1,3}[.)]")


def with_tables(lines: list[Line]) -> list[Line]:
    """The lines, those of a table made one."""
    out: list[Line] = []
    start = 0
    while start < len(lines):
        end = _end_of_rows(lines, start)
        table = _table(lines[start:end]) if end - start >= 2 else None
        if table is None:
            out.append(lines[start])
            start += 1
        else:
            out.append(table)
            start = end
    return out


def _end_of_rows(lines: list[Line], start: int) -> int:
    """Where the rows end that begin at `start`: after the last line of several parts that follows closely.

    A row may have a single cell, but not two of them one after the other; and a wide one only if rows go on below it.
    """
    if len(cells_of(lines[start])) < 2:
        return start
    end, single = start + 1, False
    for place in range(start + 1, len(lines)):
        line = lines[place]
        above = lines[place - 1]
        if line.table is not None or line.box.top - above.box.bottom > ROW_GAP * line.size:
            break
        if line.size > LARGER * above.size:  # a heading
            break
        if len(cells_of(line)) >= 2:
            end, single = place + 1, False
        elif single or (line.box.width > 0.5 * lines[start].box.width and not _resumes(lines, place + 1, lines[start])):
            break
        else:
            single = True
    return end


def _resumes(lines: list[Line], place: int, first: Line) -> bool:
    """Whether the line at `place` has its cells below those of the first row."""
    if place >= len(lines) or lines[place].table is not None:
        return False
    starts = [cell.left for cell in cells_of(first)]
    cells = cells_of(lines[place])
    below = sum(any(abs(cell.left - start) <= ALIGNED for start in starts) for cell in cells)
    return len(cells) >= 2 and below >= 0.6 * len(cells)


def cells_of(line: Line) -> list[Box]:
    """The parts of a line that wide gaps divide; the mark of a list item is no part of its own."""
    return [around(word.box for word in part) for part in _parts(line)]


def _parts(line: Line) -> list[list[Word]]:
    parts: list[list[Word]] = []
    for word in line.words:
        last = parts[-1] if parts else None
        if last and (word.box.left - last[-1].box.right < CELL_GAP * word.size or _is_mark(parts)):
            last.append(word)
        else:
            parts.append([word])
    return parts


def _is_mark(parts: list[list[Word]]) -> bool:
    return len(parts) == 1 and len(parts[0]) == 1 and _MARK.fullmatch(parts[0][0].text) is not None


def _table(lines: list[Line]) -> Line | None:
    """Rows and columns, unless their parts do not stand below each other."""
    columns = _columns([cells_of(line) for line in lines])
    if len(columns) < 2:
        return None
    rows = []
    for line in lines:
        row = [""] * len(columns)
        for part in _parts(line):
            box = around(word.box for word in part)
            column = next(place for place, interval in enumerate(columns) if _meet(box, interval))
            row[column] = " ".join(filter(None, (row[column], *(word.text for word in part))))
        rows.append(row)
    if sum(sum(map(bool, row)) >= 2 for row in rows) < 2:
        return None
    return Line([word for line in lines for word in line.words], rows, around(line.box for line in lines))


def _columns(rows: list[list[Box]]) -> list[tuple[float, float]]:
    """Intervals from left to right. Narrow parts make the columns, a part across several belongs to the first.

    Columns that are never filled in one row and that a wider part joins are one: numbers below a word, say.
    """
    columns: list[tuple[float, float]] = []
    for box in sorted((box for row in rows for box in row), key=lambda box: box.width):
        met = [column for column in columns if _meet(box, column)]
        if len(met) > 1 and any(
            sum(_meet(cell, column) for column in met for cell in row) > 1 for row in rows if box not in row
        ):
            continue
        columns = [column for column in columns if column not in met]
        columns.append((min([box.left, *(left for left, _ in met)]), max([box.right, *(right for _, right in met)])))
    return sorted(columns)


def _meet(box: Box, interval: tuple[float, float]) -> bool:
    return box.left < interval[1] and interval[0] < box.right
