"""Files that somebody made to break whoever reads them."""

import io
import struct
import zipfile
import zlib

CONTENT_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/></Types>'
)
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
S = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def relationships(*targets: tuple[str, str, str]) -> str:
    """Relationships to (id, kind, target); a target with a scheme is external."""
    mode = {True: 'TargetMode="External"', False: ""}
    items = "".join(
        f'<Relationship Id="{key}" Type="{OFFICE}/{kind}" Target="{target}" {mode[":" in target]}/>'
        for key, kind, target in targets
    )
    return f'<Relationships xmlns="{PACKAGE}">{items}</Relationships>'


def package(parts: dict[str, str | bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {"[Content_Types].xml": CONTENT_TYPES, **parts}.items():
            archive.writestr(name, content)
    return file.getvalue()


def docx(body: str, prolog: str = "", **parts: str) -> bytes:
    """A document of the given body; `parts` are further parts of its folder, by name without `.xml`."""
    document = f'{prolog}<w:document xmlns:w="{W}" xmlns:r="{OFFICE}"><w:body>{body}</w:body></w:document>'
    return package(
        {
            "_rels/.rels": relationships(("r", "officeDocument", "word/document.xml")),
            "word/document.xml": document,
            **{f"word/{name}.xml": text for name, text in parts.items()},
            "word/_rels/document.xml.rels": relationships(*((name, name, f"{name}.xml") for name in parts)),
        }
    )


def paragraph(text: str, properties: str = "") -> str:
    return f"<w:p><w:r><w:rPr>{properties}</w:rPr><w:t>{text}</w:t></w:r></w:p>"


def xlsx(sheet: str, before: str = "") -> bytes:
    """A workbook with one sheet of the given rows."""
    return package(
        {
            "_rels/.rels": relationships(("r", "officeDocument", "xl/workbook.xml")),
            "xl/workbook.xml": f'<workbook xmlns="{S}" xmlns:r="{OFFICE}"><sheets>'
            '<sheet name="One" sheetId="1" r:id="s"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": relationships(("s", "worksheet", "worksheets/one.xml")),
            "xl/worksheets/one.xml": f'<worksheet xmlns="{S}">{before}<sheetData>{sheet}</sheetData></worksheet>',
        }
    )


def pdf(objects: list[bytes]) -> bytes:
    """A PDF of the given objects, the first of which is the catalogue."""
    file = bytearray(b"%PDF-1.7\n")
    places = []
    for number, body in enumerate(objects, start=1):
        places.append(len(file))
        file += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(file)
    file += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    file += b"".join(b"%010d 00000 n \n" % place for place in places)
    file += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(file)


def stream(data: bytes, entries: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data), entries, data)


FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
RESOURCES = b"/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"


def one_page(content: bytes, entries: bytes = b"", more: list[bytes] | None = None) -> bytes:
    """A PDF of one page (612 × 792 points) that draws `content`."""
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R %s %s >>" % (RESOURCES, entries)
    pages = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
    return pdf([b"<< /Type /Catalog /Pages 2 0 R >>", pages, page, stream(content), *(more or [])])


def many_pages(count: int) -> bytes:
    kids = b" ".join(b"%d 0 R" % number for number in range(3, count + 3))
    pages = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, count)
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] >>"
    return pdf([b"<< /Type /Catalog /Pages 2 0 R >>", pages, *[page] * count])


def inflating_pdf(megabytes: int) -> bytes:
    """A page whose content unpacks to so much, from a file of a thousandth."""
    data = compressed(b"BT /F1 12 Tf 10 10 Td (word) Tj ET\n" * 30_000, megabytes)
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R %s >>" % RESOURCES
    pages = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
    return pdf([b"<< /Type /Catalog /Pages 2 0 R >>", pages, page, stream(data, b"/Filter /FlateDecode")])


def compressed(block: bytes, megabytes: int) -> bytes:
    packer = zlib.compressobj(9)
    times = megabytes * (1 << 20) // len(block)
    return b"".join(packer.compress(block) for _ in range(times)) + packer.flush()


def nested_pdf() -> bytes:
    """A tree of pages that is its own child, and a form that draws itself."""
    pages = b"<< /Type /Pages /Kids [2 0 R 3 0 R] /Count 2 >>"
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /XObject << /X 5 0 R >> >> >>"
    form = stream(b"/X Do", b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 5 0 R >> >>")
    return pdf([b"<< /Type /Catalog /Pages 2 0 R >>", pages, page, stream(b"/X Do"), form])


def lying_zip(megabytes: int) -> bytes:
    """A document whose main part unpacks to more than the directory says."""
    body = b"<w:document/>" + b" " * (megabytes << 20)
    data = bytearray(
        package({"_rels/.rels": relationships(("r", "officeDocument", "word/document.xml")), "word/document.xml": body})
    )
    true, told = struct.pack("<I", len(body)), struct.pack("<I", 100)
    return bytes(data).replace(true, told)


LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE w [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + i)} "{("&" + chr(97 + i) + ";") * 10}">' for i in range(12))
    + "]>"
)
OUTSIDE = '<?xml version="1.0"?><!DOCTYPE w [<!ENTITY x SYSTEM "file:///etc/passwd">]>'

SLOW = b"<html><body><p " + b" ".join(b"a%d=1" % number for number in range(200_000)) + b">text"
"""Looking for an attribute that is there already takes the parser time that grows with the square of their number."""
