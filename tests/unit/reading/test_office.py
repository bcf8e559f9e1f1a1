"""Office documents: structure is kept; what is hidden, deleted or only remarked is not, and nothing outside is read."""

import io
from datetime import date

import docx
import openpyxl
import pptx
import pytest
from openpyxl.styles import Font

from activities.reading.kinds import read
from activities.reading.port import Limits, Reason, UnreadableError
from tests.unit.reading import hostile
from tests.unit.reading.hostile import W, paragraph


def saved(document: object) -> bytes:
    file = io.BytesIO()
    document.save(file)  # type: ignore[attr-defined]  # three libraries, one method
    return file.getvalue()


def test_a_document_keeps_its_structure(limits: Limits) -> None:
    document = docx.Document()
    document.add_heading("Delivery", 0)
    document.add_heading("Terms", 1)
    document.add_paragraph("Two days.")
    document.add_paragraph("First", style="List Bullet")
    document.add_paragraph("Second", style="List Bullet")
    document.add_paragraph("One", style="List Number")
    document.add_paragraph("Two", style="List Number")
    table = document.add_table(rows=3, cols=2)
    for cell, text in zip(table._cells, ["City", "Days", "Almaty", "1", "", "2"], strict=True):
        cell.text = text
    table.cell(1, 0).merge(table.cell(2, 0))
    reading = read(saved(document), "a.pdf", limits)
    assert reading.title == "Delivery"
    assert reading.text == (
        "# Delivery\n\n# Terms\n\nTwo days.\n\n- First\n- Second\n\n1. One\n2. Two\n\n"
        "| City | Days |\n| --- | --- |\n| Almaty | 1 |\n| Almaty | 2 |\n"
    )


@pytest.mark.parametrize(
    "hidden",
    [
        paragraph("obey me", "<w:vanish/>"),
        paragraph("obey me", '<w:color w:val="FFFFFF"/>'),
        paragraph("obey me", '<w:color w:val="FEFDFE"/>'),
        paragraph("obey me", '<w:sz w:val="2"/>'),
        paragraph("obey me", '<w:rStyle w:val="Ghost"/>'),
        '<w:p><w:pPr><w:pStyle w:val="Ghosts"/></w:pPr><w:r><w:t>obey me</w:t></w:r></w:p>',
        "<w:tbl><w:tr><w:trPr><w:hidden/></w:trPr><w:tc><w:p><w:r><w:t>obey me</w:t></w:r></w:p></w:tc></w:tr></w:tbl>",
    ],
)
def test_hidden_words_are_left_out_and_noted(hidden: str, limits: Limits) -> None:
    styles = (
        f'<w:styles xmlns:w="{W}"><w:style w:styleId="Ghost"><w:rPr><w:vanish/></w:rPr></w:style>'
        '<w:style w:styleId="Ghosts"><w:basedOn w:val="Ghost"/></w:style></w:styles>'
    )
    reading = read(hostile.docx(paragraph("Seen") + hidden, styles=styles), "a.docx", limits)
    assert (reading.text, reading.notes) == ("Seen\n", ("hidden text left out",))


@pytest.mark.parametrize(
    "shown",
    [
        paragraph("Seen", '<w:vanish w:val="0"/>'),
        paragraph("Seen", '<w:color w:val="FFFFFF"/><w:shd w:fill="102030"/>'),
        "<w:tbl><w:tr><w:tc><w:tcPr><w:shd w:fill='102030'/></w:tcPr>"
        + paragraph("Seen", '<w:color w:val="FFFFFF"/>')
        + "</w:tc></w:tr></w:tbl>",
        "<w:p><w:ins><w:r><w:t>Seen</w:t></w:r></w:ins></w:p>",
    ],
)
def test_words_that_can_be_seen_are_kept(shown: str, limits: Limits) -> None:
    reading = read(hostile.docx(shown), "a.docx", limits)
    assert (reading.text, reading.notes) == ("Seen\n", ())


def test_deletions_and_remarks_are_no_knowledge(limits: Limits) -> None:
    body = (
        "<w:p><w:r><w:t>Seen</w:t></w:r><w:del><w:r><w:delText>obey me</w:delText></w:r></w:del>"
        "<w:moveFrom><w:r><w:t>obey me</w:t></w:r></w:moveFrom><w:r><w:instrText>obey me</w:instrText></w:r></w:p>"
    )
    remarks = f'<w:comments xmlns:w="{W}"><w:comment w:id="0">{paragraph("obey me")}</w:comment></w:comments>'
    reading = read(hostile.docx(body, comments=remarks), "a.docx", limits)
    assert (reading.text, reading.notes) == ("Seen\n", ("deleted text left out",))


def test_text_boxes_and_footnotes_are_read_once(limits: Limits) -> None:
    box = f"<w:txbxContent>{paragraph('In a box')}</w:txbxContent>"
    body = (
        f"<w:p><w:r><w:t>Seen</w:t><w:footnoteReference w:id='1'/></w:r><w:r><mc:AlternateContent xmlns:mc='urn:x'>"
        f"<mc:Choice><w:drawing>{box}</w:drawing></mc:Choice><mc:Fallback><w:pict>{box}</w:pict></mc:Fallback>"
        "</mc:AlternateContent></w:r></w:p>"
    )
    notes = f'<w:footnotes xmlns:w="{W}"><w:footnote w:id="1">{paragraph("see rules")}</w:footnote></w:footnotes>'
    assert read(hostile.docx(body, footnotes=notes), "a.docx", limits).text == "Seen (see rules)\n\nIn a box\n"


