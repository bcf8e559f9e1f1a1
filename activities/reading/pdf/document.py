"""One document: its pages one after the other, and what is told of it."""

import ctypes
import re
from collections import Counter
from dataclasses import dataclass, field

import pypdfium2 as pdfium
from pypdfium2 import raw

from activities.reading.clean import clean
from activities.reading.markdown import Markdown
from activities.reading.pdf.aligned import with_tables
from activities.reading.pdf.columns import in_reading_order
from activities.reading.pdf.geometry import Box, Line, Matrix, Word
from activities.reading.pdf.prose import Prose, rounded
from activities.reading.pdf.rulings import ruled_tables, rulings_of
from activities.reading.pdf.sight import Sight
from activities.reading.pdf.words import Drawn, drawn_words, lines_of
from activities.reading.port import Limits, Reading, Reason, UnreadableError

MEDIA_TYPE = "application/pdf"
PAGES_NAMED = 20
MARGIN = 0.09
"""Part of a page's height, above and below, in which running titles and page numbers stand."""
REPEATED = 3
"""Pages from which a line in the margin is the document's and not the page's."""


@dataclass
class Page:
    """What a page says. `silent` pages have no text that can be seen."""

    height: float
    lines: list[Line] = field(default_factory=list)
    hidden: bool = False
    silent: bool = False


def read_pdf(data: bytes, limits: Limits) -> Reading:
    """Read a document. Pages are drawn to tell what can be seen on them (see sight.py)."""
    document = _opened(data)
    count = len(document)
    if count > limits.pages:
        raise UnreadableError(Reason.TOO_MANY_PAGES, f"The document has more than {limits.pages} pages. Split it.")
    pages, letters = [], 0
    for index in range(count):
        page = _read_page(document, index)
        letters += sum(len(word.text) for line in page.lines for word in line.words)
        if letters > limits.characters:
            raise UnreadableError(Reason.TOO_LARGE, "The document has more text than one file may. Split it.")
        pages.append(page)
    silent = [number for number, page in enumerate(pages, start=1) if page.silent]
    if len(silent) == count:
        raise UnreadableError(
            Reason.NO_TEXT,
            "No page has text that can be read, so this is a scan or a picture. Run text recognition and add its result.",
        )
    out = Markdown(limits.characters)
    sizes = Counter[float]()
    for word in (word for page in pages for line in page.lines for word in line.words):
        sizes[rounded(word.size)] += len(word.text)
    prose = Prose(out, sizes)
    _drop_running_titles(pages)
    for page in pages:
        prose.write(page.lines)
    return Reading(str(out), MEDIA_TYPE, out.title, count, tuple(_notes(pages, silent)))


def _opened(data: bytes) -> pdfium.PdfDocument:
    try:
        document = pdfium.PdfDocument(data)
        if len(document):
            return document
    except pdfium.PdfiumError:
        if raw.FPDF_GetLastError() == raw.FPDF_ERR_PASSWORD:
            raise UnreadableError(
                Reason.ENCRYPTED, "The document is protected by a password. Save it without one."
            ) from None
    raise UnreadableError(Reason.DAMAGED, "The document is damaged. Export it anew from where it was made.")


def _read_page(document: pdfium.PdfDocument, index: int) -> Page:
    try:
        page = document[index]
    except pdfium.PdfiumError:
        return Page(0, silent=True)
    try:
        width, height = page.get_size()
        shown = _shown(page)
        text_page = page.get_textpage()
        drawn = list(drawn_words(text_page.raw, shown))
        seen, turned = _seen(page, drawn, Box(0, 0, width, height))
        tables, loose = ruled_tables(rulings_of(page.raw, shown), seen)
        lines = sorted(
            [*lines_of(loose), *tables], key=lambda line: line.box.middle[1] if not line.table else line.box.top
        )
        ordered = with_tables(in_reading_order(lines))
        return Page(
            height,
            [*ordered, *([Line(turned)] if turned else [])],
            hidden=len(seen) + len(turned) < len(drawn),
            silent=not seen and not turned,
        )
    finally:
        page.close()


def _shown(page: pdfium.PdfPage) -> Matrix:
    """From the page's own coordinates to points from the top left of what is shown."""
    fine = 100
    width, height = (round(side * fine) for side in page.get_size())
    x, y = ctypes.c_int(), ctypes.c_int()
    corners = []
    for corner in ((0, 0), (fine, 0), (0, fine)):
        raw.FPDF_PageToDevice(page.raw, 0, 0, width, height, 0, *corner, x, y)
        corners.append((x.value / fine, y.value / fine))
    (e, f), (right, right_y), (up, up_y) = corners
    return Matrix((right - e) / fine, (right_y - f) / fine, (up - e) / fine, (up_y - f) / fine, e, f)


def _seen(page: pdfium.PdfPage, drawn: list[Drawn], frame: Box) -> tuple[list[Word], list[Word]]:
    """The words that can be seen: those that stand upright, and those that are turned."""
    if not drawn:
        return [], []
    sight = Sight.of(page, [word.ink.handle for word in drawn])
    upright: list[Word] = []
    turned: list[Word] = []
    for word in drawn:
        if frame.contains(word.box.middle) and sight.shows(word):
            (upright if word.ink.upright else turned).append(Word(clean(word.text), word.box, word.size))
    return upright, turned


def _drop_running_titles(pages: list[Page]) -> None:
    """Leave out what stands in the margin of many pages, but for its number."""

    def key(page: Page, line: Line) -> str | None:
        height = line.box.middle[1]
        if line.table is not None or MARGIN * page.height < height < (1 - MARGIN) * page.height:
            return None
        return re.sub(r"\d+", "0", line.text)

    counts = Counter(name for page in pages for name in {key(page, line) for line in page.lines})
    often = max(REPEATED, len(pages) // 2)
    for page in pages:
        own = [line for line in page.lines if (name := key(page, line)) is None or counts[name] < often]
        page.lines = own or page.lines


def _notes(pages: list[Page], silent: list[int]) -> list[str]:
    notes = []
    if silent:
        named = ", ".join(map(str, silent[:PAGES_NAMED])) + (", …" if len(silent) > PAGES_NAMED else "")
        notes.append(f"{len(silent)} of {len(pages)} pages have no text layer: {named}")
    if any(page.hidden for page in pages):
        notes.append("hidden text left out")
    return notes
