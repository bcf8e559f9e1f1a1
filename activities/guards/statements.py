"""Whether one statement of a passage says what a claim says: the same things, amounts, bounds, conditions, yes or no.

Words are compared, not meanings, and strictly: a content word that the statement lacks is taken for an invention,
unless it adds nothing (`LIGHT`) or is another word for one that stands there (`ALIKE`).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise, product

from activities.language.quantities import Quantity, is_quantity_word, quantities, span_of
from activities.language.relations import Relation, compares, denies, plainly, relates, relations
from activities.language.sentences import sentences
from activities.language.terms import STOP_WORDS, stem, words

_LIGHT = (
    "able available company company's include includes contain contains has offers between charge charged cost costs price allow allowed arrive arrives be become certainly come comes do during exactly get gets give given "
    "goes happen happens just kept let may need needs order orders our please possible reach reaches receive sure take "
    "takes taken that still then there use used via want within per you yes sorry correct according "
    "компания компании возможно возможности вы да доступен доступна доступно достаточно включает входит входят займет займут длится действует являются занимает занимают занять затем заказ заказа заказе "
    "извините конечно котор которая которые который можете можно необходимо нужен нужна нужно понадобится получите "
    "потом потребуется рамках случае составляет составит вашу обойдется цена стоимость вашей вашего вашем вашими свою спасибо стоит стоить течение требуется является "
    "кіреді кіретін аласыз аламыз ала баға бағасы құны алады алу алуға болады болып беріледі бере бойы бойынша жасауға жасауды жасау істейді керек құрайды мүмкін "
    "осылай содан тұрады уақытта үшін ішінде жатыр тапсырыс тапсырысқа тапсырысты иә әрине сіздің өтінеміз"
)
_ALIKE = (
    "bring brought|keep kept|buy bought|send sent|make made|write written|choose chosen|break broken|lose lost"
    "|leave left|sell sold|tell told|hold held|wear worn|eat eaten|find found|build built|spend spent|drive driven"
    "|speak spoken|show shown|put placed|meet met|"
    "parcel package shipment order delivery|goods item items product products|customer client buyer you"
    "|money refund refunded|pays paid pay payment|change alter edit|erase delete wipe|begin start|shop store"
    "|valid validity|buy purchase|phone telephone call"
    "|товар вещь товары покупка|посылка заказ|клиент покупатель|деньги средства|изменить сменить менять"
    "|магазин точка|купить приобрести|оплатить заплатить оплата"
    "|тауар зат бұйым|ақша қаражат|клиент сатып-алушы|ауыстыру өзгерту"
)
LIGHT = frozenset(_LIGHT.split())
ALIKE = {stem(word): f"={number}" for number, group in enumerate(_ALIKE.split("|")) for word in group.split()}

_CLAUSE = re.compile(
    r"[,:().!?]\s|\s(?=(?:and|but|while|whereas|unless|except|if|или|и|а|но|если|кроме|және|ал|бірақ|егер)\s)",
    re.IGNORECASE,
)
_REFERS = re.compile(
    r"(?:it|they|this|these|those|he|she|он|она|оно|они|это|эта|этот|эти|его|её|их|ол|олар|бұл|оны|оларды|оның)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]+")
_JOINED = re.compile(
    r",\s(?:and|but|while|а|и|но)\s(?P<subject>[^,.;]{3,60}?)(?=\s(?:may|can|cannot|must|is|are|has|have|costs?|takes?|will"
    r"|можно|нельзя|стоит|стоят|занимает|работает|работают|действует|составляет)\s)",
    re.IGNORECASE,
)
_THAN_AMOUNT = re.compile(r"\b(?:than|чем) \d", re.IGNORECASE)
_THEN = re.compile(
    r"\b(?:then|afterwards|after that|next|finally|затем|потом|после этого|далее|содан кейін|сосын|одан кейін)\b",
    re.IGNORECASE,
)
_ITEM = re.compile(r"[ \t]{0,12}(?:[-*•–]|\d{1,2}[.)])\s")
_CONDITION = re.compile(
    r"\b(?:if|unless|except|provided|excluding|если|пока|кроме|исключением|при условии|егер|басқа|as long as|while)\b"
    r"|\b(?:after|before|until|после|перед)\b|\w{3,30}(?:ғаннан кейін|геннен кейін|қаннан кейін|кеннен кейін)",
    re.IGNORECASE,
)
_ADJECTIVES = tuple(
    "ый ий ой ая яя ое ее ые ие ого его ых их ую юю ым им ыми ими ған ген қан кен лы лі сыз сіз".split()
)
_ENDING = 2
"""Letters by which stems of one word may differ."""
_BOUNDS = frozenset({Relation.MORE, Relation.LESS, Relation.BEFORE, Relation.AFTER})
_BOUND_REACH = 20
"""Characters between a word that bounds and its amount."""
_KAZAKH = re.compile("[әғқңөұүһі]|кейін|дейін|төмен|астам|кем", re.IGNORECASE)
_RANGE = re.compile(
    r"\b(?:from|between|с|со|от)\s(?=\d)|\d[-\s]?(?:ден|дан|тен|тан|нан|нен)\b|\d\s?[–-]\s?\d", re.IGNORECASE
)


@dataclass(frozen=True)
class Statement:
    """A sentence, or what is read together, with what can be compared of it. `context` has stems that hold beside it."""

    text: str
    context: frozenset[str] = frozenset()

    renamed: tuple[tuple[str, str], ...] = ()

    @cached_property
    def ordered(self) -> tuple[str, ...]:
        names = dict(self.renamed)
        return tuple(names.get(root, root) for root in content(self.text))

    @cached_property
    def stems(self) -> frozenset[str]:
        return frozenset(self.ordered)

    @property
    def says_something(self) -> bool:
        return bool(self.stems or self.amounts)

    @cached_property
    def amounts(self) -> frozenset[Quantity]:
        return frozenset(quantities(self.text))

    @cached_property
    def relations(self) -> list[frozenset[Relation]]:
        return relations(plainly(self.text))

    @cached_property
    def denial(self) -> tuple[bool, bool]:
        """Whether it says no, and whether it says closed."""
        return denies(plainly(self.text)), any(Relation.CLOSED in meant for meant in self.relations)

    @staticmethod
    def denied_by(statements: Sequence["Statement"]) -> tuple[bool, bool]:
        return any(each.denial[0] for each in statements), any(each.denial[1] for each in statements)

    @cached_property
    def clauses(self) -> tuple["Statement", ...]:
        found = [Statement(piece.strip(), renamed=self.renamed) for piece in _CLAUSE.split(self.text)]
        return tuple(each for each in found if each.stems or each.amounts) or (self,)

    def in_words_of(self, other: "Statement") -> "Statement":
        """The same with the other's stems, where an ending was taken from one word and not from its other form."""
        roots = other.stems | other.context
        names = {
            root: near
            for root in self.stems - roots
            for near in roots
            if abs(len(root) - len(near)) <= _ENDING and (root.startswith(near) or near.startswith(root))
        }
        return replace(self, renamed=tuple(names.items())) if names else self


