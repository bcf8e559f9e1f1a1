"""Texts as Telegram takes them: HTML of the Bot API into plain text and entities, and what is removed on the way."""

import html
import re
from dataclasses import dataclass

from tests.fakes.faults import Json

TAGS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
    "a": "text_link",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "tg-emoji": "custom_emoji",
}

_REFERENCE = re.compile(r"&(?:#(\d+)|#x([0-9a-f]+)|(lt|gt|amp|quot)(?![a-z]));?", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""\s+([^\s=>]+)(?:\s*=\s*("[^"]*"|'[^']*'|[A-Za-z0-9.-]+))?""")
_END_TAG = re.compile(r"</([^\s>]*)\s*>")
_START_TAG = re.compile(r"<([^\s>]*)")
_LINK = re.compile(r"(https?://|tg://|mailto:|tel:)?[^\s/]+\S*", re.IGNORECASE)


class MarkupError(ValueError):
    """What Telegram says behind "can't parse entities"."""


@dataclass(frozen=True)
class _Open:
    tag: str
    start: int
    attributes: dict[str, str]


def units(text: str) -> int:
    """How long Telegram says that a text is: in UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2


def clean(text: str) -> str:
    """Without what Telegram removes from every text: control characters (but line ends), embedding and separator
    characters of U+2028 to U+202E, and three combining marks that draw over neighbouring lines."""
    text = text.replace("\r", "")
    text = re.sub(r"[\x00-\x09\x0b-\x1f]", " ", text)
    return re.sub(r"[\u2028-\u202e\u0333\u033f\u030a]", "", text)


def parse(source: str) -> tuple[str, list[Json]]:
    """The text that a reader sees and what is marked in it. Raises MarkupError."""
    said: list[str] = []
    entities: list[Json] = []
    opened: list[_Open] = []
    at = 0
    while at < len(source):
        if source[at] == "&" and (reference := _REFERENCE.match(source, at)):
            said.append(html.unescape(reference[0].rstrip(";") + ";"))
            at = reference.end()
        elif source[at] != "<":
            said.append(source[at])
            at += 1
        elif source.startswith("</", at):
            at = _close(source, at, opened, said, entities)
        else:
            at = _open(source, at, opened, said)
    if opened:
        raise MarkupError(f'Can\'t find end tag corresponding to start tag "{opened[-1].tag}"')
    text = "".join(said)
    entities.sort(key=lambda entity: (entity["offset"], -entity["length"], entity["type"] != "pre"))
    return text, entities


def _open(source: str, at: int, opened: list[_Open], said: list[str]) -> int:
    place = f"at byte offset {len(source[:at].encode())}"
    name = _START_TAG.match(source, at)
    assert name is not None
    tag, end, attributes = name[1].lower(), name.end(), {}
    if end == len(source):
        raise MarkupError(f"Unclosed start tag {place}")
    if tag not in TAGS:
        raise MarkupError(f'Unsupported start tag "{tag}" {place}')
    while attribute := _ATTRIBUTE.match(source, end):
        attributes[attribute[1].lower()] = html.unescape((attribute[2] or "").strip("\"'"))
        end = attribute.end()
    rest = source[end:].lstrip()
    if not rest.startswith(">"):
        raise MarkupError(f"Unclosed start tag {place}")
    if tag == "span" and attributes.get("class") != "tg-spoiler":
        raise MarkupError(f'Tag "span" must have class "tg-spoiler" {place}')
    opened.append(_Open(tag, units("".join(said)), attributes))
    return len(source) - len(rest) + 1


def _close(source: str, at: int, opened: list[_Open], said: list[str], entities: list[Json]) -> int:
    place = f"at byte offset {len(source[:at].encode())}"
    if not opened:
        raise MarkupError(f"Unexpected end tag {place}")
    end = _END_TAG.match(source, at)
    if end is None:
        raise MarkupError(f"Unclosed end tag {place}")
    if end[1].lower() not in ("", opened[-1].tag):
        raise MarkupError(f'Unmatched end tag {place}, expected "</{opened[-1].tag}>", found "</{end[1].lower()}>"')
    began = opened.pop()
    text = "".join(said)
    length = units(text) - began.start
    if length:
        entity = _entity(began, text.encode("utf-16-le")[2 * began.start :].decode("utf-16-le"))
        if entity is not None:
            entities.append({**entity, "offset": began.start, "length": length})
    return end.end()


def _entity(began: _Open, inner: str) -> Json | None:
    if began.tag == "a":
        url = began.attributes.get("href", inner)
        return {"type": "text_link", "url": url} if _LINK.fullmatch(url) else None
    if began.tag == "tg-emoji":
        return {"type": "custom_emoji", "custom_emoji_id": began.attributes.get("emoji-id", "")}
    if began.tag == "blockquote" and "expandable" in began.attributes:
        return {"type": "expandable_blockquote"}
    language = began.attributes.get("class", "")
    if began.tag == "code" and language.startswith("language-"):
        return {"type": "code", "language": language.removeprefix("language-")}
    return {"type": TAGS[began.tag]}


def trimmed(text: str, entities: list[Json]) -> tuple[str, list[Json]]:
    """Without the white space around it, as a message is kept."""
    front = units(text) - units(text.lstrip())
    text = text.strip()
    kept = []
    for entity in entities:
        start = max(0, entity["offset"] - front)
        end = min(units(text), entity["offset"] - front + entity["length"])
        if end > start:
            kept.append({**entity, "offset": start, "length": end - start})
    return text, _merged_code(kept)


def _merged_code(entities: list[Json]) -> list[Json]:
    """A <code class="language-…"> right inside <pre> is one block that knows its language; elsewhere it has none."""
    merged: list[Json] = []
    for entity in entities:
        last = merged[-1] if merged else None
        inside = last is not None and last["type"] == "pre" and _span(last) == _span(entity)
        if last is not None and inside and entity["type"] == "code":
            if "language" in entity:
                last["language"] = entity["language"]
            continue
        merged.append({key: value for key, value in entity.items() if key != "language"})
    return merged


def _span(entity: Json) -> tuple[int, int]:
    return entity["offset"], entity["length"]
