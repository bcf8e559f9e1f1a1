"""What styles hide. Styles are inline declarations and the plain rules of `<style>` elements."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

MAX_RULES = 500
"""Rules that hide or colour; each is looked for in the whole page."""
TINY_PIXELS = 3.0
MAX_VALUE = 200
"""Characters of a value that are looked at; longer ones are pictures."""
FAR_PIXELS = -400.0
"""Who places text so far to the left or above wants it off the screen."""
ALIKE = 24
"""Difference of two colours, in the channel that differs most (of 255), below which nobody reads one on the other."""

Styles = dict[str, str]

_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_BODY = re.compile(r"\{([^{}]*)\}")
_NUMBER = re.compile(r"(-?(?:\d+(?:\.\d+)?|\.\d+))\s*(?:(px|pt|em|rem|%|vw|vh)\s*)?")
_PIXELS = {"px": 1.0, "pt": 4 / 3, "em": 16.0, "rem": 16.0, "%": 0.16, "vw": 12.0, "vh": 8.0}
_COLOURS = {
    "white": (255, 255, 255),
    "black": (0, 0, 0),
    "red": (255, 0, 0),
    "green": (0, 128, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "gray": (128, 128, 128),
    "grey": (128, 128, 128),
    "silver": (192, 192, 192),
    "snow": (255, 250, 250),
    "ivory": (255, 255, 240),
    "whitesmoke": (245, 245, 245),
    "navy": (0, 0, 128),
    "ghostwhite": (248, 248, 255),
    "floralwhite": (255, 250, 240),
    "azure": (240, 255, 255),
}
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Paint:
    """What an element inherits: the colours of text and ground, None where a picture or an unknown value decides."""

    text: Colour | None = (0, 0, 0)
    ground: Colour | None = (255, 255, 255)


def declarations(style: str) -> Styles:
    """Property to value, in small letters; the last of two counts."""
    pairs = (declaration.partition(":") for declaration in _COMMENT.sub("", style).split(";"))
    return {
        name.strip().lower(): value[:MAX_VALUE].replace("!important", "").strip().lower()
        for name, colon, value in pairs
        if colon
    }


def sheet(page: LexborHTMLParser) -> dict[int, Styles]:
    """What the page's own rules say of its elements, by the element's `mem_id`."""
    styles: dict[int, Styles] = {}
    for selector, said in _rules(page):
        try:
            nodes = page.css(selector)
        except (SelectolaxError, ValueError):
            continue  # a selector of states or of newer make says nothing of what is shown at first
        for node in nodes:
            styles.setdefault(node.mem_id, {}).update(said)
    return styles


def _rules(page: LexborHTMLParser) -> Iterator[tuple[str, Styles]]:
    text = _COMMENT.sub("", "\n".join(node.text(deep=True) for node in page.css("style")))
    # What is true of print alone hides nothing on the screen.
    text = re.sub(r"@media\s+print\s*\{(?:[^{}]|\{[^{}]*\})*\}", "", text)
    text = re.sub(r"@[\w-]+[^{};]*[{;]", "", text)
    found = end = 0
    for body in _BODY.finditer(text):
        before, end = text[end : body.start()], body.end()
        said = declarations(body[1])
        if found < MAX_RULES and said.keys() & TELLING:
            found += 1
            yield re.split("[{}]", before)[-1].strip(), said


TELLING = {
    *("display", "visibility", "opacity", "font-size", "font", "color", "background", "background-color", "position"),
    *("left", "top", "right", "bottom", "text-indent", "clip", "clip-path", "transform", "width", "height"),
    *("max-height", "max-width", "overflow", "content-visibility"),
}


def hides(node: LexborNode, styles: Styles) -> bool:
    """Whether an element and all that is in it cannot be seen."""
    attributes = node.attributes
    if "hidden" in attributes or attributes.get("aria-hidden") == "true":
        return True
    if styles.get("display") == "none" or styles.get("visibility") in ("hidden", "collapse"):
        return True
    if styles.get("content-visibility") == "hidden":
        return True
    if (opacity := _number(styles, "opacity")) is not None and opacity < 0.1:
        return True
    size = _pixels(styles.get("font-size", "")) if "font-size" in styles else _font_pixels(styles.get("font", ""))
    return (size is not None and size < TINY_PIXELS) or _elsewhere(styles) or _clipped(styles)


def _elsewhere(styles: Styles) -> bool:
    indent = _pixels(styles.get("text-indent", ""))
    if indent is not None and indent < FAR_PIXELS:
        return True
    if styles.get("position") not in ("absolute", "fixed", "relative"):
        return False
    places = (_pixels(styles.get(side, "")) for side in ("left", "top", "right", "bottom"))
    return any(place is not None and place < FAR_PIXELS for place in places)


def _clipped(styles: Styles) -> bool:
    if re.search(r"scale[xy]?\(\s*0*\.?0*\s*[,)]", styles.get("transform", "")):
        return True
    if re.match(r"rect\((?:\s*[01](?:px)?[\s,]*){4}\)", styles.get("clip", "")):
        return True
    if re.match(r"inset\(\s*(?:5\d|[6-9]\d|1\d\d)%|circle\(\s*0", styles.get("clip-path", "")):
        return True
    if not any(value in styles.get("overflow", "") for value in ("hidden", "clip")):
        return False
    sizes = (_pixels(styles.get(side, "")) for side in ("width", "height", "max-width", "max-height"))
    return any(size is not None and size <= 1 for size in sizes)


def painted(above: Paint, styles: Styles) -> Paint:
    """The colours of an element's text and of what is behind it."""
    text, ground = above.text, above.ground
    if value := styles.get("color"):
        text = text if value == "inherit" else _colour(value)
    for name in ("background", "background-color"):
        if (value := styles.get(name)) and value not in ("none", "transparent", "inherit", "initial", "unset"):
            ground = None if "url(" in value or "gradient" in value else _colour(value.split()[0])
    return Paint(text, ground)


def is_seen(paint: Paint) -> bool:
    """Whether the text differs from the ground. What is not known is believed."""
    if paint.text is None or paint.ground is None:
        return True
    return max(abs(one - other) for one, other in zip(paint.text, paint.ground, strict=True)) >= ALIKE


def _colour(value: str) -> Colour | None:
    if value in _COLOURS:
        return _COLOURS[value]
    if match := re.fullmatch(r"#([0-9a-f]{3,8})", value):
        digits = match[1]
        if len(digits) in (3, 4):
            digits = "".join(digit * 2 for digit in digits)
        return (int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)) if len(digits) >= 6 else None
    if match := re.match(r"rgba?\(\s*(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})", value):
        return int(match[1]), int(match[2]), int(match[3])
    return None


def _number(styles: Styles, name: str) -> float | None:
    match = _NUMBER.fullmatch(styles.get(name, ""))
    return None if match is None else float(match[1]) / (100 if match[2] == "%" else 1)


def _pixels(value: str) -> float | None:
    match = _NUMBER.fullmatch(value)
    return None if match is None else float(match[1]) * _PIXELS[match[2] or "px"]


def _font_pixels(value: str) -> float | None:
    """The size in the shorthand `font: italic 12px/1.5 Arial`."""
    match = re.search(r"(?:^|\s)(\d*\.?\d+(?:px|pt|em|rem|%))(?=[\s/]|$)", value)
    return None if match is None else _pixels(match[1])