def content(text: str) -> Iterator[str]:
    """Stems of what a text is about, in order: no amounts, no words that relate, one stem for words that are alike."""
    for word in words(_without_addresses(plainly(text))):
        if (span := span_of(word)) is not None:
            yield span
        elif len(word) > 1 and not (word in STOP_WORDS or word in LIGHT or relates(word) or is_quantity_word(word)):
            # Check-in and check-out are one word by their beginnings.
            root = "-".join(map(stem, word.split("-"))) if "-" in word else stem(word)
            yield ALIKE.get(root, root)


def parts(text: str) -> list[str]:
    """The sentences of a text, and what semicolons part, which share no subject."""
    return [part for sentence in sentences(text) for part in re.split(r";\s", sentence)]


def _without_addresses(text: str) -> str:
    """Links and e-mail addresses are compared by themselves (`grounding`)."""
    return " ".join(token for token in text.split() if not _is_address(token))


def _is_address(token: str) -> bool:
    _, dot, last = token.partition("/")[0].rstrip(".,;:!?)»\"'").rpartition(".")
    return "//" in token or "@" in token or (bool(dot) and len(last) > 1 and last.isalpha())


def naming(text: str) -> list[str]:
    """The words of a text that name things or deeds, as they stand there."""
    return [word for word in words(_without_addresses(plainly(text))) if span_of(word) is None and any(content(word))]


