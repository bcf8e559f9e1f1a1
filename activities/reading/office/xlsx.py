"""XLSX: each sheet that can be seen is a heading and its tables."""

from dataclasses import dataclass, field
from itertools import groupby
from xml.etree.ElementTree import Element

from activities.reading.delimited import write_table
from activities.reading.markdown import MAX_COLUMNS, Markdown, escaped
from activities.reading.office.number_format import BUILT_IN, hides, shown
from activities.reading.office.package import Package, Target
from activities.reading.office.styles import is_white
from activities.reading.port import Limits, Reading, Reason, UnreadableError

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MAX_COLUMN = 16_384


@dataclass
class Row:
    """The cells of a row that are not empty, by column, both counted from one."""

    number: int
    cells: dict[int, str] = field(default_factory=dict)

    @property
    def extent(self) -> tuple[int, int]:
        return min(self.cells), max(self.cells)


def read_xlsx(package: Package, main: str, book: Element, limits: Limits) -> Reading:
    """Read a workbook whose main part is `main`, parsed as `book`."""
    parts = package.relationships(main)
    strings = _Strings(limits.characters * 4)
    if (shared := package.related(main, "sharedStrings")) in package:
        package.feed(shared, strings)
    formats = _Formats(package.tree(package.related(main, "styles")))
    properties = book.find("workbookPr")
    epoch_1904 = properties is not None and properties.get("date1904") in ("1", "true")
    sheets = list(book.iter("sheet"))
    seen = [sheet for sheet in sheets if sheet.get("state", "visible") == "visible"]
    if len(sheets) > limits.pages:
        raise UnreadableError(Reason.TOO_MANY_PAGES, f"The workbook has more than {limits.pages} sheets. Split it.")
    out = Markdown(limits.characters)
    hidden = len(seen) < len(sheets)
    for sheet in seen:
        to = parts.get(sheet.get("r:id", ""))
        if to is None or to.external or to.target not in package:
            continue
        read = _Sheet(strings.texts, formats, limits.characters, epoch_1904=epoch_1904)
        package.feed(to.target, read)
        hidden |= read.hidden
        if read.rows:
            out.heading(2, escaped(sheet.get("name", "")))
            for table in _tables(read.rows):
                _write(out, table)
    return Reading(str(out), MEDIA_TYPE, out.title, len(seen), ("hidden sheets, rows or cells left out",) * hidden)


def _tables(rows: list[Row]) -> list[list[Row]]:
    """Empty rows divide tables if what follows them stands in other columns."""
    tables = [[rows[0]]]
    for row in rows[1:]:
        last = tables[-1][-1]
        if row.number > last.number + 1 and row.extent != last.extent:
            tables.append([])
        tables[-1].append(row)
    return tables


def _write(out: Markdown, rows: list[Row]) -> None:
    """Rows of one cell above a table are its title."""
    wide = next((place for place, row in enumerate(rows) if len(row.cells) > 1), len(rows))
    for row in rows[:wide]:
        out.paragraph("\n".join(escaped(line) for text in row.cells.values() for line in text.split("\n")))
    if table := rows[wide:]:
        columns = sorted({column for row in table for column in row.cells})[:MAX_COLUMNS]
        write_table(out, [[row.cells.get(column, "") for column in columns] for row in table])


class _Strings(Target):
    """The strings that cells share. `characters` bounds them all together."""

    def __init__(self, characters: int):
        self.texts: list[str] = []
        self._left = characters
        self._parts: list[str] | None = None
        self._phonetic = 0

    def begin(self, tag: str, _: dict[str, str], /) -> None:
        if tag == "si":
            self.texts.append("")
        elif tag == "rPh":
            self._phonetic += 1
        elif tag == "t" and not self._phonetic:
            self._parts = []

    def data(self, text: str) -> None:
        if self._parts is not None:
            self._parts.append(text)

    def finish(self, tag: str) -> None:
        if tag == "rPh":
            self._phonetic -= 1
        elif tag == "t" and self._parts is not None and self.texts:
            text = "".join(self._parts)
            self._parts = None
            self._left -= len(text)
            if self._left < 0:
                raise UnreadableError(Reason.TOO_LARGE, "The workbook has more text than one file may. Split it.")
            self.texts[-1] += text