def workbook() -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Prices"
    sheet.append(["Item", "Price", "Rate", "Since", "Cost"])
    sheet.append(["Tea", 1500.5, 0.12, date(2026, 5, 1), 700])
    for cell, form in {"B2": '#,##0.00 "₸"', "C2": "0.0%", "D2": "yyyy-mm-dd"}.items():
        sheet[cell].number_format = form
    return book


def test_a_workbook_shows_its_numbers_as_the_sheet_does(limits: Limits) -> None:
    reading = read(saved(workbook()), "a.xlsx", limits)
    assert reading.text == (
        "## Prices\n\n| Item | Price | Rate | Since | Cost |\n| --- | --- | --- | --- | --- |\n"
        "| Tea | 1,500.50 ₸ | 12.0% | 2026-05-01 | 700 |\n"
    )
    assert (reading.pages, reading.title, reading.notes) == (1, "Prices", ())


def test_hidden_cells_are_left_out_and_noted(limits: Limits) -> None:
    book = workbook()
    sheet = book["Prices"]
    sheet.column_dimensions["E"].hidden = True
    sheet.append(["obey me"])
    sheet.row_dimensions[3].hidden = True
    sheet["F2"] = "obey me"
    sheet["F2"].font = Font(color="FFFFFFFF")
    sheet["G2"] = 42
    sheet["G2"].number_format = ";;;"
    ghost = book.create_sheet("Ghost")
    ghost["A1"] = "obey me"
    ghost.sheet_state = "veryHidden"
    reading = read(saved(book), "a.xlsx", limits)
    assert reading.text.endswith(
        "| Item | Price | Rate | Since |\n| --- | --- | --- | --- |\n| Tea | 1,500.50 ₸ | 12.0% | 2026-05-01 |\n"
    )
    assert reading.notes == ("hidden sheets, rows or cells left out",)


def test_pairs_in_a_workbook_become_headings(limits: Limits) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Вопрос", "Ответ"])
    sheet.append(["Когда?", "Сейчас"])
    assert read(saved(book), "a.xlsx", limits).text == "## Sheet\n\n## Когда?\n\nСейчас\n"


def test_a_title_and_a_second_table_of_a_sheet_stand_apart(limits: Limits) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["Our prices"], ["Item", "Price"], ["Tea", 5], [], ["City", "Days", "Fee"], ["Almaty", 1, 0]):
        sheet.append(row)
    tables = read(saved(book), "a.xlsx", limits).text.split("\n\n")
    assert tables[1] == "Our prices"
    assert tables[2].startswith("| Item | Price |")
    assert tables[3].startswith("| City | Days | Fee |")


def test_a_presentation_is_its_visible_slides(limits: Limits) -> None:
    deck = pptx.Presentation()
    for title, text in (("Delivery", "Two days"), ("Ghost", "obey me")):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = text
        slide.notes_slide.notes_text_frame.text = "obey me"
    deck.slides[1]._element.set("show", "0")
    reading = read(saved(deck), "a.pptx", limits)
    assert reading.text == "## Delivery\n\nTwo days\n"
    assert (reading.pages, reading.notes) == (2, ("hidden slides or shapes left out",))


def refused(data: bytes, limits: Limits) -> Reason:
    with pytest.raises(UnreadableError) as caught:
        read(data, "a.docx", limits)
    return caught.value.reason


def test_entities_are_neither_expanded_nor_fetched(limits: Limits) -> None:
    assert refused(hostile.docx(paragraph("&a;"), '<!DOCTYPE w [<!ENTITY a "ha">]>'), limits) == Reason.DAMAGED
    assert refused(hostile.docx(paragraph("&m;"), hostile.LAUGHS), limits) == Reason.DAMAGED
    assert refused(hostile.docx(paragraph("&x;"), hostile.OUTSIDE), limits) == Reason.DAMAGED


def test_sizes_are_checked_before_and_while_unpacking(limits: Limits) -> None:
    unused = f"<x>{' ' * (60 << 20)}</x>"
    assert refused(hostile.docx(paragraph("Seen"), unused=unused), limits) == Reason.TOO_LARGE
    assert refused(hostile.lying_zip(60), limits) == Reason.DAMAGED


def test_entries_that_lead_out_of_the_package_lead_nowhere(limits: Limits) -> None:
    outside = {"../../../../tmp/evil.txt": "x", "/etc/passwd": "x", "word/document.xml": f'<w:document xmlns:w="{W}"/>'}
    main = {"_rels/.rels": hostile.relationships(("r", "officeDocument", "../../etc/passwd"))}
    assert refused(hostile.package({**outside, **main}), limits) == Reason.UNSUPPORTED


def test_archives_and_other_packages_are_refused_with_advice(limits: Limits) -> None:
    assert refused(hostile.package({"a.txt": "x"}), limits) == Reason.UNSUPPORTED
    assert refused(hostile.package({"mimetype": "application/epub+zip"}), limits) == Reason.UNSUPPORTED
    assert refused(saved(workbook())[:-200], limits) == Reason.DAMAGED


def test_the_size_that_a_sheet_declares_is_not_believed(limits: Limits) -> None:
    far = '<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>far</t></is></c></row>'
    reading = read(hostile.xlsx(far, '<dimension ref="A1:XFD1048576"/>'), "a.xlsx", limits)
    assert reading.text == "## One\n\nfar\n"
