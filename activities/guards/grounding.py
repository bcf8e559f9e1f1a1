"""Does every number, name, link and claim of an answer stand in the passages that it was written from?

A model that reads "5 business days" and writes "24 hours" is caught here, before a customer is. The check is strict
on purpose: an answer that fails costs a little style (the customer gets the passage quoted), one that passes wrongly
costs the customer's trust.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from activities.embedding.port import Embedder
from activities.guards.proof import agrees, proves
from activities.guards.statements import Statement, claims_of, parts, statements
from activities.language.content import naming
from activities.language.quantities import Quantity, is_quantity_word, quantities
from activities.language.sentences import sentences
from activities.language.terms import content_stems, romanised, words
from models.contracts.enums import Language
from models.contracts.knowledge import Grounding, Passage

MIN_CROSS_SIMILARITY = 0.87
"""Cosine that a claim must reach with a sentence in another language, and a word with one of its words (embedded
model: translations are above it, other words of the same field below)."""
MIN_CROSS_WORDS = 0.5
"""Share of a claim's words that must find one there, and two of them at least. Verbs often do not."""
_IDENTIFIER_DIGITS = 5
"""A number this long without a unit is an order or phone number, which an answer may repeat from the question."""
_SHORTEST_NAME = 4
_INFLECTION = 2
"""Letters by which two cases of one name may differ at their end."""

_LINK = re.compile(
    # With any scheme or with none ("//host"), as apps that show messages make links of both.
    r"(?:(?<!\w)[a-z][a-z0-9+.-]{1,20}+:|(?<![\w:]))//[^\s<>()\"'«»]+"
    r"|(?<!\w)(?:javascript|vbscript|data|file|mailto|tel|sms):[^\s<>()\"'«»]+"
    # A bare host name, which they make links of too.
    r"|(?<![\w.-])(?:[\w-]++\.(?=\w))+(?:[a-z]{2,}+|рф|қаз|бел|укр)(?!\w)(?:[/:?#][^\s<>()\"'«»]*)?",
    re.IGNORECASE,
)
_AUTHORITY = re.compile(r"^(?:[a-z][a-z0-9+.-]*:(?!//).*|(?:[a-z][a-z0-9+.-]*:)?//)|[/?#\\].*$")
_PREFIX = re.compile(r"^(?:(?:https?:)?//)?(?:www\.)?")
_OBSCURED_DOT = re.compile(
    r"(\w)\s?(?:[\[({]\s?(?:\.|dot|точка|нүкте)\s?[\])}]|\s(?:dot|точка|нүкте)\s)\s?(?=\w)()", re.IGNORECASE
)
_OBSCURED_AT = re.compile(r"(\w)\s?[\[({]\s?(?:@|at|собака)\s?[\])}]\s?(?=\w)()", re.IGNORECASE)
"""As addresses are written that shall not be found: people read them all the same."""
_LONG_NUMBER = re.compile(r"\d(?:[\s().,–-]{0,3}\d){6,24}")
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]++@[\w-]++(?:\.[\w-]++)+")
_NAME = re.compile(r"[^\W\d_][\w'’-]*")


async def check(
    answer: str,
    passages: Sequence[Passage],
    question: str,
    *,
    language: Language,
    embedder: Embedder | None = None,
) -> Grounding:
    """Check an answer in `language` against the passages it was written from.

    Words are compared with the passages in the answer's language. Where none is, claims are compared by meaning
    through `embedder`; without one they count as unproven. May raise ProviderError, from the embedder alone.
    """
    if not content_stems(answer) and not quantities(answer):
        return Grounding(grounded=False, reasons=("empty",))
    known = [_known_by(passage.title, passage.heading, passage.text) for passage in passages]
    evidence = "\n".join(f"{passage.title}\n{passage.heading}\n{passage.text}" for passage in passages)
    reasons = []
    if not _numbers_stand(answer, frozenset().union(*(each.quantities for each in known)), question):
        reasons.append("number")
    if not _names_stand(answer, frozenset().union(*(each.words for each in known))):
        reasons.append("name")
    if not _links_stand(answer, evidence):
        reasons.append("link")
    if not _phones_stand(answer, evidence, question):
        reasons.append("phone")
    # The costly one last: what is wrong already need not be proven.
    if not reasons and not await _claims_stand(answer, question, passages, known, language, embedder):
        reasons.append("claim")
    return Grounding(grounded=not reasons, reasons=tuple(reasons))


@dataclass(frozen=True)
class _Known:
    """What can be compared of a passage: what it states, its parts word for word, its words in Latin letters, its
    numbers."""

    stated: tuple[Statement, ...]
    verbatim: frozenset[str]
    words: frozenset[str]
    quantities: frozenset[Quantity]


# The same passages are written from again and again. Up to 50 KB each, once claims were compared with them.
@lru_cache(maxsize=500)
def _known_by(title: str, heading: str, text: str) -> _Known:
    whole = f"{title}\n{heading}\n{text}"
    return _Known(
        stated=tuple(statements(title, heading, text)),
        verbatim=frozenset(map(_plain, parts(whole))),
        words=frozenset(map(romanised, words(whole))),
        quantities=frozenset(quantities(whole)),
    )


def _numbers_stand(answer: str, known: frozenset[Quantity], question: str) -> bool:
    said = quantities(answer)
    if not said:
        return True
    values = {quantity.value for quantity in known}
    identifiers = {quantity.value for quantity in quantities(question) if _is_identifier(quantity)}
    return all(
        quantity in known
        or (not quantity.unit and quantity.value in values)
        or (not quantity.unit and quantity.value in identifiers)
        for quantity in said
    )