def claims_of(answer: str) -> list[tuple[str, Statement]]:
    """What an answer claims: each part word for word, and with the part before where it refers to that."""
    said = [claim for part in parts(answer) for claim in _apart(part)]
    return [
        (part, Statement(f"{said[number - 1]} {part}" if number and _REFERS.match(part) else part))
        for number, part in enumerate(said)
    ]


def _apart(part: str) -> list[str]:
    """Main clauses that a comma and a conjunction join: a second one has a subject and a verb of its own."""
    begun = 0
    found = []
    for match in _JOINED.finditer(part):
        if any(content(match["subject"])):
            found.append(part[begun : match.start()])
            begun = match.start("subject")
    return [*found, part[begun:]]


def statements(title: str, heading: str, text: str) -> list[Statement]:
    """What a passage states: each sentence, with the one before where it refers to it; a list with its introduction."""
    context = frozenset(content(f"{title}\n{heading}"))
    found = [Statement(said) for said in (title, heading) if said]
    for paragraph in re.split(r"\n\s*\n", text):
        said = parts(paragraph)
        for number, sentence in enumerate(said):
            refers = number > 0 and _REFERS.match(sentence) is not None
            found.append(Statement(f"{said[number - 1]} {sentence}" if refers else sentence, context))
        if any(_ITEM.match(sentence) for sentence in said):
            found.append(Statement(" ".join(said), context))
    return found


def proves(stated: Statement, claim: Statement) -> bool:
    """Whether `stated` says what `claim` says, and takes back nothing of it."""
    if not claim.amounts <= _known(stated):
        return False
    claim = claim.in_words_of(stated)
    if not claim.stems <= stated.stems | stated.context:
        return False
    used = [clause for clause in stated.clauses if _is_used(clause, claim, stated)] or list(stated.clauses)
    return (
        _relations_stand(stated, claim)
        and claim.denial == Statement.denied_by(used)
        and all(_clause_stands(stated, clause) for clause in claim.clauses if len(claim.clauses) > 1)
        and not any(_drops_modifier(clause, claim) for clause in used)
        and _belongs(stated, claim)
        and _conditions_stand(stated, used, claim)
        and _comparison_stands(stated, claim)
        and in_order(stated, claim)
    )


def agrees(stated: Statement, claim: Statement) -> bool:
    """What can be told of a claim in another language, where words cannot be compared."""
    return (
        claim.amounts <= _known(stated)
        and claim.denial == stated.denial
        and _relations_stand(stated, claim)
        and all(_has(claim, each) for each in (Relation.IF, Relation.UNLESS, Relation.ONLY) if _has(stated, each))
        and _bounds_stand(stated, claim)
        and all(clause.amounts <= _known(claim) for clause in stated.clauses if len(stated.clauses) > 1)
    )


def _has(statement: Statement, relation: Relation) -> bool:
    return any(relation in meant for meant in statement.relations)


def in_order(stated: Statement, claim: Statement) -> bool:
    """Steps come in the order in which they are told, where the claim tells an order."""
    if not _THEN.search(claim.text):
        return True
    places = [stated.ordered.index(root) for root in dict.fromkeys(claim.ordered) if stated.ordered.count(root) == 1]
    return places == sorted(places)


def _known(stated: Statement) -> frozenset[Quantity]:
    """The amounts of a statement, also without their units."""
    return stated.amounts | {Quantity(amount.value) for amount in stated.amounts}


def _is_used(clause: Statement, claim: Statement, stated: Statement) -> bool:
    """Whether the claim needs this clause: something of it stands in no other."""
    others = [each for each in stated.clauses if each is not clause]
    own = (clause.stems & claim.stems) - frozenset().union(*(each.stems for each in others))
    amounts = (clause.amounts & claim.amounts) - frozenset().union(*(each.amounts for each in others))
    return bool(own or amounts)


def _relations_stand(stated: Statement, claim: Statement) -> bool:
    known = frozenset().union(*stated.relations)
    if Relation.UNLESS not in known:
        # To say under which condition takes nothing back.
        known |= {Relation.IF}
    return all(meant & known for meant in claim.relations)