class _Formats:
    """By number of a cell's style: how it shows numbers, and whether it shows anything."""

    def __init__(self, root: Element):
        custom = {form.get("numFmtId", ""): form.get("formatCode", "") for form in root.iter("numFmt")}
        white = [_is_white_font(font) for font in root.iterfind("fonts/font")]
        filled = [fill.find("patternFill[@patternType='solid']") is not None for fill in root.iterfind("fills/fill")]
        self.codes: list[str] = []
        self.hidden: list[bool] = []
        for style in root.iterfind("cellXfs/xf"):
            key = style.get("numFmtId", "0")
            code = custom.get(key) or BUILT_IN.get(int(key) if key.isdigit() else 0, "")
            unseen = _at(white, style.get("fontId")) and not _at(filled, style.get("fillId"))
            self.codes.append(code)
            self.hidden.append(unseen or hides(code))


class _Sheet(Target):
    """Reads a sheet cell by cell. The size that it declares is not believed, and no row is made for a gap."""

    def __init__(self, strings: list[str], formats: _Formats, characters: int, *, epoch_1904: bool):
        self.rows: list[Row] = []
        self.hidden = False
        self._strings = strings
        self._formats = formats
        self._left = characters
        self._epoch_1904 = epoch_1904
        self._hidden_columns: list[range] = []
        self._row = Row(0)
        self._row_hidden = False
        self._column = 0
        self._style = 0
        self._type = "n"
        self._parts: list[str] | None = None
        self._value = ""

    def begin(self, tag: str, attributes: dict[str, str], /) -> None:
        match tag:
            case "col" if attributes.get("hidden") in ("1", "true") or attributes.get("width") == "0":
                first, last = _number(attributes.get("min"), 1), _number(attributes.get("max"), MAX_COLUMN)
                self._hidden_columns.append(range(first, last + 1))
            case "row":
                self._row = Row(_number(attributes.get("r"), self._row.number + 1))
                self._row_hidden = attributes.get("hidden") in ("1", "true") or attributes.get("ht") == "0"
                self._column = 0
            case "c":
                self._column = _column(attributes.get("r", "")) or self._column + 1
                self._style = _number(attributes.get("s"), 0)
                self._type = attributes.get("t", "n")
                self._value = ""
            case "v" | "t":
                self._parts = []
            case _:
                pass

    def data(self, text: str) -> None:
        if self._parts is not None:
            self._parts.append(text)

    def finish(self, tag: str) -> None:
        if tag in ("v", "t") and self._parts is not None:
            self._value += "".join(self._parts)
            self._parts = None
        elif tag == "c" and self._value:
            self._add(self._text())
        elif tag == "row" and self._row.cells:
            self.rows.append(self._row)

    def _add(self, text: str) -> None:
        if not text.strip():
            return
        unseen = self._row_hidden or _at(self._formats.hidden, str(self._style))
        if unseen or any(self._column in columns for columns in self._hidden_columns):
            self.hidden = True
            return
        self._left -= len(text)
        if self._left < 0:
            raise UnreadableError(Reason.TOO_LARGE, "The workbook has more text than one file may. Split it.")
        self._row.cells[self._column] = text

    def _text(self) -> str:
        match self._type:
            case "s":
                place = _number(self._value, -1)
                return self._strings[place] if 0 <= place < len(self._strings) else ""
            case "b":
                return "TRUE" if self._value == "1" else "FALSE"
            case "n":
                code = self._formats.codes[self._style] if self._style < len(self._formats.codes) else ""
                return shown(self._value, code, epoch_1904=self._epoch_1904)
            case _:
                return self._value


def _column(reference: str) -> int:
    """The column of a reference as `AB12`, 0 if it is none."""
    letters = "".join(next((group for alpha, group in groupby(reference.upper(), str.isalpha) if alpha), ()))
    column = 0
    for letter in letters[:3]:
        column = column * 26 + ord(letter) - 64
    return column if 0 < column <= MAX_COLUMN else 0


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else otherwise


def _is_white_font(font: Element) -> bool:
    colour = font.find("color")
    return colour is not None and (colour.get("theme") == "0" or is_white(colour.get("rgb", "")[2:]))


def _at(flags: list[bool], place: str | None) -> bool:
    index = _number(place, -1)
    return 0 <= index < len(flags) and flags[index]
