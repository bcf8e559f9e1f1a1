"""One page: from the tree of its elements to Markdown, without what a visitor does not see."""

import re
from collections.abc import Iterator
from urllib.parse import urljoin

from selectolax.lexbor import LexborHTMLParser, LexborNode

from activities.reading.clean import clean
from activities.reading.html.boilerplate import heart, is_boilerplate
from activities.reading.html.style import Paint, declarations, hides, is_seen, painted, sheet
from activities.reading.html.table import Table, span
from activities.reading.markdown import Markdown, escaped, link
from activities.reading.port import Limits, Reading, Reason, UnreadableError

MAX_DEPTH = 2_000
"""Parsing time grows with the square of the depth. Pages that people make stay below a hundred."""

SKIPPED = {
    *("head", "script", "style", "template", "noscript", "svg", "math", "canvas", "iframe", "frame", "object", "embed"),
    *("audio", "video", "map", "select", "datalist", "textarea", "input", "progress", "meter"),
}
BLOCKS = {
    *("address", "article", "aside", "body", "caption", "center", "dd", "details", "dialog", "div", "dl", "dt"),
    *("fieldset", "figcaption", "figure", "footer", "form", "header", "hr", "html", "legend", "main", "nav", "p"),
    *("section", "summary", "tbody", "tfoot", "thead"),
}
HEADINGS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
HIDDEN = "hidden text left out"

_NESTING = re.compile(
    r"<(/?)(?:div|span|section|article|table|ul|ol|dl|blockquote|font|center|form|a|b|i)\b", re.IGNORECASE
)


def read_html(text: str, limits: Limits, *, whole: bool = False) -> Reading:
    """Read a page; without its boilerplate unless `whole`, or unless nothing would be left."""
    page = parsed(text)
    writer = _Writer(page, limits, whole=whole)
    if not writer.out and not whole:
        writer = _Writer(page, limits, whole=True)
    named = page.css_first("head title")
    title = " ".join(clean(named.text(deep=True)).split()) if named else ""
    return Reading(str(writer.out), "text/html", title or writer.out.title, notes=writer.notes())


def parsed(text: str) -> LexborHTMLParser:
    """The tree of a page's elements. Raises UnreadableError (DAMAGED) where making it would take too long."""
    if _depth(text) > MAX_DEPTH:
        raise UnreadableError(Reason.DAMAGED, "The page is nested deeper than any browser shows. Save it anew.")
    return LexborHTMLParser(text)


def _depth(text: str) -> int:
    depth = deepest = 0
    for tag in _NESTING.finditer(text):
        depth = max(0, depth - 1) if tag[1] else depth + 1
        deepest = max(deepest, depth)
    return deepest


