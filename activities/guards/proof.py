"""Whether one statement of a passage says what a claim says: the same things, amounts, bounds, conditions, yes or no.

Words are compared, not meanings, and strictly: a content word that the statement lacks is taken for an invention. An
answer that is blocked in vain costs style, as a quote takes its place; one that passes wrongly costs trust.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise, product

from activities.guards.statements import Statement, fields_of
from activities.language.content import content
from activities.language.quantities import MONTHS, Quantity, is_quantity_word, quantities
from activities.language.relations import Relation, compares, relations
from activities.language.terms import words

_WORD = re.compile(r"[^\W\d_]+")
_THAN_AMOUNT = re.compile(r"\b(?:than|чем) \d", re.IGNORECASE)
_THEN = re.compile(
    r"\b(?:then|afterwards|after that|next|finally|затем|потом|после этого|далее|содан кейін|сосын|одан кейін)\b",
    re.IGNORECASE,
)
_CONDITION = re.compile(
    r"\b(?:if|unless|except|provided|excluding|если|пока|кроме|исключением|при условии|егер|басқа|as long as|while)\b"
    r"|\b(?:after|before|until|после|перед)\b|\w{3,30}(?:ғаннан кейін|геннен кейін|қаннан кейін|кеннен кейін)",
    re.IGNORECASE,
)
_ADJECTIVES = tuple(
    "ый ий ой ая яя ое ее ые ие ого его ых их ую юю ым им ыми ими ған ген қан кен лы лі сыз сіз".split()
)
_BOUNDS = frozenset({Relation.MORE, Relation.LESS, Relation.BEFORE, Relation.AFTER})
_KAZAKH = re.compile("[әғқңөұүһі]|кейін|дейін|төмен|астам|кем", re.IGNORECASE)
_RANGE = re.compile(
    r"\b(?:from|between|с|со|от)\s(?=\d)|\d[-\s]?(?:ден|дан|тен|тан|нан|нен)\b|\d\s?[–-]\s?\d", re.IGNORECASE
)
_BOUND_REACH = 20
"""Characters between a word that bounds and its amount."""


def proves(stated: Statement, claim: Statement) -> bool:
    """Whether `stated` says what `claim` says, and takes back nothing of it."""
    if not claim.amounts <= _known(stated):
        return False
    claim = claim.in_words_of(stated)
    if not claim.stems <= stated.stems | stated.context:
        return False
    if fields := fields_of(stated.text):
        return _row_proves(fields, stated, claim)
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


def _row_proves(fields: Sequence[tuple[str, str]], stated: Statement, claim: Statement) -> bool:
    """A row of a table speaks of what its first field names, and each of its values stands for itself."""
    subject = Statement(fields[0][1])
    values = " ".join(value for _, value in fields)
    return (
        (subject.stems <= claim.stems and subject.amounts <= _known(claim))
        and _relations_stand(stated, claim)
        and claim.denial == Statement(values).denial
        and all(amount in _known(claim) for amount, _ in bounds(values))
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
        if (
            not _bounds_stand(clause, claim)
            or not {each for each in clause.amounts if each.value in MONTHS} <= claim.amounts
        ):
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
