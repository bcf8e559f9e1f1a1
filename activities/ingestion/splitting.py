"""A document becomes chunks: a heading path, a text that stands for itself, and a hash that says whether it changed.

Markdown is read by markdown-it and written as plain text, because chunks are embedded, quoted to customers and
compared with answers, and markup helps none of the three. Tables become one line per row with the column's name at
each cell, so that a row quoted alone still says what its figures mean.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from activities.language.sentences import sentences
from runtime.characters import beginning

MAX_CHARACTERS = 700
"""About 180 tokens of English or Russian: one or two thoughts, and a third of a second to embed on one core."""
MAX_HEADING_CHARACTERS = 200
"""A longer heading is a paragraph by mistake and is treated as one."""

Markup = Literal["markdown", "text"]


@dataclass(frozen=True)
class Chunk:
    """`heading` is the path of headings above the text, joined by " > ". `content_hash` covers both."""

    ordinal: int
    heading: str
    text: str

    @property
    def content_hash(self) -> str:
        return hashlib.sha256(f"{self.heading}\n{self.text}".encode()).hexdigest()

    def embedded_text(self, title: str) -> str:
        """What is embedded for the chunk: a paragraph that says only "It takes 14 days" needs its headings."""
        above = " > ".join(dict.fromkeys(filter(None, (title, *self.heading.split(" > ")))))
        return f"{above}\n{self.text}" if above else self.text


@dataclass(frozen=True)
class _Block:
    """A paragraph, list, table or code block under its headings; where it must break, it breaks between `parts`."""

    heading: str
    parts: tuple[str, ...]
    joint: str = "\n"


def split(source: str, markup: Markup = "markdown") -> list[Chunk]:
    """Chunks of at most MAX_CHARACTERS, in the document's order, never across a heading. Nothing is dropped."""
    blocks = _markdown_blocks(source) if markup == "markdown" else _text_blocks(source)
    return [Chunk(ordinal, heading, text) for ordinal, (heading, text) in enumerate(_packed(blocks))]


def _packed(blocks: Iterable[_Block]) -> Iterator[tuple[str, str]]:
    heading, text = "", ""
    for block in blocks:
        for joint, piece in _pieces(block):
            if text and (block.heading != heading or len(text) + len(joint) + len(piece) > MAX_CHARACTERS):
                yield heading, text
                text = ""
            heading = block.heading
            text = f"{text}{joint}{piece}" if text else piece
    if text:
        yield heading, text


def _pieces(block: _Block) -> Iterator[tuple[str, str]]:
    """The block whole if it fits into a chunk, else its parts, else what fits; each with what joins it to the text
    before."""
    whole = block.joint.join(block.parts)
    if len(whole) <= MAX_CHARACTERS:
        yield "\n\n", whole
        return
    joint = "\n\n"
    for part in block.parts:
        for piece in _bounded(part):
            yield joint, piece
            joint = block.joint


def _bounded(text: str) -> Iterator[str]:
    """Pieces of at most MAX_CHARACTERS, cut after a word where there is one."""
    while len(text) > MAX_CHARACTERS:
        cut = max(text.rfind(white, 1, MAX_CHARACTERS + 1) for white in " \n\t")
        if cut < 0:
            cut = len(beginning(text, MAX_CHARACTERS))
        if piece := text[:cut].rstrip():
            yield piece
        text = text[cut:].lstrip()
    if text:
        yield text


def _text_blocks(source: str) -> Iterator[_Block]:
    for paragraph in source.replace("\r\n", "\n").split("\n\n"):
        if parts := tuple(sentences(paragraph)):
            lines = "\n" in paragraph.strip()
            yield _Block("", parts, "\n" if lines else " ")


_PARSER = MarkdownIt("commonmark", {"html": False}).enable("table")
"""With HTML off, a tag is text like any other: it is shown and can hide nothing."""


def _markdown_blocks(source: str) -> Iterator[_Block]:
    path: list[tuple[int, str]] = []
    bare: str | None = None
    for node in SyntaxTreeNode(_PARSER.parse(source)).children:
        title = _inline_text(node) if node.type == "heading" else ""
        if node.type == "heading" and len(title) <= MAX_HEADING_CHARACTERS:
            level = int(node.tag[1:])
            if bare is not None and path and path[-1][0] >= level:
                yield _Block(_joined(path), (path[-1][1],))
            while path and path[-1][0] >= level:
                path.pop()
            if title:
                path.append((level, title))
                bare = title
        elif block := _block(node, _joined(path)):
            bare = None
            yield block
    if bare is not None:
        yield _Block(_joined(path), (bare,))


def _joined(path: list[tuple[int, str]]) -> str:
    return " > ".join(title for _, title in path)


def _block(node: SyntaxTreeNode, heading: str) -> _Block | None:
    joint = " " if node.type == "paragraph" else "\n"
    parts = tuple(part for part in _parts(node) if part.strip())
    return _Block(heading, parts, joint) if parts else None


def _parts(node: SyntaxTreeNode) -> Iterator[str]:
    match node.type:
        case "paragraph" | "heading":
            text = _inline_text(node)
            yield from [text] if "\n" in text else sentences(text)
        case "bullet_list" | "ordered_list":
            yield from _list_lines(node, "")
        case "table":
            yield from _table_rows(node)
        case "fence" | "code_block":
            yield from node.content.rstrip("\n").split("\n")
        case "hr":
            return
        case _:
            for child in node.children:
                yield from _parts(child)


def _list_lines(node: SyntaxTreeNode, indent: str) -> Iterator[str]:
    start = int(node.attrs.get("start", 1))
    for number, item in enumerate(node.children, start=start):
        mark = f"{number}. " if node.type == "ordered_list" else "- "
        for child in item.children:
            if child.type in ("bullet_list", "ordered_list"):
                yield from _list_lines(child, indent + "  ")
                continue
            for part in [_inline_text(child)] if child.type == "paragraph" else _parts(child):
                yield f"{indent}{mark}{part}"
                mark = "  "


def _table_rows(table: SyntaxTreeNode) -> Iterator[str]:
    head, *bodies = table.children
    names = [_inline_text(cell) for cell in head.children[0].children]
    rows = [row for body in bodies for row in body.children]
    if not rows:
        yield "; ".join(filter(None, names))
    for row in rows:
        cells = zip(names, (_inline_text(cell) for cell in row.children), strict=True)
        yield "; ".join(f"{name}: {cell}" if name and cell else name or cell for name, cell in cells)


def _inline_text(node: SyntaxTreeNode) -> str:
    """The words of a block's inline content, as a reader sees them; a link is followed by its address."""
    match node.type:
        case "text" | "code_inline":
            return node.content
        case "softbreak":
            return " "
        case "hardbreak":
            return "\n"
        case "image":
            return node.content
        case "link":
            text = "".join(map(_inline_text, node.children))
            address = str(node.attrs.get("href", ""))
            known = not address or address in (text, f"mailto:{text}", f"tel:{text}")
            return text if known else f"{text} ({address})"
        case _:
            text = "".join(map(_inline_text, node.children)).strip()
            return f"{node.markup}{text}{node.markup}" if _is_dialled(node, text) else text


def _is_dialled(node: SyntaxTreeNode, text: str) -> bool:
    """Whether the stars are a code's that customers dial, *150*0#, and no emphasis, which by the letter they are."""
    after = node.next_sibling
    return text.isdecimal() and after is not None and after.type == "text" and after.content[:1] in {*"0123456789#"}
