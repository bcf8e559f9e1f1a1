"""Which of the three languages a message is in, by letters and cue words.

Customers write three words, mix languages, and type Kazakh on a Russian keyboard without its own letters; the measured
alternatives (docs/decisions/) trained on long texts lose there, and cost a hundred megabytes or a millisecond.
"""

import re

from models.contracts.enums import Language

_WORD = re.compile(r"[^\W\d_]+")
_CYRILLIC = re.compile(r"[\u0400-\u04ff]")
_KAZAKH_LETTER = re.compile("[әғқңөұүһі]")
_RUSSIAN_LETTER = re.compile("[вёфцчщъьэ]")
"""Letters that Kazakh writes only in borrowed words."""
_KAZAKH_ENDING = re.compile(
    r"\w{2,}(?:[нм][иы]з|[мс][иы]н|с[иы]з|[лдт]ар|[лдт]ер|[дт][иы]|[гк]а|[гк]е|[нт][иы]н|[дт]ан|[дт]ен|бен|пен|мен|[ыи]п|"
    r"[гк]ан|[гк]ен|[гк][иы]м|йын|йин|лык|лик|шы|ши)"
)
"""Endings as they look when Kazakh is typed without its own letters."""

_KAZAKH = frozenset(
    "ал алу ама ана арман ассалаумағалейкүм ба бар барма бас баска бе беру береді бересиз бере биз бир бол бола болад "
    "болады болама болып болды бос бугин бул ги да де деген деп екен емес енди жазба жазу жайлы жаксы жаңа жаса жатыр "
    "жер жерде жеткизу жибер жок жоқ жумыс жыл кайда кайтару кайырлы калай кандай канша каша кашан кел келеди келеді "
    "кемин керек ким кобинесе коп котерме косу кун ма маган мага мал мекен мен менде мени мерзим мумкин на неге неше "
    "нешеде онда ондай орын осы ол пе рахмет рақмет сагат салем салеметсиз салам сатып сен сиз сизде сиздер сонда сома "
    "сурак тагы тапсырыс телефоным толем туралы уакыт уйге ушин шыгар шагым шакыр ше шеш тен турады бересиздер ме мынау "
    "алдым алгым дукен кеште ертен кете кетти барады ашык жабык ауыстыру кепилдик жок кала калада алматыга астанага"
    .split()
)  # fmt: skip
_RUSSIAN = frozenset(
    "а без бы в вам вас ваш вы где да для до его ее если есть же за и из или к как какая какие какой когда кто ли мне "
    "мой моя мое мы на надо нам нас не нет но ну нужна нужно о он она они от по почему при про с сегодня сейчас сколько "
    "спасибо так там то только у уже хочу что это я привет здравствуйте заказ можно день добрый добрый оператор оплата "
    "доставка посылка деньги товар магазин карта гарантия работаете пожалуйста ок стоит"
    .split()
)  # fmt: skip
_ENGLISH = frozenset(
    "a about am an and any are as at be but can card could delivery do does for from get have hello help hey hi how i "
    "if in is it like me much my need no not of off on open or order pay please price refund return shipping stop thank "
    "thanks thx that the there this time to want was what when where which who why will with work you your agent human "
    "operator person"
    .split()
)  # fmt: skip
_ROMANISED_RUSSIAN = frozenset(
    "privet zdravstvuite zdravstvuyte spasibo skolko stoit gde kak kogda dostavka zakaz mozhno nuzhen xochu hochu oplata "
    "vozvrat dengi pozhaluista dobryi den".split()
)
_ROMANISED_KAZAKH = frozenset(
    "salem salemetsiz rahmet rakhmet qalai kalai qansha kansha qaida kerek bar ma tapsyrys".split()
)


def detect(text: str, previous: Language | None = None, default: Language = Language.EN) -> Language:
    """The language of `text`; `previous` (the conversation's so far) where the text does not tell, else `default`."""
    words = [word.lower() for word in _WORD.findall(text)]
    cyrillic = [word for word in words if _CYRILLIC.search(word)]
    latin = [word for word in words if not _CYRILLIC.search(word)]
    # Names of goods are Latin in every language, so one Cyrillic word outweighs two of them.
    if cyrillic and 2 * len(cyrillic) >= len(latin):
        return _cyrillic(cyrillic, previous)
    if latin:
        return _latin(latin, previous)
    return previous or default


def _cyrillic(words: list[str], previous: Language | None) -> Language:
    # A letter that Russian does not have outweighs a borrowed word.
    kazakh = 2 * sum(bool(_KAZAKH_LETTER.search(word)) for word in words)
    russian = 0
    for word in words:
        if word in _RUSSIAN or _RUSSIAN_LETTER.search(word):
            russian += 1
        elif word in _KAZAKH or _KAZAKH_ENDING.fullmatch(word):
            kazakh += 1
    if kazakh == russian and previous in (Language.RU, Language.KK):
        return previous
    return Language.KK if kazakh > russian else Language.RU


def _latin(words: list[str], previous: Language | None) -> Language:
    english = sum(word in _ENGLISH for word in words)
    russian = sum(word in _ROMANISED_RUSSIAN for word in words)
    kazakh = sum(word in _ROMANISED_KAZAKH for word in words)
    if kazakh > max(english, russian):
        return Language.KK
    if russian > english:
        return Language.RU
    if not english and previous and len(words) <= 3:
        # "iPhone 15 Pro", "SMS": a name says nothing of the language around it.
        return previous
    return Language.EN
