"""A text of ours as the messages that a channel takes."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise

from activities.channels.text.plain import plain
from activities.channels.text.reading import read, spelled_out
from activities.channels.text.spans import Span, Stretches, visible
from activities.channels.text.writing import write
from activities.language import sentences
from models.contracts.channels import Capabilities, Markup, Unit
from runtime.characters import boundaries

SMALLEST_LIMIT = 256
"""Below it there may be no room for the markup around a character."""

_PARAGRAPHS = re.compile(r"\n[^\S\n]*\n\s*")
_SPACES = re.compile(r"[^\S\u00a0\u202f]+")


def parts(text: str, capabilities: Capabilities, *, literal: bool = False) -> list[str]:
    """`text`, which is Markdown as far as it has markup, rendered and cut; only white space is lost, at the cuts. One that
    is `literal` has no markup: every sign of it is shown.

    A part is no longer than the channel's limit of texts and well-formed by itself: what was open goes on in the next.
    Cuts are where a paragraph ends, or a sentence, or a word, or else a character as readers see it; one that is longer
    by itself than a part is cut. An empty text has no parts. What is counted has the markup
    in it, which is never less than a provider counts. For a channel that takes Markdown, a text is only cut.
    """
    most = max(capabilities.text_limit, SMALLEST_LIMIT)
    text = plain(text)
    spans = [Span(text)] if literal else _spans(text, capabilities.markup, most)
    return list(_Cutter(spans, capabilities.markup, capabilities.unit, most).parts())


def size(text: str, unit: Unit) -> int:
    """How long a channel says that a text is."""
    match unit:
        case Unit.CODE_POINTS:
            return len(text)
        case Unit.UTF16:
            return len(text) + sum(char > "\uffff" for char in text)
        case Unit.BYTES:
            return len(text.encode("utf-8", "surrogatepass"))


def _spans(text: str, markup: Markup, limit: int) -> list[Span]:
    match markup:
        case Markup.MARKDOWN:
            return [Span(text)]
        case Markup.TELEGRAM:
            # It has links to the web alone, and their addresses count here.
            return spelled_out(read(text), but=lambda link: link.startswith("http") and len(escape(link)) <= limit // 2)
        case _:
            return spelled_out(read(text))


class _Cutter:
    """Positions are those of the visible text; a cut is where the next part begins."""

    def __init__(self, spans: Sequence[Span], markup: Markup, unit: Unit, limit: int) -> None:
        self._spans, self._markup, self._unit, self._limit = Stretches(spans), markup, unit, limit
        self._text = visible(spans)
        self._ends = len(self._text.rstrip())
        said = sentences.spans(self._text)
        self._characters = boundaries(self._text)
        places = (
            [self._after(*match.span()) for match in _PARAGRAPHS.finditer(self._text)],
            [self._after(end, start) for (_, end), (start, _) in pairwise(said)],
            [self._after(*match.span()) for match in _SPACES.finditer(self._text)],
        )
        # A mark can stand on a space.
        whole = set(self._characters)
        self._cuts = [[cut for cut in cuts if cut in whole] for cuts in places]

    def parts(self) -> Iterator[str]:
        start = 0
        while start < self._ends:
            cut = self._ends if self._fits(start, self._ends) else self._cut(start)
            if written := self._written(start, cut):
                yield written
            start = cut

    def _cut(self, start: int) -> int:
        """The best place to end what begins at `start`: first in the second half of what fits, then anywhere."""
        # A longer stretch never fits where a shorter one does not.
        within = range(start + 1, min(start + self._limit, self._ends) + 1)
        reach = start + max(1, bisect_right(within, False, key=lambda cut: not self._fits(start, cut)))
        for least in (start + (reach - start) // 2, start):
            for cuts in self._cuts:
                for cut in reversed(cuts[bisect_right(cuts, least) : bisect_right(cuts, reach)]):
                    if self._fits(start, cut):
                        return cut
        cut = self._characters[bisect_right(self._characters, reach) - 1]
        return cut if cut > start else reach

    def _fits(self, start: int, cut: int) -> bool:
        # Each character counts for one at least: what has more of them need not be written.
        within = self._end(start, cut) - start <= self._limit
        return within and size(self._written(start, cut), self._unit) <= self._limit

    def _written(self, start: int, cut: int) -> str:
        return write(self._spans.between(start, self._end(start, cut)), self._markup)

    def _end(self, start: int, cut: int) -> int:
        """Where a part ends that the next one follows at `cut`: before the white space."""
        return start + len(self._text[start:cut].rstrip())

    def _after(self, start: int, end: int) -> int:
        """Where to go on after white space: on its last line, so that an indent is kept."""
        return self._text.rfind("\n", start, end) + 1 or end
