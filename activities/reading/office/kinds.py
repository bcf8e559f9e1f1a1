"""Which kind of office document a package is."""

from activities.reading.office.docx import read_docx
from activities.reading.office.package import Package
from activities.reading.office.pptx import read_pptx
from activities.reading.office.xlsx import read_xlsx
from activities.reading.port import Limits, Reading, Reason, UnreadableError


def read_package(data: bytes, limits: Limits) -> Reading:
    """Read a package by its main part."""
    package = Package(data, limits)
    main = package.related("", "officeDocument")
    root = package.tree(main)
    match root.tag:
        case "document":
            return read_docx(package, main, root, limits)
        case "workbook":
            return read_xlsx(package, main, root, limits)
        case "presentation":
            return read_pptx(package, main, root, limits)
        case _:
            raise UnreadableError(Reason.UNSUPPORTED, _advice(package))


def _advice(package: Package) -> str:
    if "META-INF/manifest.xml" in package or "mimetype" in package:
        return "This is an OpenDocument file or an e-book. Save it as DOCX, XLSX or PDF."
    if "xl/workbook.bin" in package:
        return "This is a binary workbook. Save it as XLSX."
    return "This is an archive, or an office document without its main part. Add the files in it one by one."
