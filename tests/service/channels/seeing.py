"""What a person sees in their app of a text that was sent: judged from outside, by what providers publish of it."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser

from tests.fakes.telegram import Sent

Runs = Iterable[tuple[str, frozenset[str]]]


@dataclass(frozen=True)
class Seen:
    """`marked` has what is set off, by how, without the white space in it."""

    text: str
    marked: dict[str, str]


def of(runs: Runs) -> Seen:
    text, marked = "", defaultdict[str, str](str)
    for piece, marks in runs:
        text += piece
        for mark in marks:
            marked[mark] += "".join(piece.split())
    return Seen(text, {mark: words for mark, words in marked.items() if words})


def joined(parts: Iterable[Seen]) -> Seen:
    """Messages one after the other."""
    seen = list(parts)
    kinds = {kind for each in seen for kind in each.marked}
    marked = {kind: "".join(each.marked.get(kind, "") for each in seen) for kind in kinds}
    return Seen("\n".join(each.text for each in seen), marked)


# Telegram: plain text and entities, in UTF-16.

ENTITIES = {
    "bold": "bold",
    "italic": "italic",
    "strikethrough": "strike",
    "code": "code",
    "pre": "code",
    "blockquote": "quote",
    "text_link": "link",
}


def in_telegram(sent: Sent) -> Seen:
    units, marked = sent.text.encode("utf-16-le"), defaultdict[str, str](str)
    for entity in sent.message.get("entities", ()):
        start, end = 2 * entity["offset"], 2 * (entity["offset"] + entity["length"])
        if kind := ENTITIES.get(entity["type"]):
            marked[kind] += "".join(units[start:end].decode("utf-16-le").split())
    return Seen(sent.text, dict(marked))


# WhatsApp: signs in the text itself (Meta's help pages on formatting, 2026).

_LINES = re.compile(r"(?m)^(?:(?P<quote>> )|(?P<item>\s*[-*] ))?(?P<rest>.*)$")
_FENCES = re.compile(r"(?<![^\W_])```(.+?)```(?![^\W_])", re.DOTALL)
_PAIRS = re.compile(r"https?://\S+|(?<![^\W_])(?P<sign>```|[*_~`])(?=\S)(?P<inner>.+?)(?<=\S)(?P=sign)(?![^\W_])")
_SIGNS = {"*": "bold", "_": "italic", "~": "strike", "`": "code", "```": "code"}


def in_whatsapp(body: str) -> Seen:
    return of(_whatsapp(body))


def _whatsapp(body: str) -> Iterator[tuple[str, frozenset[str]]]:
    at = 0
    for fence in _FENCES.finditer(body):
        if "\n" not in fence[1]:
            continue
        yield from _lines(body[at : fence.start()])
        yield fence[1], frozenset({"code"})
        at = fence.end()
    yield from _lines(body[at:])


def _lines(text: str) -> Iterator[tuple[str, frozenset[str]]]:
    for place, line in enumerate(text.split("\n")):
        yield "\n" * (place > 0), frozenset()
        found = _LINES.match(line)
        assert found is not None
        marks = frozenset({"quote"}) if found["quote"] else frozenset[str]()
        yield "• " if found["item"] else "", marks
        yield from _paired(found["rest"], marks)


def _paired(text: str, marks: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    at = 0
    for pair in _PAIRS.finditer(text):
        if pair["sign"]:
            yield text[at : pair.start()], marks
            inside = marks | {_SIGNS[pair["sign"]]}
            yield from ((pair["inner"], inside),) if "code" in inside else _paired(pair["inner"], inside)
            at = pair.end()
    yield text[at:], marks


# A page: white space is one space, but where it stands for itself.

TAGS = {"b": "bold", "i": "italic", "s": "strike", "code": "code", "pre": "code", "blockquote": "quote", "a": "link"}
BLOCKS = ("div", "pre", "blockquote")


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.runs: list[tuple[str, frozenset[str]]] = []
        self._open: list[str] = []
        self._before = "\n"

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "br" or tag in BLOCKS:
            self._break(always=tag == "br")
        if tag != "br":
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if tag in BLOCKS:
            self._break(always=False)

    def handle_data(self, data: str) -> None:
        if "pre" not in self._open:
            data = re.sub(r"[ \t\n\r]+", " ", data)
            data = data.lstrip(" ") if self._before in " \n" else data
        self._say(data)

    def _break(self, *, always: bool) -> None:
        if always or self._before != "\n":
            self._say("\n")

    def _say(self, text: str) -> None:
        if text:
            self.runs.append((text, frozenset(TAGS[tag] for tag in self._open if tag in TAGS)))
            self._before = text[-1]


def in_a_page(html: str) -> Seen:
    page = _Page()
    page.feed(html)
    page.close()
    return of(page.runs)
