"""Styles and numbering of a DOCX: what a paragraph is, and whether a run can be seen."""

from dataclasses import dataclass, replace
from xml.etree.ElementTree import Element

TINY_HALF_POINTS = 4
MAX_BASES = 20
"""Styles build on styles; a chain that is longer goes in a circle."""
LIGHT = 0xEB
"""A colour whose channels are all at least so bright is white on white."""


@dataclass(frozen=True)
class Look:
    """How a run looks. `shaded`: something other than white is behind it, or may be."""

    vanished: bool = False
    white: bool = False
    tiny: bool = False
    shaded: bool = False

    @property
    def hidden(self) -> bool:
        return self.vanished or self.tiny or (self.white and not self.shaded)

    def under(self, properties: Element | None) -> "Look":
        """The look after `rPr`, `pPr` or `tcPr` have had their say."""
        if properties is None:
            return self
        look = self
        for element in properties:
            value = element.get("val", "")
            match element.tag:
                case "vanish":
                    look = replace(look, vanished=is_on(element))
                case "color":
                    look = replace(look, white=is_white(value))
                case "sz":
                    look = replace(look, tiny=value.isdigit() and int(value) <= TINY_HALF_POINTS)
                case "shd" if _is_colour(element.get("fill", "")):
                    look = replace(look, shaded=True)
                case "highlight" if value not in ("none", "white", ""):
                    look = replace(look, shaded=True)
        return look


def is_on(element: Element | None) -> bool:
    """Whether a switch is there and not switched off."""
    return element is not None and element.get("val", "1") not in ("0", "false", "off")


def _is_colour(fill: str) -> bool:
    return len(fill) == 6 and not is_white(fill)


def is_white(value: str) -> bool:
    """Whether six hexadecimal digits are white, or nearly so."""
    try:
        return len(value) == 6 and min(bytes.fromhex(value)) >= LIGHT
    except ValueError:
        return False


class Styles:
    """The styles of a document, by id."""

    def __init__(self, root: Element):
        self._styles = {style.get("styleId", ""): style for style in root.iter("style")}
        self._defaults = root.find("docDefaults/rPrDefault/rPr")
        self._default_paragraph = next(
            (
                key
                for key, style in self._styles.items()
                if style.get("type") == "paragraph" and style.get("default") == "1"
            ),
            "",
        )

    def look(self, paragraph_style: str, ground: Look) -> Look:
        """How runs look in a paragraph of a style, before what they say themselves."""
        return self.refined(ground.under(self._defaults), paragraph_style or self._default_paragraph)

    def refined(self, look: Look, style: str) -> Look:
        """The look after a style has had its say."""
        for element in reversed(self._chain(style)):
            look = look.under(element.find("pPr")).under(element.find("rPr"))
        return look

    def heading(self, style: str) -> int | None:
        """The level of a heading style; `None` of another."""
        for element in self._chain(style):
            name = (element.findtext("name") or _value(element, "name")).lower()
            if name == "title":
                return 1
            if name.startswith("heading ") and name[8:].isdigit():
                return int(name[8:])
            level = _value(element, "pPr/outlineLvl")
            if level.isdigit() and int(level) < 9:
                return int(level) + 1
        return None

    def numbering(self, style: str) -> Element | None:
        """The numbering that a style brings along."""
        return next((found for element in self._chain(style) if (found := element.find("pPr/numPr")) is not None), None)

    def shades(self, style: str) -> bool:
        """Whether a table's style has a ground of its own somewhere."""
        return any(_is_colour(shade.get("fill", "")) for element in self._chain(style) for shade in element.iter("shd"))

    def _chain(self, style: str) -> list[Element]:
        chain: list[Element] = []
        while (element := self._styles.get(style)) is not None and len(chain) < MAX_BASES:
            chain.append(element)
            style = _value(element, "basedOn")
        return chain


class Numbering:
    """Whether a list has numbers or bullets."""

    def __init__(self, root: Element):
        bullets = {
            (abstract.get("abstractNumId"), level.get("ilvl")): _value(level, "numFmt") in ("bullet", "none", "")
            for abstract in root.iter("abstractNum")
            for level in abstract.iter("lvl")
        }
        lists = {number.get("numId"): _value(number, "abstractNumId") for number in root.iter("num")}
        self._bullets = {
            (number, level): bullet
            for number, abstract in lists.items()
            for (of, level), bullet in bullets.items()
            if of == abstract
        }

    def has_bullets(self, number: str, level: int) -> bool:
        return self._bullets.get((number, str(level)), True)


def _value(element: Element, path: str) -> str:
    found = element.find(path)
    return "" if found is None else found.get("val", "")
