"""The quantities of a text: numbers with their units, times, dates, weekdays and months, in one notation.

1,000 ₸ = 1 000 тенге = 1000 tg; 5 business days = 5 рабочих дней = five days; 9:00 = 09:00. What is no quantity
("one of our shops", the number of a list item) is left out.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple


class Quantity(NamedTuple):
    """`unit` is canonical (`%`, `₸`, `day`, `pm` …) or empty; `value` is canonical digits or a calendar word."""

    value: str
    unit: str = ""


_SPACE = "[ \u00a0\u202f\u2009]"
_NUMBER = (
    r"(?P<date>\d{1,4}[./-]\d{1,2}[./-]\d{2,4})(?!\d)"
    r"|(?P<time>\d{1,2}:\d{2})(?!\d)"
    rf"|(?P<grouped>[1-9]\d{{0,2}}(?:{_SPACE}\d{{3}})+|[1-9]\d{{0,2}}(?:[,'’]\d{{3}})+)(?P<cents>\.\d{{1,2}})?(?!\d)"
    r"|(?P<plain>\d+(?:[.,]\d+)?)"
)
_UNITS = {
    "%": r"%|per ?cents?\b|процент\w*|пайыз\w*",
    "₸": r"₸|тг\b|тенге\b|теңге\w*|tenge\b|kzt\b|tg\b",
    "₽": r"₽|руб\w*|rub\b|roubles?\b|rubles?\b",
    "$": r"\$|usd\b|доллар\w*|dollars?\b",
    "€": r"€|eur\b|евро\b|euros?\b",
    "minute": r"minutes?\b|mins?\b|минут\w*|мин\b",
    "hour": r"hours?\b|hrs?\b|час(?:а|ов|у|ам|ы)?\b|ч\b|сағат\w*",
    "day": r"days?\b|дн(?:я|ей|ям|ями|ях|и)\b|день\b|сут(?:ки|ок|ках)\b|күн\w*",
    "week": r"weeks?\b|недел\w*|апта\w*",
    "month": r"months?\b|месяц\w*|ай(?:дан|да|ға|дың|лық)?\b",
    "year": r"years?\b|год(?:а|у|ом|ы)?\b|лет\b|жыл\w*",
    "am": r"a\.?m\b\.?",
    "pm": r"p\.?m\b\.?",
    "kg": r"kg\b|кг\b|kilograms?\b|килограмм\w*",
    "km": r"km\b|км\b|kilomet\w+|километр\w*|шақырым\w*",
}
_ADJECTIVE = r"(?:(?:business|working|calendar|full|рабоч\w+|календарн\w+|полн\w+|жұмыс|күнтізбелік)\s+)?"
_UNIT = re.compile(
    rf"[\s\u00a0\u202f-]*{_ADJECTIVE}(?:{'|'.join(f'(?P<u{i}>{p})' for i, p in enumerate(_UNITS.values()))})",
    re.IGNORECASE,
)
_UNIT_NAMES = list(_UNITS)
_SIGN_BEFORE = re.compile(r"([$€₸₽])\s?$")
_RANGE = re.compile(r"\s*(?:-|–|—|to|до|and|и|или|or|пен|мен)\s*", re.IGNORECASE)

_COUNTS = {
    "2": "two два две двух двум двумя екі",
    "3": "three три трех трем тремя үш",
    "4": "four четыре четырех четырем төрт",
    "5": "five пять пяти пятью",
    "6": "six шесть шести",
    "7": "seven семь семи жеті",
    "8": "eight восемь восьми сегіз",
    "9": "nine девять девяти тоғыз",
    "10": "ten десять десяти",
    "11": "eleven одиннадцать одиннадцати",
    "12": "twelve двенадцать двенадцати",
    "14": "fourteen четырнадцать четырнадцати",
    "15": "fifteen пятнадцать пятнадцати",
    "20": "twenty двадцать двадцати жиырма",
    "24": "twenty-four",
    "30": "thirty тридцать тридцати отыз",
    "40": "forty сорок қырық",
    "50": "fifty пятьдесят пятидесяти",
    "60": "sixty шестьдесят шестидесяти",
    "90": "ninety девяносто",
    "100": "hundred сто ста",
    "1000": "thousand тысяча тысячи тысяч мың",
}
_WORD_VALUES = {word: value for value, forms in _COUNTS.items() for word in forms.split()}
_KAZAKH_WORD_VALUES = {"бес": "5", "алты": "6", "он": "10", "елу": "50", "жүз": "100"}
"""Words that mean something else in Russian: counted only in a text with Kazakh letters."""
_KAZAKH_LETTERS = re.compile("[әғқңөұүһі]", re.IGNORECASE)

_CALENDAR = {
    "monday": r"mondays?|понедельник\w*|дүйсенбі\w*",
    "tuesday": r"tuesdays?|вторник\w*|сейсенбі\w*",
    "wednesday": r"wednesdays?|сред[аыеу]|средам|сәрсенбі\w*",
    "thursday": r"thursdays?|четверг\w*|бейсенбі\w*",
    "friday": r"fridays?|пятниц\w*|жұма(?:да|ға|ның|дан)?",
    "saturday": r"saturdays?|суббот\w*|сенбі\w*",
    "sunday": r"sundays?|воскресень\w*|жексенбі\w*",
    "january": r"january|январ\w*|қаңтар\w*",
    "february": r"february|феврал\w*|ақпан\w*",
    "march": r"марта?|наурыз\w*",
    "april": r"april|апрел\w*|сәуір\w*",
    "may": r"мая|мамыр\w*",
    "june": r"june|июн\w*|маусым\w*",
    "july": r"july|июл\w*|шілде\w*",
    "august": r"august|август\w*|тамыз\w*",
    "september": r"september|сентябр\w*|қыркүйек\w*",
    "october": r"october|октябр\w*|қазан\w*",
    "november": r"november|ноябр\w*|қараша\w*",
    "december": r"december|декабр\w*|желтоқсан\w*",
}
"""Without the English March and May, which are verbs as well."""
_CALENDAR_WORD = re.compile("|".join(f"(?P<{name}>{forms})" for name, forms in _CALENDAR.items()), re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
# That a digit comes is asked first: most places of a text are done with then.
_NUMBER_PATTERN = re.compile(rf"(?=\d)(?:(?<![\w.])(?:{_NUMBER})|(?<=[\w.])(?P<inner>\d+))")
_DATE_SIGN, _NO_DIGIT = re.compile("[./-]"), re.compile(r"\D")
_ENUMERATION = re.compile(r"^[ \t]*(?:\d{1,2}[.)]|\[\d{1,2}\])[ \t]+|\[\d{1,2}\]", re.MULTILINE)


def quantities(text: str) -> list[Quantity]:
    """Every quantity of the text, in no particular order."""
    text = _ENUMERATION.sub(lambda match: " " * len(match[0]), text)
    return [*_numerals(text), *_spelled(text)]


def _numerals(text: str) -> Iterator[Quantity]:
    matches = list(_NUMBER_PATTERN.finditer(text))
    following = ""
    for number, match in reversed(list(enumerate(matches))):
        unit = _unit_at(text, match.end()) or _sign_before(text, match.start())
        if not unit and number + 1 < len(matches) and _RANGE.fullmatch(text, match.end(), matches[number + 1].start()):
            # "3–5 days" says days of both.
            unit = following
        following = unit
        yield Quantity(_canonical(match), unit)


def _spelled(text: str) -> Iterator[Quantity]:
    kazakh = bool(_KAZAKH_LETTERS.search(text))
    for match in _WORD.finditer(text):
        value, is_count = _meant_by(match[0], kazakh)
        if value is not None:
            yield Quantity(value, _unit_at(text, match.end()) if is_count else "")


@lru_cache(maxsize=20_000)
def _meant_by(word: str, kazakh: bool) -> tuple[str | None, bool]:
    """The number or the calendar's name that a word stands for, and whether it is a number."""
    word = word.lower().replace("ё", "е")
    count = _WORD_VALUES.get(word) or (_KAZAKH_WORD_VALUES.get(word) if kazakh else None)
    if count is not None:
        return count, True
    calendar = _CALENDAR_WORD.fullmatch(word)
    return (calendar.lastgroup if calendar else None), False


