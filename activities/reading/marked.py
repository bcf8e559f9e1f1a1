"""Markdown, which may have HTML in it."""

import re
from itertools import pairwise

from markdown_it import MarkdownIt

from activities.reading.clean import clean
from activities.reading.html.page import read_html
from activities.reading.port import Limits, Reading

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.{0,10000}?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_TITLE = re.compile(r"(?m)^title:[ \t]*[\"']?(.+?)[\"']?[ \t]*$")


def read_markdown(text: str, limits: Limits) -> Reading:
    """Markdown is kept as it is. With HTML in it, it is read as the page that it becomes: tags can hide text."""
    source = clean(text)
    title = None
    if front := _FRONT_MATTER.match(source):
        source = source[front.end() :]
        title = match[1] if (match := _TITLE.search(front[1])) else None
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    tokens = parser.parse(source)
    inner = [token for token in tokens if token.type == "inline"]
    if any(token.type == "html_block" for token in tokens) or any(
        child.type == "html_inline" for token in inner for child in token.children or ()
    ):
        page = read_html(parser.renderer.render(tokens, parser.options, {}), limits, whole=True)
        return Reading(page.text, "text/markdown", title or page.title, notes=page.notes)
    heading = next((after for token, after in pairwise(tokens) if token.type == "heading_open"), None)
    return Reading(source, "text/markdown", title or (heading.content or None if heading else None))
