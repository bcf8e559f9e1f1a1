"""What a text is about: its content words, reduced so that a claim and a statement can be compared word by word."""

from collections.abc import Iterator

from activities.language.quantities import is_quantity_word, span_of
from activities.language.relations import plainly, relates
from activities.language.terms import STOP_WORDS, stem, words

_LIGHT = (
    "able available company company's include includes contain contains has offers between charge charged cost "
    "costs price allow allowed arrive arrives be become certainly come comes do during exactly get gets give "
    "given goes happen happens just kept let may need needs order orders our please possible reach reaches "
    "receive sure take takes taken that still then there use used via want within per you yes sorry correct "
    "according "
    "компания компании возможно возможности вы да доступен доступна доступно достаточно включает входит входят "
    "займет займут длится действует являются занимает занимают занять затем заказ заказа заказе извините конечно "
    "котор которая которые который можете можно необходимо нужен нужна нужно понадобится получите потом "
    "потребуется рамках случае составляет составит вашу обойдется цена стоимость вашей вашего вашем вашими свою "
    "спасибо стоит стоить течение требуется является "
    "кіреді кіретін аласыз аламыз ала баға бағасы құны алады алу алуға болады болып беріледі бере бойы бойынша "
    "жасауға жасауды жасау істейді керек құрайды мүмкін осылай содан тұрады уақытта үшін ішінде жатыр тапсырыс "
    "тапсырысқа тапсырысты иә әрине сіздің өтінеміз "
)
"""Words that a paraphrase may add or leave out: they name nothing."""
_ALIKE = (
    "bring brought|keep kept|buy bought|send sent|make made|write written|choose chosen|break broken|lose lost"
    "|leave left|sell sold|tell told|hold held|wear worn|eat eaten|find found|build built|spend spent|drive driven"
    "|speak spoken|show shown|put placed|meet met|"
    "parcel package shipment delivery|goods item items product products|customer client buyer"
    "|money refund refunded|pays paid pay payment|change alter edit|erase delete wipe|begin start|shop store"
    "|valid validity|buy purchase|phone telephone call"
    "|товар вещь товары покупка|посылка заказ|клиент покупатель|деньги средства|изменить сменить менять"
    "|магазин точка|купить приобрести|оплатить заплатить оплата"
    "|тауар зат бұйым|ақша қаражат|клиент сатып-алушы|ауыстыру өзгерту"
)
LIGHT = frozenset(_LIGHT.split())
ALIKE = {stem(word): f"={number}" for number, group in enumerate(_ALIKE.split("|")) for word in group.split()}
"""One stem for words that stand for each other, forms of a verb among them."""


def content(text: str) -> Iterator[str]:
    """Stems of what a text is about, in order: no amounts, no words that relate, no links, one stem for words that are
    alike."""
    for word in words(_without_addresses(plainly(text))):
        if (span := span_of(word)) is not None:
            yield span
        elif len(word) > 1 and not (word in STOP_WORDS or word in LIGHT or relates(word) or is_quantity_word(word)):
            # Check-in and check-out are one word by their beginnings.
            root = "-".join(map(stem, word.split("-"))) if "-" in word else stem(word)
            yield ALIKE.get(root, root)


def naming(text: str) -> list[str]:
    """The words of a text that name things or deeds, as they stand there."""
    return [word for word in words(_without_addresses(plainly(text))) if span_of(word) is None and any(content(word))]


def _without_addresses(text: str) -> str:
    """Links and e-mail addresses are compared by themselves (`grounding`)."""
    return " ".join(token for token in text.split() if not _is_address(token))


def _is_address(token: str) -> bool:
    _, dot, last = token.partition("/")[0].rstrip(".,;:!?)»\"'").rpartition(".")
    return "//" in token or "@" in token or (bool(dot) and len(last) > 1 and last.isalpha())