def _canonical(match: re.Match[str]) -> str:
    # The last group that matched: cents are the only ones within another.
    match match.lastgroup:
        case "date":
            return _DATE_SIGN.sub(".", match[0])
        case "time":
            hours, minutes = match[0].split(":")
            return f"{int(hours)}:{minutes}"
        case "grouped" | "cents":
            return _NO_DIGIT.sub("", match["grouped"]) + (match["cents"] or "")
        case _:
            return match[0].replace(",", ".")


def _unit_at(text: str, position: int) -> str:
    match = _UNIT.match(text, position)
    if match is None or match.lastgroup is None:
        return ""
    return _UNIT_NAMES[int(match.lastgroup[1:])]


def _sign_before(text: str, position: int) -> str:
    match = _SIGN_BEFORE.search(text, max(0, position - 3), position)
    return match[1] if match else ""


MONTHS = frozenset(name for name in _CALENDAR if not name.endswith("day"))
_SPANS = frozenset({"minute", "hour", "day", "week", "month", "year"})


def span_of(word: str) -> str | None:
    """The unit of time that a lower-case word names: "per day" has one without a number."""
    unit = _unit_at(word, 0) if _UNIT.fullmatch(word) else ""
    return unit if unit in _SPANS else None


def is_quantity_word(word: str) -> bool:
    """Whether a lower-case word is a number, a unit or a day, which `quantities` reads."""
    return (
        word in _WORD_VALUES
        or word in _KAZAKH_WORD_VALUES
        or bool(_UNIT.fullmatch(word) or _CALENDAR_WORD.fullmatch(word))
    )
