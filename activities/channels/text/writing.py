"""Marked text as a channel renders it. Marks are closed where a text ends, so what is cut stands for itself."""

from collections.abc import Sequence
from html import escape
from itertools import groupby

from activities.channels.text.spans import Kind, Mark, Span, by_mark, lines, visible
from activities.channels.text.whatsapp import FENCE, signed
from models.contracts.channels import Markup

_TAGS = {Kind.BOLD: "b", Kind.ITALIC: "i", Kind.STRIKE: "s", Kind.CODE: "code", Kind.QUOTE: "blockquote"}


def write(spans: Sequence[Span], markup: Markup) -> str:
    """WhatsApp and plain text have no links: they must have been spelled out."""
    match markup:
        case Markup.TELEGRAM:
            return _html(spans)
        case Markup.WHATSAPP:
            return _whatsapp(spans)
        case Markup.PLAIN:
            return "\n".join(_quoted(line, visible(line)) for line in lines(spans))
        case Markup.MARKDOWN:
            return visible(spans)


def _html(spans: Sequence[Span], depth: int = 0) -> str:
    return "".join(
        escape(visible(group), quote=False) if mark is None else _tagged(mark, _html(group, depth + 1))
        for mark, group in by_mark(spans, depth)
    )


def _tagged(mark: Mark, inner: str) -> str:
    match mark.kind:
        case Kind.LINK:
            return f'<a href="{escape(mark.value)}">{inner}</a>'
        case Kind.BLOCK if mark.value:
            return f'<pre><code class="language-{escape(mark.value)}">{inner}</code></pre>'
        case Kind.BLOCK:
            return f"<pre>{inner}</pre>"
        case kind:
            return f"<{_TAGS[kind]}>{inner}</{_TAGS[kind]}>"


def _whatsapp(spans: Sequence[Span]) -> str:
    written: list[str] = []
    for fenced, group in groupby(lines(spans), key=lambda line: any(span.has(Kind.BLOCK) for span in line)):
        if fenced:
            block = [visible(line) for line in group]
            if FENCE not in "\n".join(block):
                block[0] = FENCE + block[0]
                block[-1] += FENCE
            written += block
        else:
            written += [_quoted(line, signed(line)) for line in group]
    return "\n".join(written)


def _quoted(line: Sequence[Span], text: str) -> str:
    return f"> {text}" if any(span.has(Kind.QUOTE) for span in line) else text
