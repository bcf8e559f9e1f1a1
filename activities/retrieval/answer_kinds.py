"""What kind of thing a question wants to hear, and whether a text holds one.

"How much is gift wrapping?" is near to a page that names gift wrapping, in meaning and in words; what tells that the page
does not answer is that it names no price.
"""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum

from activities.language.quantities import Quantity, quantities
from activities.understanding.letters import folded


class Kind(StrEnum):
    PRICE = "price"
    DURATION = "duration"
    TIME = "time"
    PLACE = "place"
    CONTACT = "contact"
    NUMBER = "number"


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{pattern})")


# Of questions without the letters that Russian and Kazakh keyboards do not share.
_WANTED = {
    Kind.PRICE: _words(
        r"how much (?:is|are|does|do|for|to|would|will)\b|cost|prices?\b|fees?\b|what .*\bcharge|сколько (?:сто|возьм|бер|плат|надо плат)"
        r"|цен[аыеу]\b|почем|стоимост|канша тур|багасы|нешеден|акысы"
    ),
    Kind.DURATION: _words(
        r"how (?:long|quick|fast|soon)|how many (?:days|weeks|months|years|hours|minutes)|сколько (?:дн|врем|длит|идет|хран|"
        r"действ|жда|месяц|час|минут)|за сколько|на сколько дней|срок|(?:неше|канша) (?:кун|уакыт|сагат|минут|апта|ай)|мерзим"
    ),
    Kind.TIME: _words(
        r"what time|when\b|hours\b|(?:till|until) when|how late|во сколько|(?:до|с) скольки|когда|график|часы работы|"
        r"кашан|неше(?:де|ге)\b|сагат (?:неше|канша)|жумыс уакыты"
    ),
    Kind.PLACE: _words(
        r"where\b(?! (?:is|are) my)|address|где\b(?! мо[йеия])|адрес|(?<!ым )(?<!им )кайда\b|кай жер|мекенжай"
    ),
    Kind.CONTACT: _words(r"phone|your number|e-?mail address|телефон|номер (?:ватсап|для связи)|номирин"),
    Kind.NUMBER: _words(r"how (?:many|much|big|high|old|far|deep|heavy)|what age|сколько|неше\b|канша"),
}

_FREE = _words(r"free\b|includ|бесплат|вход[яи]т|включен|тегин|киреди|ничего не сто|at no cost")
_AROUND = _words(
    r"кругл|сутк|таулик|daily|every|кажд|ежедн|выходн|тот же день|сол куни|same (?:day|evening)|while you wait|кун сайын"
)
_PLACES = _words(
    r"улиц|ул\.|просп|пр-т|кошеси|коше\b|дангыл|этаж|street|avenue|road|lane\b|square|floor|рядом|next to|кабат|ст\. м|метро"
)
_CONTACTS = re.compile(r"\+?\d[\d ()-]{5,}\d|\S@\S")
_MONEY = frozenset({"₸", "₽", "$", "€", "%"})
_SIGNS = re.compile("[₸₽$€£]")
_SPANS = frozenset({"minute", "hour", "day", "week", "month", "year"})
_HOURS = frozenset({"am", "pm"})


def wanted(question: str) -> frozenset[Kind]:
    """The kinds of answer that fit. A number of anything only where nothing says what is counted."""
    said = folded(question)
    found = frozenset(kind for kind, pattern in _WANTED.items() if pattern.search(said))
    return found - {Kind.NUMBER} if len(found) > 1 else found


def held(text: str) -> frozenset[Kind]:
    """The kinds of answer that the text could give."""
    said, amounts = folded(text), quantities(text)
    return frozenset(kind for kind, test in _HELD.items() if test(said, amounts))


def _price(said: str, amounts: list[Quantity]) -> bool:
    return any(unit in _MONEY for _, unit in amounts) or bool(_SIGNS.search(said) or _FREE.search(said))


def _duration(said: str, amounts: list[Quantity]) -> bool:
    return any(unit in _SPANS for _, unit in amounts) or bool(_AROUND.search(said))


def _time(said: str, amounts: list[Quantity]) -> bool:
    named = any(":" in value or value.isalpha() or unit in _SPANS | _HOURS for value, unit in amounts)
    return named or bool(_AROUND.search(said))


_HELD: Mapping[Kind, Callable[[str, list[Quantity]], bool]] = {
    Kind.PRICE: _price,
    Kind.DURATION: _duration,
    Kind.TIME: _time,
    Kind.PLACE: lambda said, _: bool(_PLACES.search(said)),
    Kind.CONTACT: lambda said, _: bool(_CONTACTS.search(said)),
    Kind.NUMBER: lambda _, amounts: bool(amounts),
}
