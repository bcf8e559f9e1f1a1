"""PPTX: each slide that is shown is a heading, its texts and its tables. Speakers' notes are not shown."""

from xml.etree.ElementTree import Element

from activities.reading.markdown import Markdown, escaped
from activities.reading.office.package import Package
from activities.reading.port import Limits, Reading, Reason, UnreadableError

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
TITLES = {"title", "ctrTitle"}


def read_pptx(package: Package, main: str, root: Element, limits: Limits) -> Reading:
    """Read a presentation whose main part is `main`, parsed as `root`."""
    parts = package.relationships(main)
    order = [parts.get(slide.get("r:id", "")) for slide in root.iter("sldId")]
    if len(order) > limits.pages:
        raise UnreadableError(Reason.TOO_MANY_PAGES, f"The presentation has more than {limits.pages} slides. Split it.")
    out = Markdown(limits.characters)
    hidden = False
    for to in order:
        slide = package.tree(to.target) if to is not None and not to.external else Element("none")
        if slide.get("show") == "0":
            hidden = True
            continue
        hidden |= _write(out, slide)
    return Reading(str(out), MEDIA_TYPE, out.title, len(order), ("hidden slides or shapes left out",) * hidden)


def _write(out: Markdown, slide: Element) -> bool:
    """Write a slide; whether something of it is hidden."""
    tree = slide.find("cSld/spTree")
    shapes, hidden = _shapes(tree) if tree is not None else ([], False)
    shapes.sort(key=lambda shape: not _is_title(shape))
    for shape in shapes:
        if _is_title(shape):
            out.heading(2, escaped(" ".join(_paragraph(p) for p in shape.iter("p"))))
        elif shape.tag == "graphicFrame":
            for table in shape.iter("tbl"):
                out.table([[_cell(cell) for cell in row.iter("tc")] for row in table.iter("tr")])
        else:
            for paragraph in shape.iter("p"):
                _write_paragraph(out, paragraph)
    return hidden


def _shapes(tree: Element) -> tuple[list[Element], bool]:
    """The shapes with text, out of their groups, and whether some are hidden."""
    found, hidden, waiting = [], False, [tree]
    while waiting:
        for shape in waiting.pop():
            about = next(shape.iter("cNvPr"), None)
            if about is not None and about.get("hidden") in ("1", "true"):
                hidden = True
            elif shape.tag == "grpSp":
                waiting.append(shape)
            elif shape.tag in ("sp", "graphicFrame"):
                found.append(shape)
    return found, hidden


def _is_title(shape: Element) -> bool:
    return any(holder.get("type") in TITLES for holder in shape.iter("ph"))


def _write_paragraph(out: Markdown, paragraph: Element) -> None:
    text = escaped(_paragraph(paragraph))
    properties = paragraph.find("pPr")
    bulleted = properties is not None and any(child.tag in ("buChar", "buAutoNum") for child in properties)
    if bulleted and text.strip():
        with out.item("-"):
            out.paragraph(text)
    else:
        out.paragraph(text)


def _paragraph(paragraph: Element) -> str:
    return "".join(" " if part.tag == "br" else part.text or "" for part in paragraph.iter() if part.tag in ("t", "br"))


def _cell(cell: Element) -> str:
    return escaped(" ".join(_paragraph(paragraph) for paragraph in cell.iter("p")))
