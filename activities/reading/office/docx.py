"""DOCX: what is on the page, without what was deleted, hidden or only remarked."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from activities.reading.markdown import Markdown, escaped, link
from activities.reading.office.package import Package
from activities.reading.office.styles import Look, Numbering, Styles, is_on
from activities.reading.port import Limits, Reading

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
MAX_LEVEL = 8

_TRANSPARENT = {
    *("sdt", "sdtContent", "customXml", "smartTag", "ins", "moveTo", "fldSimple", "dir", "bdo", "oMath", "oMathPara"),
    *("AlternateContent", "Choice"),  # not Fallback, which says the same for older programs
}
_DELETED = {"del", "moveFrom"}


def read_docx(package: Package, main: str, root: Element, limits: Limits) -> Reading:
    """Read a document whose main part is `main`, parsed as `root`."""
    writer = _Writer(package, main, limits)
    body = root.find("body")
    if body is not None:
        writer.blocks(body, Look())
    return Reading(str(writer.out), MEDIA_TYPE, writer.out.title, notes=writer.notes())


class _Writer:
    def __init__(self, package: Package, main: str, limits: Limits):
        self.out = Markdown(limits.characters)
        self._links = {key: to.target for key, to in package.relationships(main).items() if to.external}
        self._styles = Styles(package.tree(package.related(main, "styles")))
        self._numbering = Numbering(package.tree(package.related(main, "numbering")))
        self._footnotes = {
            kind: {note.get("id", ""): note for note in package.tree(package.related(main, f"{kind}s")).iter(kind)}
            for kind in ("footnote", "endnote")
        }
        self._counts: dict[tuple[str, int], int] = {}
        self._marks: list[str] = []  # of the list item at hand and of those that it is in
        self._boxes: list[Element] = []  # text boxes of the paragraph at hand
        self._hidden = self._deleted = False
        self._images = 0

    def notes(self) -> tuple[str, ...]:
        images = f"{self._images} images without text" if self._images > 1 else "1 image without text"
        return (
            *(["hidden text left out"] if self._hidden else []),
            *(["deleted text left out"] if self._deleted else []),
            *([images] if self._images else []),
        )

    def blocks(self, container: Element, ground: Look) -> None:
        """Write paragraphs and tables, on a ground that may be shaded."""
        for element in self._present(container):
            if element.tag == "p":
                self._paragraph(element, ground)
            elif element.tag == "tbl":
                self.out.table(list(self._rows(element, ground)))

    def _present(self, container: Element) -> Iterator[Element]:
        """The children, through what only groups them, and without what was deleted."""
        for element in container:
            if element.tag in _DELETED:
                self._deleted |= any(text.text for text in element.iter() if text.tag in ("t", "delText"))
            elif element.tag in _TRANSPARENT:
                yield from self._present(element)
            else:
                yield element

    def _paragraph(self, paragraph: Element, ground: Look) -> None:
        properties = paragraph.find("pPr")
        style = _value(properties, "pStyle")
        text = self._inline(paragraph, ground)
        boxes, self._boxes = self._boxes, []
        level = self._styles.heading(style)
        numbering = properties.find("numPr") if properties is not None else None
        if numbering is None:
            numbering = self._styles.numbering(style)
        if text.strip() and level is not None:
            self.out.heading(level, text)
        elif text.strip() and numbering is not None and _value(numbering, "numId") not in ("", "0"):
            self._item(_value(numbering, "numId"), _value(numbering, "ilvl"), text)
        else:
            self.out.paragraph(text)
        for box in boxes:
            self.blocks(box, ground)

    def _item(self, number: str, level_text: str, text: str) -> None:
        level = min(int(level_text) if level_text.isdigit() else 0, MAX_LEVEL)
        count = self._counts[number, level] = self._counts.get((number, level), 0) + 1
        for key in [key for key in self._counts if key[0] == number and key[1] > level]:
            del self._counts[key]
        mark = "-" if self._numbering.has_bullets(number, level) else f"{count}."
        self._marks = [*self._marks[:level], mark]
        for above in self._marks[:-1]:
            indent = " " * (len(above) + 1)
            self.out.open(indent, indent)
        with self.out.item(mark):
            self.out.paragraph(text)
        for _ in self._marks[:-1]:
            self.out.close()

    def _rows(self, table: Element, ground: Look) -> Iterator[list[str]]:
        if self._styles.shades(_value(table.find("tblPr"), "tblStyle")):
            ground = Look(shaded=True)
        above: list[str] = []
        for row in self._present(table):
            properties = row.find("trPr")
            if row.tag != "tr" or (properties is not None and properties.find("del") is not None):
                continue
            if properties is not None and is_on(properties.find("hidden")):
                self._hidden = True
                continue
            cells: list[str] = []
            for cell in (cell for cell in self._present(row) if cell.tag == "tc"):
                about = cell.find("tcPr")
                merged = about.find("vMerge") if about is not None else None
                if merged is not None and merged.get("val", "continue") == "continue":
                    cells.append(above[len(cells)] if len(cells) < len(above) else "")
                else:
                    cells.append(self._cell(cell, ground.under(about)))
                span = _value(about, "gridSpan")
                cells.extend([""] * (min(int(span), 50) - 1 if span.isdigit() else 0))
            above = cells
            yield cells

    def _cell(self, cell: Element, ground: Look) -> str:
        parts = []
        for element in self._present(cell):
            if element.tag == "p":
                parts.append(self._inline(element, ground))
            elif element.tag == "tbl":
                parts.extend(" ".join(row) for row in self._rows(element, ground))
        while self._boxes:
            parts.append(self._cell(self._boxes.pop(0), ground))
        return " ".join(filter(None, parts))

    def _inline(self, paragraph: Element, ground: Look) -> str:
        properties = paragraph.find("pPr")
        look = self._styles.look(_value(properties, "pStyle"), ground).under(properties)
        return self._runs(paragraph, look)

    def _runs(self, container: Element, look: Look) -> str:
        parts = []
        for element in self._present(container):
            if element.tag == "r":
                parts.append(self._run(element, look))
            elif element.tag == "hyperlink":
                address = self._links.get(element.get("r:id", ""), "")
                parts.append(link(self._runs(element, look), address))
        return "".join(parts)

    def _run(self, run: Element, look: Look) -> str:
        properties = run.find("rPr")
        look = self._styles.refined(look, _value(properties, "rStyle")).under(properties)
        parts = []
        for element in self._present(run):
            match element.tag:
                case "t":
                    parts.append(escaped(element.text or ""))
                case "tab":
                    parts.append(" ")
                case "br" | "cr":
                    parts.append("\n")
                case "noBreakHyphen":
                    parts.append("-")
                case "drawing" | "pict" | "object":
                    self._images += any(part.tag in ("blip", "imagedata") for part in element.iter())
                    self._boxes.extend(element.iter("txbxContent"))
                case "footnoteReference" | "endnoteReference":
                    parts.append(self._footnote(element.tag.removesuffix("Reference"), element.get("id", "")))
                case _:
                    pass
        text = "".join(parts)
        if look.hidden:
            self._hidden |= bool(text.strip())
            return ""
        return text

    def _footnote(self, kind: str, key: str) -> str:
        """A footnote stands where it is referred to, in brackets: apart from its sentence it says nothing."""
        note = self._footnotes[kind].pop(key, None)
        text = "" if note is None else " ".join(self._runs(p, Look()) for p in note.iter("p")).strip()
        return f" ({text})" if text else ""


def _value(element: Element | None, path: str) -> str:
    found = None if element is None else element.find(path)
    return "" if found is None else found.get("val", "")
