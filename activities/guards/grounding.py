"""Does every number, name, link and claim of an answer stand in the passages that it was written from?

A model that reads "5 business days" and writes "24 hours" is caught here, before a customer is. The check is strict
on purpose: an answer that fails costs a little style (the customer gets the passage quoted), one that passes wrongly
costs the customer's trust.
"""

import re
from collections.abc import Iterator, Sequence

from activities.embedding.port import Embedder
from activities.language.quantities import Quantity, quantities
from activities.language.sentences import sentences
from activities.language.terms import content_stems, romanised, words
from models.contracts.enums import Language
from models.contracts.knowledge import Grounding, Passage

MIN_SUPPORT = 0.6
"""Share of a sentence's content words that one passage must hold. Paraphrase changes some; invention changes most."""
MIN_CROSS_SIMILARITY = 0.85
"""Cosine that a sentence must reach with a passage in another language (embedded model)."""
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
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]++@[\w-]++(?:\.[\w-]++)+")
_NAME = re.compile(r"[^\W\d_][\w'’-]*")
_NEGATION = re.compile(
    r"\b(?:not|no|never|cannot|can't|don't|doesn't|won't|isn't|aren't|without|не|нет|нельзя|никогда|без|"
    r"емес|жоқ|болмайды|\w+м[ае]йды|\w+м[ае]йміз)\b",
    re.IGNORECASE,
)


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
    evidence = "\n".join(f"{passage.title}\n{passage.heading}\n{passage.text}" for passage in passages)
    reasons = []
    if not _numbers_stand(answer, evidence, question):
        reasons.append("number")
    if not _names_stand(answer, evidence):
        reasons.append("name")
    if not _links_stand(answer, evidence):
        reasons.append("link")
    if not await _claims_stand(answer, passages, language, embedder):
        reasons.append("claim")
    return Grounding(grounded=not reasons, reasons=tuple(reasons))


def _numbers_stand(answer: str, evidence: str, question: str) -> bool:
    known = set(quantities(evidence))
    values = {quantity.value for quantity in known}
    identifiers = {quantity.value for quantity in quantities(question) if _is_identifier(quantity)}
    return all(
        quantity in known
        or (not quantity.unit and quantity.value in values)
        or (not quantity.unit and quantity.value in identifiers)
        for quantity in quantities(answer)
    )


def _is_identifier(quantity: Quantity) -> bool:
    return not quantity.unit and quantity.value.isdigit() and len(quantity.value) >= _IDENTIFIER_DIGITS


def _names_stand(answer: str, evidence: str) -> bool:
    known = {romanised(word) for word in words(evidence)}
    return all(_known(romanised(word), known) for name in _names(answer) for word in words(name))


def _known(name: str, known: set[str]) -> bool:
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
            if token[0][0].isupper() and len(token[0]) > 1:
                yield token[0]


def hosts(text: str) -> set[str]:
    """The hosts to which links and e-mail addresses of a text lead, lower case; "" for a link that leads to none."""
    return {
        _AUTHORITY.sub("", link.lower()).rpartition("@")[2].split(":")[0].rstrip(".") for link in _LINK.findall(text)
    }


def _links_stand(answer: str, evidence: str) -> bool:
    return _addresses(answer) <= _addresses(evidence)


def _addresses(text: str) -> set[str]:
    found = [*_EMAIL.findall(text), *_LINK.findall(_EMAIL.sub(" ", text))]
    return {_PREFIX.sub("", address.lower()).rstrip(".,;:!?/") for address in found}


async def _claims_stand(
    answer: str, passages: Sequence[Passage], language: Language, embedder: Embedder | None
) -> bool:
    near = [passage for passage in passages if passage.language is language]
    # A bare "Yes" says nothing beside a proven claim, and is the claim where it stands alone.
    claims = [sentence for sentence in sentences(answer) if len(set(content_stems(sentence))) > 1] or [answer]
    unproven = [claim for claim in claims if not any(_supports(passage, claim) for passage in near)]
    if not unproven:
        return True
    far = [passage for passage in passages if passage.language is not language]
    if near or not far or embedder is None:
        return False
    spoken = await embedder.embed_queries(unproven)
    written = await embedder.embed_passages([passage.text for passage in far])
    return all(max(_cosine(claim, passage) for passage in written) >= MIN_CROSS_SIMILARITY for claim in spoken)


def _supports(passage: Passage, claim: str) -> bool:
    """Whether the passage says it: the very words, or most of the content words and the same yes or no."""
    text = f"{passage.title}\n{passage.heading}\n{passage.text}"
    if _plain(claim) in _plain(text):
        return True
    stems = set(content_stems(claim))
    if len(stems & set(content_stems(text))) < MIN_SUPPORT * len(stems):
        return False
    nearest = max(sentences(text), key=lambda sentence: _overlap(stems, sentence))
    return bool(_NEGATION.search(claim)) == bool(_NEGATION.search(nearest))


def _overlap(stems: set[str], sentence: str) -> float:
    other = set(content_stems(sentence))
    return len(stems & other) / (1 + len(stems | other))


def _plain(text: str) -> str:
    return " ".join(text.split()).lower()


def _cosine(left: Sequence[float], right: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))
