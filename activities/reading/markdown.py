"""Writes Markdown: blocks inside lists and quotes, tables, and inline text that means what it says."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from activities.reading.clean import clean
from activities.reading.port import Reason, UnreadableError

MAX_NESTING = 8
"""Deeper lists and quotes are written at this depth: nobody reads them, and indentation would grow without end."""
MAX_COLUMNS = 200

_MARKUP = re.compile(
    r"""\\(?=[!-/:-@\[-`{-~])   # a backslash that would escape
    | `
    | \*(?=\S) | (?<=\S)\*
    | (?<!\w)_(?=\S) | (?<=\S)_(?!\w)
    | \](?=[(\[:])              # the middle of a link
    | &(?=\#?\w+;)
    | ~(?=~)
    | <(?=[a-zA-Z/!?])""",
    re.VERBOSE,
)
_BLOCK_START = re.compile(
    r"""(\d{1,9})(?=[.)](?:\s|$)) | (?=\#{1,6}(?:\s|$) | [-+*](?:\s|$) | -- | =+$ | > | ~~~ | \|)""", re.VERBOSE
)
_SPACE = re.compile(r"[ \t\xa0\u2000-\u200a\u202f\u3000]+")
_HARD_BREAK = "  \n"


def escaped(text: str) -> str:
    """Text whose signs mean nothing: `*` is a star. Blanks are single."""
    return _MARKUP.sub(lambda sign: "\\" + sign.group(), _SPACE.sub(" ", clean(text)))


def link(text: str, address: str) -> str:
    """A link, if the address leads somewhere from everywhere; else its text. `text` is inline Markdown."""
    address = clean(address).strip()
    if not text.strip() or not re.match(r"(?i)(https?://|mailto:|tel:)[^\s<>]+$", address) or len(address) > 2_000:
        return text
    address = address.replace("(", "%28").replace(")", "%29").replace("\\", "%5C")
    return f"[{' '.join(text.split())}]({address})"


@dataclass
class _Level:
    """A list item or a quote: what its first line starts with, and its other ones."""

    mark: str
    rest: str
    begun: bool = False


class Markdown:
    """A document that grows block by block. Raises UnreadableError once it is longer than `characters`.

    What the methods take is inline Markdown (see `escaped`), where a newline is a line of its own.
    """

    def __init__(self, characters: int):
        self._left = characters
        self._parts: list[str] = []
        self._levels: list[_Level] = []
        self._last_mark = ""  # of the list item that was written last, unless something else followed
        self.title: str | None = None

    def __str__(self) -> str:
        return "".join(self._parts) + "\n" if self._parts else ""

    def __bool__(self) -> bool:
        return bool(self._parts)

    def heading(self, level: int, text: str) -> None:
        """A heading; the first one is the document's title."""
        if text := " ".join(text.split()):
            self.title = self.title or text
            self._block("#" * min(level, 6) + " " + text)

    def paragraph(self, text: str) -> None:
        """Lines that are kept apart, unless they are empty."""
        lines = [line for line in (line.strip() for line in text.split("\n")) if line]
        self._block(_HARD_BREAK.join(map(_disarmed, lines)))

    def code(self, text: str, language: str = "") -> None:
        """A block that is kept as it is."""
        text = clean(text).strip("\n")
        if text.strip():
            fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
            self._block(f"{fence}{language}\n{text}\n{fence}")

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """A table whose first row names the columns. Empty rows and columns are left out; one column is paragraphs."""
        filled = [[_cell(cell) for cell in row[:MAX_COLUMNS]] for row in rows if any(cell.strip() for cell in row)]
        width = max(map(len, filled), default=0)
        used = [column for column in range(width) if any(column < len(row) and row[column] for row in filled)]
        if len(used) < 2:
            for row in filled:
                self.paragraph("\n".join(row))
            return
        head, *body = [[row[column] if column < len(row) else "" for column in used] for row in filled]
        self._block("\n".join(map(_row, (head, ["---"] * len(used), *body))))

    @contextmanager
    def item(self, mark: str) -> Iterator[None]:
        """What is written inside belongs to one list item; `mark` is "-" or "1."."""
        with self._inside(mark + " ", " " * (len(mark) + 1)):
            yield

    @contextmanager
    def quote(self) -> Iterator[None]:
        """What is written inside is quoted."""
        with self._inside("> ", "> "):
            yield

    @contextmanager
    def _inside(self, first: str, later: str) -> Iterator[None]:
        self.open(first, later)
        try:
            yield
        finally:
            self.close()

    def open(self, first: str, later: str) -> None:
        """Begin an item or a quote that `close` ends."""
        self._levels.append(_Level(first, later))

    def close(self) -> None:
        """End what was opened last."""
        self._levels.pop()

    def _block(self, text: str) -> None:
        if not text:
            return
        levels = self._levels[:MAX_NESTING]
        marks = [level.mark for level in levels if not level.begun and level.rest.isspace()]
        start = "".join(level.rest if level.begun else level.mark for level in levels)
        above = "".join(level.rest for level in levels if level.begun).rstrip()
        rest = "".join(level.rest for level in levels)
        # A list of another kind needs an empty line before it, or it goes on with the text above.
        goes_on = bool(marks and self._last_mark) and marks[-1][0].isdigit() == self._last_mark[0].isdigit()
        gap = "" if not self._parts else "\n" if goes_on else f"\n{above}\n"
        in_list = any(level.rest.isspace() for level in levels)
        self._last_mark = (marks or [self._last_mark])[-1] if in_list else ""
        for level in levels:
            level.begun = True
        block = gap + start + text.replace("\n", "\n" + rest)
        self._left -= len(block)
        if self._left < 0:
            raise UnreadableError(Reason.TOO_LARGE, "The file has more text than one file may. Split it.")
        self._parts.append(block)


def _disarmed(line: str) -> str:
    """A line that begins no heading, list, quote or table."""
    start = _BLOCK_START.match(line)
    return line if start is None else f"{start[1] or ''}\\{line[start.end() :]}"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
