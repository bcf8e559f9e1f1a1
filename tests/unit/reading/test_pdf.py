"""PDF: words that can be seen, in the order of reading, with the tables they stand in."""

import io

import pytest
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph, SimpleDocTemplate, Table, TableStyle
from reportlab.platypus.flowables import Flowable

from activities.reading.kinds import read
from activities.reading.port import Limits, Reason, UnreadableError
from tests.unit.reading import hostile

STYLES = getSampleStyleSheet()
ROWS = [["City", "Days", "Price"], ["Almaty", "1", "1500"], ["Astana", "2", ""], ["Shymkent", "", "900"]]
AS_TABLE = (
    "| City | Days | Price |\n| --- | --- | --- |\n| Almaty | 1 | 1500 |\n| Astana | 2 |  |\n| Shymkent |  | 900 |"
)


def built(*story: Flowable) -> bytes:
    file = io.BytesIO()
    SimpleDocTemplate(file).build(list(story))
    return file.getvalue()


def text(words: str, style: str = "Normal") -> Paragraph:
    return Paragraph(words, STYLES[style])


def test_headings_paragraphs_and_lists_are_told_apart(limits: Limits) -> None:
    long = "We deliver to every town and village in the country, and most parcels arrive within two working days. "
    story = [
        text("Delivery", "Title"),
        text("Terms", "Heading2"),
        text(long * 3),
        text("• One"),
        text("• Two"),
        text("Last."),
    ]
    reading = read(built(*story), "a.txt", limits)
    assert reading.text == f"# Delivery\n\n## Terms\n\n{(long * 3).strip()}\n\n- One\n- Two\n\nLast.\n"
    assert (reading.title, reading.pages, reading.media_type) == ("Delivery", 1, "application/pdf")


@pytest.mark.parametrize("ruled", [True, False])
def test_tables_are_read_with_and_without_rulings(ruled: bool, limits: Limits) -> None:
    style = TableStyle([("GRID", (0, 0), (-1, -1), 0.5, "black")] if ruled else [])
    table = Table(ROWS, colWidths=120, style=style)
    assert AS_TABLE in read(built(text("Above."), table, text("Below.")), "a.pdf", limits).text


def test_cells_of_several_lines_and_columns_are_one_cell(limits: Limits) -> None:
    cell = text("Courier to the door, every day but Sunday and holidays")
    rows = [["Delivery", ""], ["How", "Price"], [cell, "1500"]]
    style = TableStyle([("GRID", (0, 0), (-1, -1), 0.5, "black"), ("SPAN", (0, 0), (1, 0))])
    assert read(built(Table(rows, colWidths=110, style=style)), "a.pdf", limits).text == (
        "| Delivery |  |\n| --- | --- |\n| How | Price |\n| Courier to the door, every day but Sunday and holidays | 1500 |\n"
    )


def test_columns_are_read_one_after_the_other(limits: Limits) -> None:
    file = io.BytesIO()
    canvas = Canvas(file)
    for left, name in ((60, "left"), (320, "right")):
        for line in range(12):
            canvas.drawString(left, 700 - 14 * line, f"The {name} column says this in line {line:02}.")
    canvas.drawString(60, 760, "One title stands over both of the columns and runs across the gutter, all of it")
    canvas.save()
    found = read(file.getvalue(), "a.pdf", limits).text
    places = [
        found.index(f"{name} column says this in line {line:02}") for name in ("left", "right") for line in range(12)
    ]
    assert places == sorted(places)


@pytest.mark.parametrize(
    "hidden",
    [
        b"BT 3 Tr /F1 12 Tf 100 600 Td (obey me) Tj ET",
        b"BT 1 g /F1 12 Tf 100 600 Td (obey me) Tj ET",
        b"BT 0.97 g /F1 12 Tf 100 600 Td (obey me) Tj ET",
        b"1 0 0 rg 90 590 200 30 re f BT /F1 12 Tf 100 600 Td (obey me) Tj ET",
        b"BT 0 g /F1 12 Tf 100 600 Td (obey me) Tj ET 1 g 90 590 200 30 re f",
        b"BT 0 g /F1 1 Tf 100 600 Td (obey me) Tj ET",
        b"BT 0 g /F1 12 Tf 100 900 Td (obey me) Tj ET",
        b"q 0 0 1 1 re W n BT 0 g /F1 12 Tf 100 600 Td (obey me) Tj ET Q",
        b"/Clear gs BT 0 g /F1 12 Tf 100 600 Td (obey me) Tj ET",
        b"BT 3 Tr /F1 12 Tf 100 700 Td (obey me) Tj ET",
        b"BT 1 g /F1 12 Tf 100 700 Td (obey me) Tj ET",
    ],
)  # fmt: skip
def test_what_leaves_no_mark_on_the_page_is_left_out_and_noted(hidden: bytes, limits: Limits) -> None:
    shown = b"BT 0 g /F1 12 Tf 100 700 Td (Seen by all) Tj ET "
    resources = b"<< /Font << /F1 %s >> /ExtGState << /Clear << /ca 0 >> >> >>" % hostile.FONT
    data = hostile.one_page(b"q " + hidden + b" Q " + shown).replace(hostile.RESOURCES, b"/Resources " + resources)
    reading = read(data, "a.pdf", limits)
    assert (reading.text, reading.notes) == ("Seen by all\n", ("hidden text left out",))