def _is_identifier(quantity: Quantity) -> bool:
    return not quantity.unit and quantity.value.isdigit() and len(quantity.value) >= _IDENTIFIER_DIGITS


def _names_stand(answer: str, known: frozenset[str]) -> bool:
    return all(_is_known(romanised(word), known) for name in _names(answer) for word in words(name))


def _is_known(name: str, known: frozenset[str]) -> bool:
    """Whether the name stands there in some case: Алматы, Almaty and в Алмате are one name, Kaspi and Kaspersky two."""
    return name in known or any(
        abs(len(name) - len(other)) <= _INFLECTION
        and other.startswith(name[: max(_SHORTEST_NAME, len(name) - _INFLECTION)])
        for other in known
    )


def _names(answer: str) -> Iterator[str]:
    """Capitalised words that no sentence begins with."""
    for sentence in sentences(answer):
        tokens = list(_NAME.finditer(_LINK.sub(" ", _EMAIL.sub(" ", sentence))))
        for token in tokens[1:]:
            # Sunday is an amount of time.
            if token[0][0].isupper() and len(token[0]) > 1 and not is_quantity_word(token[0].lower()):
                yield token[0]


def hosts(text: str) -> set[str]:
    """The hosts to which links and e-mail addresses of a text lead, lower case; "" for a link that leads to none."""
    return {
        _AUTHORITY.sub("", link.lower()).rpartition("@")[2].split(":")[0].rstrip(".") for link in _LINK.findall(text)
    }


def _links_stand(answer: str, evidence: str) -> bool:
    said = _addresses(answer)
    return not said or said <= _addresses(evidence)


def _phones_stand(answer: str, evidence: str, question: str) -> bool:
    """Whether each long row of digits stands somewhere, however it is grouped: its parts alone are numbers of their own."""
    said = {_digits(number) for number in _LONG_NUMBER.findall(answer)}
    if not said:
        return True
    known = _digits(evidence)
    asked = {quantity.value for quantity in quantities(question) if _is_identifier(quantity)}
    return all(number in asked or _without_prefix(number) in known for number in said)


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def _without_prefix(number: str) -> str:
    """Without the 8 or +7 of a number of eleven digits, which are the same."""
    return number[1:] if len(number) == 11 and number[0] in "78" else number


def _addresses(text: str) -> set[str]:
    text = _OBSCURED_DOT.sub(r"\1.\2", _OBSCURED_AT.sub(r"\1@\2", text.replace("hxxp", "http")))
    found = [*_EMAIL.findall(text), *_LINK.findall(_EMAIL.sub(" ", text))]
    return {_PREFIX.sub("", address.lower()).rstrip(".,;:!?/") for address in found}


async def _claims_stand(
    answer: str,
    question: str,
    passages: Sequence[Passage],
    known: Sequence[_Known],
    language: Language,
    embedder: Embedder | None,
) -> bool:
    # A bare "Yes" says nothing beside a proven claim, and is the claim where it stands alone.
    claims = [
        (part, claim) for part, claim in claims_of(_without_identifiers(answer, question)) if claim.says_something
    ]
    unproven = [
        claim
        for part, claim in claims
        if not any(_plain(part) in each.verbatim for each in known)
        and not any(proves(stated, claim) for each in known for stated in each.stated)
    ]
    if claims and not unproven:
        return True
    # Texts of a few words are sometimes taken for another language: across languages is what no word has proven.
    if not claims or embedder is None or any(passage.language is language for passage in passages):
        return False
    return await _proven_across(unproven, passages, embedder)


def _without_identifiers(answer: str, question: str) -> str:
    for quantity in quantities(question):
        if _is_identifier(quantity):
            answer = answer.replace(quantity.value, " ")
    return answer


async def _proven_across(claims: Sequence[Statement], passages: Sequence[Passage], embedder: Embedder) -> bool:
    """Whether each claim is near to a sentence in another language that has its amounts, bounds, and yes or no."""
    stated = [each for passage in passages for each in statements("", "", passage.text)]
    spoken = await embedder.embed_queries([claim.text for claim in claims])
    written = await embedder.embed_passages([each.text for each in stated])
    for claim, vector in zip(claims, spoken, strict=True):
        nearness, nearest = max(
            ((_cosine(vector, other), each) for other, each in zip(written, stated, strict=True)),
            key=lambda found: found[0],
        )
        if (
            nearness < MIN_CROSS_SIMILARITY
            or not agrees(nearest, claim)
            or not _names_stand(nearest.text, frozenset(map(romanised, words(claim.text))))
            or not await _words_stand(nearest, claim, embedder)
        ):
            return False
    return True


async def _words_stand(stated: Statement, claim: Statement, embedder: Embedder) -> bool:
    """Whether enough of the claim's words have a translation in the statement: whole sentences hide a changed one."""
    said, known = naming(claim.text), naming(stated.text)
    if not said or not known:
        return not said
    there = await embedder.embed_queries(known)
    found = [
        max(_cosine(word, other) for other in there) >= MIN_CROSS_SIMILARITY
        for word in await embedder.embed_queries(said)
    ]
    return sum(found) >= max(min(2, len(found)), MIN_CROSS_WORDS * len(found))


def _plain(text: str) -> str:
    return " ".join(text.split()).lower().strip(" .!")


def _cosine(left: Sequence[float], right: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))