def _clause_stands(stated: Statement, clause: Statement) -> bool:
    """A part of a claim denies what the parts of the statement deny that it is taken from."""
    used = [each for each in stated.clauses if _is_used(each, clause, stated)]
    return not used or clause.denial == Statement.denied_by(used)


def _belongs(stated: Statement, claim: Statement) -> bool:
    """What is said of one thing is not claimed of another: of two parts of a statement that go side by side (each has
    its own amount, or they share a word), a claim takes no amount or name from the one and the rest from the other."""
    for said in claim.clauses:
        taken = Statement(said.text, renamed=claim.renamed) if said.stems else claim
        used = [clause for clause in stated.clauses if _is_used(clause, taken, stated)]
        holders = [clause for clause in used if clause.amounts & said.amounts] or used
        for holder, other in product(holders, used):
            side_by_side = holder.stems & other.stems or (
                holder.amounts and (other.amounts or _has(other, Relation.FREE))
            )
            if holder is not other and side_by_side:
                own = holder.stems - other.stems
                if not own <= taken.stems | stated.context:
                    return False
    return True


def _conditions_stand(stated: Statement, used: Sequence[Statement], claim: Statement) -> bool:
    """What bounds the statement is said with it: its if and unless, its above and below."""
    for match in _CONDITION.finditer(stated.text):
        before = words(stated.text[: match.start()])[-1:]
        if before and is_quantity_word(before[0]):
            # "Within 14 days after …" says from when, not if.
            continue
        begun = max(stated.text.rfind(" ", 0, match.end() - 1), 0) if "кейін" in match[0] else match.start()
        condition = next(iter(Statement(stated.text[begun:]).clauses))
        rest = condition.stems or condition.amounts
        if rest and not condition.stems & claim.stems and not condition.amounts & claim.amounts:
            return False
    for clause in used:
        if not _bounds_stand(clause, claim):
            return False
        limited = any(meant & {Relation.FREE, Relation.ONLY} for meant in clause.relations)
        if limited and not clause.stems <= claim.stems | stated.context:
            return False
    return True


def _bounds_stand(stated: Statement, claim: Statement) -> bool:
    """Whether what is bounded is bounded in the same way."""
    return all(
        amount in _known(claim) and any(meant & said for said in claim.relations)
        for amount, meant in bounds(stated.text)
    )


def bounds(text: str) -> Iterator[tuple[Quantity, frozenset[Relation]]]:
    """The amounts that something is bounded by: above which, before which. Those of a range are not among them."""
    if _RANGE.search(text):
        return
    for match in _WORD.finditer(text):
        meant = frozenset().union(*relations(match[0])) & _BOUNDS
        if not meant:
            continue
        behind = text[max(0, match.start() - _BOUND_REACH) : match.start()]
        ahead = text[match.end() : match.end() + _BOUND_REACH]
        yield from ((amount, meant) for amount in quantities(behind if _KAZAKH.search(match[0]) else ahead)[:1])


def _drops_modifier(clause: Statement, claim: Statement) -> bool:
    """Whether a noun of the claim has lost the word right before it: the boots that are unworn in the statement."""
    said = words(clause.text)
    for first, second in pairwise(said):
        (root,), (noun,) = (tuple(content(word)) or ("",) for word in (first, second))
        if root and noun in claim.stems and root not in claim.stems and _modifies(first):
            return True
    return False


def _modifies(word: str) -> bool:
    """Whether it may say which of the things that follow: no verb in the third person; an adjective, a participle."""
    return not word.endswith("s") if word.isascii() else word.endswith(_ADJECTIVES)


def _comparison_stands(stated: Statement, claim: Statement) -> bool:
    """The same is more, or the other is less."""
    said, known = compares(claim.text), compares(stated.text)
    if said is None or known is None:
        return said is known
    if _THAN_AMOUNT.search(claim.text):
        return said == known
    shared = [root for root in claim.ordered if stated.ordered.count(root) == 1 and claim.ordered.count(root) == 1]
    places = [stated.ordered.index(root) for root in shared]
    return said[0] == known[0] and places == sorted(places, reverse=said[1] != known[1])