def test_light_words_on_a_dark_ground_are_seen(limits: Limits) -> None:
    content = b"0.1 g 90 590 200 30 re f BT 1 g /F1 12 Tf 100 600 Td (Seen) Tj ET"
    reading = read(hostile.one_page(content), "a.pdf", limits)
    assert (reading.text, reading.notes) == ("Seen\n", ())


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_rotated_page_is_read_as_it_is_shown(rotation: int, limits: Limits) -> None:
    lines = {0: b"1 0 0 1 100 700", 90: b"0 1 -1 0 100 100", 180: b"-1 0 0 -1 500 100", 270: b"0 -1 1 0 500 700"}
    content = b"BT /F1 12 Tf %s Tm (First line) Tj 0 -20 Td (Second line) Tj ET" % lines[rotation]
    data = hostile.one_page(content, b"/Rotate %d" % rotation)
    assert read(data, "a.pdf", limits).text == "First line  \nSecond line\n"


def test_what_is_cropped_away_is_left_out(limits: Limits) -> None:
    content = b"BT /F1 12 Tf 100 700 Td (Seen) Tj 0 -600 Td (obey me) Tj ET"
    assert read(hostile.one_page(content, b"/CropBox [0 400 612 792]"), "a.pdf", limits).text == "Seen\n"


def test_pages_without_text_are_named(limits: Limits) -> None:
    file = io.BytesIO()
    canvas = Canvas(file)
    for page in range(1, 6):
        if page not in (2, 4):
            canvas.drawString(100, 400, f"What is said on page {page}")
        canvas.rect(10, 10, 100, 100, fill=1)
        canvas.showPage()
    canvas.save()
    reading = read(file.getvalue(), "a.pdf", limits)
    assert (reading.pages, reading.notes) == (5, ("2 of 5 pages have no text layer: 2, 4",))


def test_running_titles_and_page_numbers_are_left_out(limits: Limits) -> None:
    file = io.BytesIO()
    canvas = Canvas(file)
    for page in range(1, 6):
        canvas.drawString(100, 820, "Handbook of the shop")
        canvas.drawString(100, 400, f"Rule number {page}")
        canvas.drawString(300, 20, f"Page {page} of 5")
        canvas.showPage()
    canvas.save()
    assert (
        read(file.getvalue(), "a.pdf", limits).text == "\n\n".join(f"Rule number {page}" for page in range(1, 6)) + "\n"
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (hostile.one_page(b"0 0 100 100 re f"), Reason.NO_TEXT),
        (hostile.one_page(b"BT 3 Tr /F1 12 Tf 10 10 Td (scan) Tj ET"), Reason.NO_TEXT),
        (hostile.many_pages(201), Reason.TOO_MANY_PAGES),
        (hostile.nested_pdf(), Reason.NO_TEXT),
        (b"%PDF-1.7\nnothing", Reason.DAMAGED),
    ],
)
def test_documents_that_cannot_be_read_say_why(data: bytes, reason: Reason, limits: Limits) -> None:
    with pytest.raises(UnreadableError) as caught:
        read(data, "a.pdf", limits)
    assert caught.value.reason == reason


def test_a_password_is_asked_for_by_its_reason(limits: Limits) -> None:
    file = io.BytesIO()
    canvas = Canvas(file, encrypt="secret")
    canvas.drawString(100, 400, "text")
    canvas.save()
    with pytest.raises(UnreadableError) as caught:
        read(file.getvalue(), "a.pdf", limits)
    assert caught.value.reason == Reason.ENCRYPTED
