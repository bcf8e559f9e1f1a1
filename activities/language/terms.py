"""The terms of a text: what it says, reduced so that two ways of writing the same thing compare equal.

Lexical evidence for grounding, confidence and quoting. The stems are light (an ending off, then a fixed prefix): one
rule that serves English, Russian and Kazakh alike, and that a reader can predict.
"""

import re
from functools import lru_cache

_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")

_RU = (
    "а без более бы был была были было быть в вам вас ваш ваша ваше ваши весь во вот все всё вы где да даже для до его "
    "ее её если есть еще ещё же за и из или им их к как какая какие какой каком какую кто ли либо меня мне мной могу "
    "может можете можно мой моя мое мои мы на нам нас наш наша наше наши не него нее нет ни но ну о об однако он она "
    "они оно от очень по под при про с сам свой своя свои себя сколько со так также такой там то тоже только у уже "
    "хотел хочу чего чем что чтобы это этот эта эти этой этом скажите подскажите пожалуйста здравствуйте привет надо "
    "нужно будет будут"
)
_EN = (
    "a about am an and any are as at be been but by can could did do does for from get had has have he hello help her "
    "hi him his how i if in into is it its just know let like may me more much my need no not of on one or our out "
    "please she should so some tell than thank thanks that the their them then there these they this those to too up "
    "us was we were what when where which who why will with would you your many want"
)
_KK = (
    "ал ба бар бе біз бір бұл да де деген дейін егер едім емес және же жоқ керек көп қай қайда қайсы қалай қанша қашан "
    "ма мен мені менің ме не неге неше ол олар осы па пе сен сіз сізде сіздер сол туралы түр үшін үйде шейін айтыңызшы "
    "сәлем сәлеметсіз бола болады"
)
STOP_WORDS = frozenset(f"{_EN} {_RU} {_KK}".split())

_CYRILLIC_ENDING = re.compile(
    r"(?:иями|остями|"
    r"лары|лері|дары|дері|тары|тері|ының|інің|"
    r"ями|ами|ого|его|ому|ему|ыми|ими|иях|ешь|ете|ить|ать|ять|еть|"
    r"лар|лер|дар|дер|тар|тер|ның|нің|дың|дің|тың|тің|ған|ген|қан|кен|дан|ден|тан|тен|мен|бен|пен|"
    r"ях|ах|ей|ой|ий|ый|ая|яя|ое|ее|ые|ие|ую|юю|ов|ев|ам|ям|ом|ем|ия|ию|ии|ся|сь|ет|ют|ут|ит|ат|ят|ла|ло|ли|"
    r"ға|ге|қа|ке|да|де|та|те|ды|ді|ты|ті|ны|ні|"
    r"а|я|о|е|у|ю|ы|и|ь|й|і|л)$"
)
_LATIN_ENDING = re.compile(r"(?:'s|ments?|ings?|ies|ied|ed|es|ly|s|e|y)$")

_SHORTEST_STEM = 3
_CYRILLIC_PREFIX = 5
_LATIN_PREFIX = 6


def words(text: str) -> list[str]:
    """Words in order, lower case, ё as е."""
    return [match.lower().replace("ё", "е").replace("’", "'") for match in _WORD.findall(text)]


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """The stem of a lower-case word: доставка, доставку, доставить → доста; delivery, delivered → delive."""
    latin = word[0] < "Ѐ"
    ending = _LATIN_ENDING if latin else _CYRILLIC_ENDING
    match = ending.search(word)
    if match and match.start() >= _SHORTEST_STEM:
        word = word[: match.start()]
    return word[: _LATIN_PREFIX if latin else _CYRILLIC_PREFIX]


def content_stems(text: str) -> list[str]:
    """Stems of the words that carry meaning, in order, repeated where the text repeats them."""
    return [stem(word) for word in words(text) if len(word) > 1 and word not in STOP_WORDS]


_FOLDED_ENDING = re.compile(
    r"(?:лары|лери|дары|дери|тары|тери|сыздар|сиздер|ынын|инин|ыныз|иниз|иями|остями|"
    r"сыз|сиз|лык|лик|лар|лер|дар|дер|тар|тер|нын|нин|дын|дин|тын|тин|ган|ген|кан|кен|дан|ден|тан|тен|нан|нен|мен|бен|"
    r"пен|ями|ами|ого|его|ому|ему|ыми|ими|иях|ешь|ете|ить|ать|ять|еть|"
    r"сы|си|га|ге|ка|ке|на|не|да|де|та|те|ды|ди|ты|ти|ны|ни|ах|ях|еи|ои|ии|ыи|ая|яя|ое|ее|ые|ие|ую|юю|ов|ев|ам|ям|ом|"
    r"ем|ия|ию|ся|сь|ет|ют|ут|ит|ат|ят|ла|ло|ли|"
    r"а|я|о|е|у|ю|ы|и|ь|л|к|м|н)$"
)
"""Those of both languages, where Kazakh is typed on a Russian keyboard. It puts endings one after the other."""
_SHORT_ENDING = 2


def folded_stem(word: str) -> str:
    """The stem of a lower-case word without Kazakh letters, in Latin letters: кітапты, китаптан → kitap."""
    if word[0] < "Ѐ":
        return stem(word)
    word = word.replace("й", "и")
    for _ in range(2):
        match = _FOLDED_ENDING.search(word)
        if match is None or match.start() < _SHORTEST_STEM:
            break
        if match.start() == _SHORTEST_STEM and len(match[0]) > _SHORT_ENDING:
            break
        word = word[: match.start()]
    return romanised(word[:_CYRILLIC_PREFIX])


_ROMAN = str.maketrans(
    dict(
        zip(
            "абвгдезийклмнопрстуфхыэіңғүұқөәһ",
            "a b v g d e z i i k l m n o p r s t u f h y e i n g u u k o a h".split(),
            strict=True,
        )
    )
    | {"ж": "zh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "sh", "ю": "yu", "я": "ya", "ё": "e", "ъ": "", "ь": ""}
)


def romanised(text: str) -> str:
    """Lower case in Latin letters, so that Каспи and Kaspi, Алматы and Almaty compare equal."""
    return text.lower().translate(_ROMAN)
