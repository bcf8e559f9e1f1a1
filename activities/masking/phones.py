"""Phone numbers: found by how people write them, believed where a country's numbering plan has them."""

import re
from collections.abc import Iterator

import phonenumbers

from activities.masking.identifiers import SEPARATOR, digits_of
from models.contracts.enums import Language

REGIONS = {Language.EN: ("US", "GB"), Language.RU: ("RU", "KZ"), Language.KK: ("KZ", "RU")}
"""Whose numbers people of a tenant write without a country."""

GAP = rf"(?:{SEPARATOR}|[().]){{0,3}}"
INTERNATIONAL = re.compile(rf"(?:\+|(?<![\d.,])00){GAP}[1-9](?:{GAP}\d){{6,14}}(?!\d)")
# 8 or 7 and ten digits, as Kazakhstan and Russia write them.
TRUNK = re.compile(rf"(?<![\d.,+])[78](?:{GAP}\d){{10}}(?!{SEPARATOR}?\d)")
# (212) 555-0123 and 212-555-0123: a bare run of ten digits is an order number.
GROUPED = re.compile(
    rf"(?<![\d.,+-])(?:1{SEPARATOR})?(?:\(\d{{3}}\)|\d{{3}}[-.]){SEPARATOR}?\d{{3}}[-. ]\d{{4}}(?![\d-])"
)
# Whatever follows the word, in the tenant's own way.
NAMED = re.compile(
    rf"(?<!\w)(?:тел|телефон\w{{0,3}}|phone|tel|mobile|call me at|whatsapp|ватсап\w{{0,2}}|ұялы|нөмірім)"
    rf"(?P<between>[^\d\n+]{{0,12}}?)(?P<number>\d(?:{GAP}\d){{6,11}})(?!\d)",
    re.IGNORECASE,
)


def without_phones(text: str, language: Language) -> str:
    """`text` with `[phone]` for each number."""
    regions = REGIONS[language]
    text = INTERNATIONAL.sub(lambda found: _international(found[0]), text)
    text = TRUNK.sub(lambda found: _known(found[0], ("KZ", "RU")), text)
    text = GROUPED.sub(lambda found: _known(found[0], ("US",)), text)

    def named(found: re.Match[str]) -> str:
        before = found[0][: found.start("number") - found.start()]
        return before + _known(found["number"], regions)

    return NAMED.sub(named, text)


def _known(written: str, regions: tuple[str, ...]) -> str:
    digits = digits_of(written)
    return "[phone]" if any(_is_number(digits, region) for region in regions) else written


def _international(written: str) -> str:
    """The longest beginning that is a number; digits that follow it with a blank between are something else."""
    for end in _ends(written):
        digits = digits_of(written[:end])
        if _is_number("+" + (digits if written[0] == "+" else digits[2:]), None):
            return f"[phone]{written[end:]}"
    return written


def _ends(written: str) -> Iterator[int]:
    """Where a group of digits ends, the last first."""
    for end in range(len(written), 7, -1):
        if end == len(written) or (written[end - 1].isdecimal() and not written[end].isdecimal()):
            yield end


def _is_number(digits: str, region: str | None) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(digits, region))
    except phonenumbers.NumberParseException:
        return False
