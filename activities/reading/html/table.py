"""The cells of one table while it is read."""

from dataclasses import dataclass, field

MAX_SPAN = 50


@dataclass
class Table:
    """Rows grow cell by cell. A cell that spans rows stands in each, so that every row says what it is about."""

    rows: list[list[str]] = field(default_factory=list)
    _below: dict[int, tuple[int, str]] = field(default_factory=dict)  # by column: rows yet to be spanned, and the text

    def begin_row(self) -> None:
        """A new row, with what hangs into it from above."""
        self.rows.append([])
        self._fill()

    def cell(self, text: str, columns: int, rows: int) -> None:
        """Add a cell of inline Markdown that spans so many columns and rows."""
        if not self.rows:
            self.begin_row()
        row = self.rows[-1]
        for place in range(min(max(columns, 1), MAX_SPAN)):
            if rows > 1:
                self._below[len(row)] = (min(rows, MAX_SPAN) - 1, text if place == 0 else "")
            row.append(text if place == 0 else "")
        self._fill()

    def _fill(self) -> None:
        row = self.rows[-1]
        while (hanging := self._below.get(len(row))) is not None:
            left, text = hanging
            if left > 1:
                self._below[len(row)] = (left - 1, text)
            else:
                del self._below[len(row)]
            row.append(text)


def span(value: str | None) -> int:
    """`colspan` and `rowspan` as a number; nonsense is 1."""
    return int(value) if value and value.isascii() and value.isdigit() and len(value) < 6 else 1
