"""How a text relates what it names: whether it denies, bounds, compares, makes conditions. The same in every language.

Words that a paraphrase may not lose or turn: "after" and "before" share every other word of a sentence.
"""

import re
from enum import StrEnum


class Relation(StrEnum):
    BEFORE = "before"
    AFTER = "after"
    MORE = "more"
    LESS = "less"
    ONLY = "only"
    ALL = "all"
    IF = "if"
    UNLESS = "unless"
    FREE = "free"
    OPEN = "open"
    CLOSED = "closed"


_WORDS = {
    Relation.BEFORE: "before until till prior до перед раньше дейін дейінгі бұрын",
    Relation.AFTER: "after since после спустя через кейін соң кейінгі",
    Relation.MORE: "above over more exceed* least minimum beyond свыше более больше выше минимум старше "
    "жоғары артық астам көп кемінде",
    Relation.LESS: "below under less fewer most maximum up later ниже менее меньше максимум до младше позднее позже "
    "төмен кем аз дейін кешіктірмей дейінгі",
    Relation.ONLY: "only solely just exclusively только лишь исключительно тек ғана",
    Relation.ALL: "all any every each always anything anywhere anyone everyone everything everybody ever constantly "
    "guaranteed любой любого любую любом любые любых все всё всех всем всегда каждый каждого каждую каждое ежедневно "
    "гарантированно барлық бәрі бәріне әр әрбір әрқашан әрдайым үнемі кез-келген",
    Relation.IF: "if provided when while once если пока условии когда егер жағдайда",
    Relation.UNLESS: "unless except excluding besides otherwise кроме исключением иначе басқа әйтпесе",
    Relation.FREE: "free gratis complimentary бесплатн* даром тегін ақысыз",
    Relation.OPEN: "open opens opened открыт открыта открыто открыты работает работают ашық ашылады істейді",
    Relation.CLOSED: "closed closes shut off disabled inactive выключен выключена выключено выключены отключен отключена өшірулі закрыт закрыта закрыто закрыты жабық жабылады",
}
_WHOLE: dict[str, set[Relation]] = {}
for _relation, _line in _WORDS.items():
    for _word in _line.split():
        _WHOLE.setdefault(_word, set()).add(_relation)
_BEGUN = {word.rstrip("*"): relations for word, relations in _WHOLE.items() if word.endswith("*")}

_COMPARED = {
    "speed": ("faster quicker быстрее жылдамырақ тезірек жылдам", "slower медленнее баяуырақ баяу"),
    "price": ("dearer pricier costlier дороже қымбат қымбатырақ", "cheaper дешевле арзан арзанырақ"),
    "size": ("bigger larger больше үлкен үлкенірек көбірек", "smaller меньше кіші кішірек азырақ"),
    "length": ("longer длиннее дольше ұзағырақ ұзынырақ", "shorter короче қысқарақ"),
    "height": ("higher taller выше биігірек", "lower ниже төменірек"),
    "weight": ("heavier тяжелее ауырырақ", "lighter легче жеңілірек"),
    "strength": ("stronger сильнее мощнее күштірек", "weaker слабее әлсізірек"),
    "quality": ("better лучше жақсырақ", "worse хуже нашарырақ"),
    "age": ("older старше ескірек", "newer younger новее младше жаңарақ"),
    "time": ("later позже кейінірек", "earlier sooner раньше ертерек"),
}
_COMPARISONS = {
    word: (dimension, sign)
    for dimension, (greater, smaller) in _COMPARED.items()
    for sign, line in ((1, greater), (-1, smaller))
    for word in line.split()
}
_NOT_A_BOUND = re.compile(
    r"\b(?:не|no|not) (?=(?:позднее|позже|более|менее|больше|меньше|later|more|less)\b)", re.IGNORECASE
)
_FROM = re.compile(r"\b(?:from|от) (?=\d++(?!:|\s?(?:[–-]|to\b|до\b)))", re.IGNORECASE)
"""A least amount, and no beginning of a range."""
_AT_NO_COST = re.compile(
    r"\b(?:costs? nothing|free of charge|(?:at )?no (?:charge|cost)|without (?:charge|payment))\b", re.IGNORECASE
)
_NEGATION = re.compile(
    r"\b(?:not|no|never|cannot|nobody|nothing|none|neither|without|\w{1,20}n['’]t|"
    r"не|нет|нельзя|никогда|никто|ничего|без|невозможно|запрещ\w{1,8}|forbidden|prohibited|banned|impossible|unavailable|"
    r"емес|жоқ|болмайды|ешқашан|ешкім|ештеңе|мүмкін емес|тыйым|\w{1,30}[мбп][ае]й(?:ды|ді|мыз|міз|сыз|сіз))\b",
    re.IGNORECASE,
)
_ANSWERED = re.compile(r"^\W{0,3}(?:yes|no|да|нет|иә|жоқ)\b\s*[,.!:—-]\s*(?=\w)", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")


def plainly(text: str) -> str:
    """The text without the yes or no that it begins with, and with one word for what costs nothing."""
    return _AT_NO_COST.sub("free", _ANSWERED.sub("", text))


def relations(text: str) -> list[frozenset[Relation]]:
    """For each word that relates, what it may mean ("до" is before, or less), in order."""
    found = [frozenset({Relation.MORE}) for _ in _FROM.finditer(text)]
    for word in _WORD.findall(text.lower()):
        meant = _WHOLE.get(word) or next((each for begin, each in _BEGUN.items() if word.startswith(begin)), None)
        if meant:
            found.append(frozenset(meant))
    return found


def relates(word: str) -> bool:
    """Whether a lower-case word relates things and names none."""
    return (
        word in _WHOLE
        or word in _COMPARISONS
        or word.endswith(("n't", "n’t"))
        or any(word.startswith(begin) for begin in _BEGUN)
    )


def denies(text: str) -> bool:
    return bool(_NEGATION.search(_NOT_A_BOUND.sub("", text)))


def compares(text: str) -> tuple[str, int] | None:
    """In what it compares two things, and 1 when the first has more of it, -1 when less."""
    return next((_COMPARISONS[word] for word in _WORD.findall(text.lower()) if word in _COMPARISONS), None)
