"""Marked text: what a reader sees, in order, and how each stretch of it is set off."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate, groupby


class Kind(StrEnum):
    BOLD = "bold"
    ITALIC = "italic"
    STRIKE = "strike"
    LINK = "link"
    CODE = "code"
    BLOCK = "block"
    """Code in lines of its own."""
    QUOTE = "quote"


@dataclass(frozen=True, slots=True)
class Mark:
    """`value` is a link's address, or the language of a block of code."""

    kind: Kind
    value: str = ""


Marks = tuple[Mark, ...]
"""From the outermost inwards, each kind once."""


@dataclass(frozen=True, slots=True)
class Span:
    text: str
    marks: Marks = ()

    def has(self, kind: Kind) -> bool:
        return any(mark.kind is kind for mark in self.marks)


def visible(spans: Sequence[Span]) -> str:
    return "".join(span.text for span in spans)


class Stretches:
    """Marked text to take stretches of, at positions of the visible text in code points."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self._spans = spans
        self._starts = list(accumulate((len(span.text) for span in spans), initial=0))

    def between(self, start: int, end: int) -> list[Span]:
        """From `start` to before `end`, with the marks."""
        first, last = bisect_right(self._starts, start) - 1, bisect_left(self._starts, end)
        pieces = zip(self._spans[first:last], self._starts[first:last], strict=True)
        return [Span(span.text[max(0, start - begins) : end - begins], span.marks) for span, begins in pieces]


def lines(spans: Sequence[Span]) -> Iterator[list[Span]]:
    """The spans of each line, without the line breaks. A line of a block keeps its mark even when it is empty."""
    line: list[Span] = []
    for span in spans:
        first, *rest = span.text.split("\n")
        line.append(Span(first, span.marks))
        for text in rest:
            yield line
            line = [Span(text, span.marks)]
    yield line


def by_mark(spans: Sequence[Span], depth: int) -> Iterator[tuple[Mark | None, list[Span]]]:
    """Neighbours that share the mark at this depth, or have none so deep."""
    for mark, group in groupby(spans, key=lambda span: span.marks[depth] if len(span.marks) > depth else None):
        yield mark, list(group)
