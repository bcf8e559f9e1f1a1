"""E-mail addresses, bank accounts, cards and national ids: found by shape, believed by their check digits."""

import re
import unicodedata
from collections.abc import Callable
from datetime import date

from stdnum import iban, luhn
from stdnum.exceptions import ValidationError
from stdnum.ru import inn
from stdnum.us import ssn

SEPARATOR = "[ \u00a0\u2007\u2009\u202f\u2010-\u2015-]"
"""Between groups of digits: blanks and dashes of every width."""

EMAIL = re.compile(r"(?<![\w.+%-])[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ \u00a0-]?[A-Za-z0-9]){11,30}")
CARD = re.compile(rf"(?<![\d.,])\d(?:{SEPARATOR}?\d){{14,18}}(?!{SEPARATOR}?\d)")
TWELVE = re.compile(rf"(?<![\d.,])\d(?:{SEPARATOR}?\d){{11}}(?!{SEPARATOR}?\d)")
SNILS = re.compile(rf"(?<!\d)\d{{3}}{SEPARATOR}\d{{3}}{SEPARATOR}\d{{3}}{SEPARATOR}?\d{{2}}(?!\d)")
SSN = re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])")
# Numbers that nothing proves but the word before them.
NAMED = re.compile(
    r"(?<!\w)(?:(?:паспорт|passport|төлқұжат|куәлік|удостоверени)\w{0,4}|снилс|инн|жсн|иин|iin|inn|snils|ssn)"
    r"(?P<between>[^\d\n]{0,24}?)"
    r"(?P<number>[A-Za-zА-Яа-я]{0,2}\d(?:[ №\u00a0-]{0,2}\d){5,11})(?!\d)",
    re.IGNORECASE,
)

BRANDS = re.compile(
    r"(?:4\d{15}(?:\d{3})?|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}|220[0-4]\d{12,15}"
    r"|6(?:011|5\d\d)\d{12}|62\d{14,17}|3(?:0[0-5]|[68]\d)\d{11,13}|35(?:2[89]|[3-8]\d)\d{12}|5[06-9]\d{14}|9792\d{12})"
)
"""How cards begin, and how many digits they then have. A serial number of a device or a product is none of these."""


def without_emails(text: str) -> str:
    return EMAIL.sub("[email]", text)


def without_ibans(text: str) -> str:
    return IBAN.sub(lambda found: _shortened(found[0]), text)


def without_cards(text: str) -> str:
    return _replaced(CARD, "[card]", text, is_card)


def without_national_ids(text: str) -> str:
    text = NAMED.sub(_named, text)
    text = _replaced(SNILS, "[id]", text, is_snils)
    text = _replaced(TWELVE, "[id]", text, lambda digits: is_iin(digits) or _valid(inn.validate, digits))
    return SSN.sub(lambda found: "[id]" if _valid(ssn.validate, found[0]) else found[0], text)


def digits_of(text: str) -> str:
    """Its digits, whatever script they are of."""
    return "".join(str(unicodedata.digit(character)) for character in text if character.isdecimal())


def is_card(digits: str) -> bool:
    return BRANDS.fullmatch(digits) is not None and bool(luhn.is_valid(digits))


def is_iin(digits: str) -> bool:
    """Whether it is a Kazakhstan individual's number: a birth date, the century and sex, and a check digit."""
    century = int(digits[6])
    if not 1 <= century <= 6:
        return False
    year = 1800 + (century - 1) // 2 * 100 + int(digits[:2])
    try:
        date(year, int(digits[2:4]), int(digits[4:6]))
    except ValueError:
        return False
    numbers = [int(digit) for digit in digits]
    check = sum(weight * number for weight, number in zip(range(1, 12), numbers, strict=False)) % 11
    if check == 10:
        weights = (3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2)
        check = sum(weight * number for weight, number in zip(weights, numbers, strict=False)) % 11
    return check == numbers[11]


def is_snils(digits: str) -> bool:
    """Whether it is a Russian pension insurance number: nine digits and their check number."""
    total = sum(weight * int(digit) for weight, digit in zip(range(9, 0, -1), digits, strict=False))
    return total % 101 % 100 == int(digits[9:])


def _named(found: re.Match[str]) -> str:
    return f"{found[0][: found.start('number') - found.start()]}[id]"


def _replaced(pattern: re.Pattern[str], placeholder: str, text: str, is_one: Callable[[str], bool]) -> str:
    return pattern.sub(lambda found: placeholder if is_one(digits_of(found[0])) else found[0], text)


def _shortened(candidate: str) -> str:
    """The candidate with the account at its beginning replaced: words may follow an account without anything between."""
    ends = [end for end in range(15, len(candidate) + 1) if end == len(candidate) or not candidate[end].isalnum()]
    for end in reversed(ends):
        if _valid(iban.validate, candidate[:end]):
            return f"[iban]{candidate[end:]}"
    return candidate


def _valid(validate: Callable[[str], str], text: str) -> bool:
    try:
        validate(text)
    except ValidationError:
        return False
    return True
