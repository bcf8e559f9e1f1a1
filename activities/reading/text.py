"""Plain text."""

import re

from activities.reading.clean import clean
from activities.reading.markdown import Markdown, escaped
from activities.reading.port import Limits, Reading

WRAPPED = 50
"""A line of this many characters was ended by the margin; a shorter one is a line of its own."""

_ITEM = re.compile(r"(?:([-*+•–—])|(\d{1,4}[.)]))\s+(?=\S)")


def read_text(text: str, limits: Limits) -> Reading:
    """Paragraphs are divided by empty lines; lines that begin like list items are list items."""
    out = Markdown(limits.characters)
    for paragraph in re.split(r"\n[ \t]*\n|\f", clean(text)):
        lines: list[str] = []
        for line in map(str.strip, paragraph.split("\n")):
            if start := _ITEM.match(line):
                out.paragraph(_joined(lines))
                lines = []
                with out.item("-" if start[1] else start[2]):
                    out.paragraph(escaped(line[start.end() :]))
            else:
                lines.append(line)
        out.paragraph(_joined(lines))
    return Reading(text=str(out), media_type="text/plain")


def _joined(lines: list[str]) -> str:
    """Lines that the margin ended are one."""
    text = ""
    for line in map(escaped, lines):
        text += line + (" " if len(line) >= WRAPPED else "\n")
    return text
