"""Markdown as marked text: lists and tables become characters that any channel can show, the rest becomes marks."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from markdown_it.token import Token

from activities.channels.text.spans import Kind, Mark, Marks, Span, visible
from activities.channels.text.syntax import parse

BULLET = "•"
INDENT = "  "

_NO_NUMBER = re.compile(r"[^\d+]")
_LISTS = ("bullet_list_open", "ordered_list_open")
_INLINE = {"strong": Kind.BOLD, "em": Kind.ITALIC, "s": Kind.STRIKE}

Item = TypeVar("Item")


def read(text: str) -> list[Span]:
    """Every character of the text that is no markup, in order. Line breaks are kept as they are."""
    spans = _Reader(text).read()
    return spans if visible(spans).strip() else [Span(text)]


class _Reader:
    """One pass over the tokens. `marks` are those of the blocks that are open; `fresh` says that one has just
    begun, so that what comes next stands on its line."""

    def __init__(self, text: str) -> None:
        self._tokens = parse(text)
        self._lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._marks: Marks = ()
        self._around: list[Marks] = []
        self._depth = 0
        self._fresh = True
        self._spans: list[Span] = []

    def read(self) -> list[Span]:
        tokens = iter(self._tokens)
        for token in tokens:
            if token.type == "inline":
                self._spans.extend(_inline(token.children or (), self._marks))
            elif token.type == "fence":
                self._begin(token)
                self._say(token.content.removesuffix("\n"), Mark(Kind.BLOCK, token.info.strip()))
            elif token.type == "table_open":
                self._begin(token)
                self._say(_table(tokens), Mark(Kind.BLOCK))
            elif token.nesting == 1:
                self._open(token)
            else:
                self._close(token)
        return self._spans

    def _open(self, token: Token) -> None:
        self._around.append(self._marks)
        if token.type in _LISTS:
            self._depth += 1
            return
        self._begin(token)
        match token.type:
            case "heading_open":
                self._marks = _with(self._marks, Mark(Kind.BOLD))
            case "blockquote_open":
                self._marks = _with(self._marks, Mark(Kind.QUOTE))
                self._fresh = True
            case "list_item_open":
                sign = f"{token.info}{token.markup}" if token.info else BULLET
                self._say(f"{INDENT * (self._depth - 1)}{sign} ")
                self._fresh = True
            case _:
                pass

    def _close(self, token: Token) -> None:
        self._marks = self._around.pop()
        self._fresh = False
        self._depth -= token.type.replace("close", "open") in _LISTS

    def _begin(self, token: Token) -> None:
        """A line of its own, after as many empty ones as there are in the source."""
        if not self._fresh and token.map:
            breaks, line = 1, token.map[0]
            while line > 0 and not self._lines[line - 1].strip(" \t>"):
                breaks, line = breaks + 1, line - 1
            self._say("\n" * breaks)
        self._fresh = False

    def _say(self, text: str, mark: Mark | None = None) -> None:
        self._spans.append(Span(text, self._marks if mark is None else _alone(self._marks, mark)))


def _inline(tokens: Sequence[Token], marks: Marks) -> Iterator[Span]:
    around = [marks]
    for token, after in _with_next(tokens):
        if token.type == "link_open":
            address = str(token.attrs["href"])
            around.append(_with(around[-1], Mark(Kind.LINK, address)))
            if after is not None and after.type == "link_close":
                yield Span(address, around[-1])
        elif token.nesting == 1:
            around.append(_with(around[-1], Mark(_INLINE[token.tag])))
        elif token.nesting == -1:
            around.pop()
        elif token.type == "softbreak":
            yield Span("\n", around[-1])
        elif token.type == "code_inline":
            yield Span(token.content, _alone(around[-1], Mark(Kind.CODE)))
        elif token.type == "image":
            address = str(token.attrs["src"])
            yield Span(token.content or address, _with(around[-1], Mark(Kind.LINK, address)))
        elif token.content:
            yield Span(token.content, around[-1])


def _table(tokens: Iterator[Token]) -> str:
    """The tokens up to the table's end, as columns of the same width."""
    rows: list[list[str]] = []
    for token in tokens:
        if token.type == "table_close":
            break
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(visible(spelled_out(_inline(token.children or (), ()))))
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    head, *body = (" | ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join((head, "-+-".join("-" * width for width in widths), *body))


def spelled_out(spans: Iterable[Span], *, but: Callable[[str], bool] = lambda _: False) -> list[Span]:
    """Links as "text (address)", where a channel has none; those whose address is one of `but` stay links."""
    found: list[Span] = []
    said = ""
    for span, after in _with_next(spans):
        link = _link(span)
        if link is None or but(link.value):
            found.append(span)
            continue
        found.append(Span(span.text, _without(span.marks, Kind.LINK)))
        said += span.text
        if after is None or _link(after) != link:
            if address := _untold(link.value, said):
                found.append(Span(f" ({address})", tuple(mark for mark in span.marks if mark.kind is Kind.QUOTE)))
            said = ""
    return found


def _untold(link: str, said: str) -> str:
    """The address as a person would read it; empty when it is what the link says already."""
    scheme, _, rest = link.partition(":")
    if scheme == "tel":
        return "" if _NO_NUMBER.sub("", said) == _NO_NUMBER.sub("", rest) else rest
    address = rest if scheme == "mailto" else link
    return "" if said.strip() == address else address


def _with_next(items: Iterable[Item]) -> Iterator[tuple[Item, Item | None]]:
    listed = list(items)
    return zip(listed, [*listed, None][1:], strict=True)


def _link(span: Span) -> Mark | None:
    return next((mark for mark in span.marks if mark.kind is Kind.LINK), None)


def _with(marks: Marks, mark: Mark) -> Marks:
    return marks if any(present.kind is mark.kind for present in marks) else (*marks, mark)


def _without(marks: Marks, kind: Kind) -> Marks:
    return tuple(mark for mark in marks if mark.kind is not kind)


def _alone(marks: Marks, mark: Mark) -> Marks:
    """Code is nothing else beside: no channel shows bold code, nor a link in it. A link that is code stays a link."""
    if any(present.kind is Kind.LINK for present in marks):
        return marks
    return (*(present for present in marks if present.kind is Kind.QUOTE), mark)