class _Writer:
    """Walks the tree once. Inline text gathers until a block ends, then it is written, into a cell if in a table."""

    def __init__(self, page: LexborHTMLParser, limits: Limits, *, whole: bool):
        self.out = Markdown(limits.characters)
        self._whole = whole
        self._base = _address(page)
        self._sheet = sheet(page)
        self._line: list[str] = []
        self._paints = [Paint()]
        self._links: list[tuple[int, str]] = []
        self._lists: list[int | None] = []  # the next number, None in a list of bullets
        self._tables: list[tuple[Table, list[str]]] = []  # with the inline text around the cell
        self._verbatim = 0  # within how many `pre` and `code`
        self._hidden = self._images = 0
        root = page.body or page.root if whole else heart(page)
        if root is not None:
            for entering, node in self._walk(root):
                if entering:
                    self._enter(node)
                else:
                    self._leave(node)
            self._flush()

    def notes(self) -> tuple[str, ...]:
        images = f"{self._images} images without text" if self._images > 1 else "1 image without text"
        return (*([HIDDEN] if self._hidden else []), *([images] if self._images else []))

    def _walk(self, root: LexborNode) -> Iterator[tuple[bool, LexborNode]]:
        """Every node that is shown, when it begins and when it ends. No recursion: depth is the page's choice."""
        waiting = [(True, root)]
        while waiting:
            entering, node = waiting.pop()
            if not entering:
                yield False, node
                self._paints.pop()
            elif node.is_text_node:
                yield True, node
            elif node.is_element_node and self._shown(node):
                yield True, node
                waiting.append((False, node))
                children = []
                child = node.child
                while child is not None:
                    children.append((True, child))
                    child = child.next
                waiting.extend(reversed(children))

    def _shown(self, node: LexborNode) -> bool:
        tag = node.tag or ""
        if tag in SKIPPED or (not self._whole and is_boilerplate(node)):
            return False
        attributes = node.attributes
        if tag == "button" and "aria-expanded" not in attributes and "aria-controls" not in attributes:
            return node.parent is not None and node.parent.tag in HEADINGS
        if tag == "dialog" and "open" not in attributes:
            return False
        styles = {**self._sheet.get(node.mem_id, {}), **declarations(attributes.get("style") or "")}
        if hides(node, styles):
            self._hidden += bool(node.text(deep=True).strip())
            return False
        above = self._paints[-1]
        if tag == "font" and attributes.get("color"):
            styles.setdefault("color", (attributes.get("color") or "").lower())
        if attributes.get("bgcolor"):
            styles.setdefault("background-color", (attributes.get("bgcolor") or "").lower())
        self._paints.append(painted(above, styles) if styles else above)
        return True

    def _enter(self, node: LexborNode) -> None:
        tag = node.tag or ""
        if node.is_text_node:
            self._text(node.text_content or "")
        elif tag in BLOCKS or tag in HEADINGS:
            self._flush()
        elif tag == "br":
            self._line.append("\n")
        elif tag == "img":
            self._images += 1
        elif tag == "a":
            self._links.append((len(self._line), node.attributes.get("href") or ""))
        elif tag in ("pre", "code", "kbd", "samp"):
            if tag == "pre":
                self._flush()
            self._verbatim += 1
            self._links.append((len(self._line), ""))
        elif tag == "table":
            self._flush()
            if not self._is_layout(node):
                self._tables.append((Table(), []))
        elif self._tables and tag in ("tr", "td", "th"):
            self._enter_row_or_cell(tag)
        elif not self._tables:
            self._enter_container(node, tag)

    def _enter_row_or_cell(self, tag: str) -> None:
        table, _ = self._tables[-1]
        if tag == "tr":
            table.begin_row()
        else:
            self._tables[-1] = (table, self._line)
            self._line = []

    def _enter_container(self, node: LexborNode, tag: str) -> None:
        if tag in ("ul", "ol", "menu"):
            self._flush()
            self._lists.append(span(node.attributes.get("start")) if tag == "ol" else None)
        elif tag == "li":
            self._flush()
            number = self._lists[-1] if self._lists else None
            if number is not None:
                self._lists[-1] = number + 1
            mark = "- " if number is None else f"{number}. "
            self.out.open(mark, " " * len(mark))
        elif tag == "blockquote":
            self._flush()
            self.out.open("> ", "> ")
        elif tag in ("tr", "td", "th"):  # of a table that only places things
            self._flush()

    def _leave(self, node: LexborNode) -> None:
        tag = node.tag or ""
        if tag in HEADINGS and not self._tables:
            self.out.heading(HEADINGS[tag], self._taken())
        elif tag in BLOCKS or tag in HEADINGS:
            self._flush()
        elif tag == "a":
            start, address = self._links.pop()
            text = "".join(self._line[start:])
            if not self._verbatim:
                self._line[start:] = [_around(text, link(text.strip(), urljoin(self._base, address)))]
        elif tag in ("pre", "code", "kbd", "samp"):
            self._leave_verbatim(tag)
        elif tag == "table" and self._tables and not self._is_layout(node):
            self._leave_table()
        elif self._tables and tag in ("td", "th"):
            table, around = self._tables[-1]
            attributes = node.attributes
            table.cell(self._taken(), span(attributes.get("colspan")), span(attributes.get("rowspan")))
            self._line = around
        elif not self._tables and tag in ("ul", "ol", "menu", "li", "blockquote", "tr", "td", "th"):
            self._flush()
            if tag in ("ul", "ol", "menu"):
                self._lists.pop()
            elif tag in ("li", "blockquote"):
                self.out.close()

    def _leave_verbatim(self, tag: str) -> None:
        start, _ = self._links.pop()
        self._verbatim -= 1
        text = "".join(self._line[start:])
        if tag == "pre" and not self._tables:
            del self._line[start:]
            self.out.code(text)
        elif not self._verbatim and text.strip():
            fence = "``" if "`" in text else "`"
            self._line[start:] = [_around(text, f"{fence}{' '.join(clean(text).split())}{fence}")]

    def _leave_table(self) -> None:
        table, _ = self._tables.pop()
        if self._tables:
            self._line.append(" ".join(cell for row in table.rows for cell in row))
        else:
            self.out.table(table.rows)

    def _text(self, text: str) -> None:
        if not is_seen(self._paints[-1]) and text.strip():
            self._hidden += 1
        elif self._verbatim:
            self._line.append(text)
        else:
            self._line.append(escaped(re.sub(r"\s+", " ", text)))

    def _flush(self) -> None:
        """What has gathered is a paragraph; in a cell it goes on, after a blank."""
        if self._tables or self._verbatim:
            self._line.append(" ")
        elif text := self._taken():
            self.out.paragraph(text)

    def _taken(self) -> str:
        lines = "".join(self._line).split("\n")
        self._line = []
        self._links = [(0, address) for _, address in self._links]
        return "\n".join(" ".join(line.split()) for line in lines).strip()

    @staticmethod
    def _is_layout(node: LexborNode) -> bool:
        """Whether a table places things on the page instead of saying something by its rows and columns."""
        return node.attributes.get("role") == "presentation" or any(
            inner.mem_id != node.mem_id for inner in node.css("table, h1, h2, h3, form")
        )


def _address(page: LexborHTMLParser) -> str:
    """Where the page says that it is, for links that are relative to it."""
    node = page.css_first("base[href]") or page.css_first("link[rel=canonical]")
    return (node.attributes.get("href") or "") if node else ""


def _around(text: str, inner: str) -> str:
    """`inner` with the blanks that were around `text`."""
    return " " * text[:1].isspace() + inner + " " * text[-1:].isspace()
