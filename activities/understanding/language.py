"""Which of the three languages a message is in, by letters and cue words.

Customers write three words, mix languages, and type Kazakh on a Russian keyboard without its own letters; the measured
alternatives (docs/decisions/) trained on long texts lose there, and cost a hundred megabytes or a millisecond.
"""

import re

from activities.understanding import examples
from activities.understanding.letters import cyrillic, folded
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
    "алдым алгым дукен кеште ертен кете кетти барады ашык жабык ауыстыру кепилдик жок кала калада алматыга астанага "
    "адам адаммен айтыныз айтынызшы барма боласыз барып бермеди беринизши бересиздерме болса бот дейин едим жазбаныз "
    "жазбанызшы жазбаныздар жазыныз жатырмын жауап жиберме жибериниз косыныз косынызшы кызмет кызметкер "
    "маман мазаламаныз нешеге операторга сойлеским тапсырысым токтатыныз толесем толеймин турмын туседи "
    "шакырыныз шакырынызшы али енди емес жарайды тусиндим кайырлы кош болдым"
    .split()
)  # fmt: skip
_RUSSIAN = frozenset(
    "а без бы в вам вас ваш вы где да для до его ее если есть же за и из или к как какая какие какой когда кто ли мне "
    "мой моя мое мы на надо нам нас не нет но ну нужна нужно о он она они от по почему при про с сегодня сейчас сколько "
    "спасибо так там то только у уже хочу что это я привет здравствуйте заказ можно день добрый добрый оператор оплата "
    "доставка посылка деньги товар магазин карта гарантия работаете пожалуйста ок стоит больше бот верните вернуть возврат "
    "давайте дай дайте живой здрасте звонит людей менеджер менеджера мошенники находитесь нельзя нужен нужны один опять "
    "отпишите писать пишите позвать позови позовите помогите почем приедет придет работает соедините срочно стоп сюда "
    "тариф товара хватит человек человека чек этот эта всё все деньгами заказа оператора оператором человеком менеджером "
    "вообще очень ваши ваша себе тебе почта номер тарифа работать заказал"
    .split()
)  # fmt: skip
_ENGLISH = frozenset(
    "a about am an and any are as at be but can card could delivery do does for from get have hello help hey hi how i "
    "if in is it like me much my need no not of off on open or order pay please price refund return shipping stop thank "
    "thanks thx that the there this time to want was what when where which who why will with work you your agent human "
    "operator person after all also anyone back because before bot box buy by call cannot card cash close code cost did "
    "don done down each email even ever every few find first free give go good great had has he her here his home into "
    "its just keep kind last let list long look made make manager many message money more most must name never new next "
    "now number one only other our out over own parcel part phone put real really right said same say see send she shop "
    "should show so some someone still store such support sure take talk tell than them then these they thing those too "
    "two under until up us use very wait way we well were would write yes yet"
    .split()
)  # fmt: skip


def _key(word: str) -> str:
    """A word as it compares across keyboards: «сколько» and «skolko», «қалай» and «калай» have one key."""
    return folded(word).translate(_UNHEARD)


_UNHEARD = str.maketrans("й", "и", "ьъ")


def _said(language: Language) -> frozenset[str]:
    """Keys of the words of a language's example sentences, but for Latin ones: names of goods."""
    words = _WORD.findall(" ".join(examples.of(language)).lower())
    return frozenset(_key(word) for word in words if _CYRILLIC.search(word))


_BOTH = _said(Language.RU) & _said(Language.KK)
_RUSSIAN_LISTED = frozenset(map(_key, _RUSSIAN))
_KAZAKH_LISTED = frozenset(map(_key, _KAZAKH))
_RUSSIAN_KEYS = _RUSSIAN_LISTED | (_said(Language.RU) - _BOTH)
_KAZAKH_KEYS = _KAZAKH_LISTED | (_said(Language.KK) - _BOTH)
_ENGLISH_WORDS = _ENGLISH | frozenset(_WORD.findall(" ".join(examples.of(Language.EN)).lower()))
_KAZAKH_LATIN = re.compile("[ğñşı]")
"""Letters of the Latin alphabet for Kazakh that the customers' other languages do not have."""
_TELLING = 3
"""Letters from which a Latin word may be a Cyrillic one: «on», «do» and «no» are words everywhere."""


def detect(text: str, previous: Language | None = None, default: Language = Language.EN) -> Language:
    """The language of `text`; `previous` (the conversation's so far) where the text does not tell, else `default`."""
    words = [word.lower() for word in _WORD.findall(text)]
    own = [word for word in words if _CYRILLIC.search(word)]
    foreign = [word for word in words if not _CYRILLIC.search(word)]
    # Names of goods are Latin in every language, so one Cyrillic word outweighs two of them.
    if own and 2 * len(own) >= len(foreign):
        return _cyrillic(own, previous)
    if foreign:
        return latin(foreign, previous)
    return previous or default


def _cyrillic(words: list[str], previous: Language | None) -> Language:
    # A letter that Russian does not have outweighs a borrowed word.
    kazakh = 2 * sum(bool(_KAZAKH_LETTER.search(word)) for word in words)
    russian = 0
    for word in words:
        key = _key(word)
        if key in _RUSSIAN_KEYS or _RUSSIAN_LETTER.search(word):
            russian += 1
        elif key in _KAZAKH_KEYS or _KAZAKH_ENDING.fullmatch(word):
            kazakh += 1
    if kazakh == russian and previous in (Language.RU, Language.KK):
        return previous
    return Language.KK if kazakh > russian else Language.RU


def latin(words: list[str], previous: Language | None) -> Language:
    """The language of lower-case words in Latin letters, Russian and Kazakh ones among them."""
    english = sum(word in _ENGLISH_WORDS for word in words)
    keys = [_key(cyrillic(word)) for word in words if word not in _ENGLISH_WORDS and len(word) >= _TELLING]
    # «sup» is English, though «суп» is a word: one word alone must be one of the lists.
    alone = len(keys) == 1
    russian = sum(key in (_RUSSIAN_LISTED if alone else _RUSSIAN_KEYS) for key in keys)
    kazakh = sum(key in (_KAZAKH_LISTED if alone else _KAZAKH_KEYS) for key in keys)
    kazakh += sum(bool(_KAZAKH_LATIN.search(word)) for word in words)
    if max(russian, kazakh) > english:
        if russian == kazakh and previous in (Language.RU, Language.KK):
            return previous
        return Language.RU if russian > kazakh else Language.KK
    if previous and len(words) <= 3 and english < 2 and not any(word in _ENGLISH for word in words):
        # "iPhone 15 Pro", "SMS": a name says nothing of the language around it.
        return previous
    return Language.EN
