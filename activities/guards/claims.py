"""What a written answer may not claim: the tenant's own list, checked beside grounding. Nothing here asks a model."""

from activities.guards.grounding import hosts
from activities.language.sentences import sentences
from activities.policy.words import Words, tokens
from models.contracts.policy import Claims, Matching

MATCHING = Matching(inflections=True, typos=False)
FORBIDDEN_CLAIM, FORBIDDEN_LINK = "forbidden_claim", "forbidden_link"


def forbidden(answer: str, claims: Claims) -> tuple[str, ...]:
    """Why the answer may not be sent, in words for metrics and history: `forbidden_claim`, `forbidden_link`, or both.

    A claim is forbidden when one sentence has all words of a forbidden phrase beside those that are allowed. A link is
    when it leads to none of the tenant's domains, if it has named some.
    """
    found = []
    if claims.forbidden and any(
        Words(_without(sentence, claims.allowed), MATCHING).have_one_of(claims.forbidden)
        for sentence in sentences(answer)
    ):
        found.append(FORBIDDEN_CLAIM)
    domains = claims.link_domains
    if domains is not None and not all(_within(host, domains) for host in hosts(answer)):
        found.append(FORBIDDEN_LINK)
    return tuple(found)


def _without(sentence: str, allowed: tuple[str, ...]) -> str:
    """The sentence without the very words that are allowed."""
    said = f" {' '.join(tokens(sentence))} "
    # The longest first: what it takes out is not left in halves by a shorter one.
    for phrase in sorted(allowed, key=len, reverse=True):
        said = said.replace(f" {' '.join(tokens(phrase))} ", " ")
    return said


def _within(host: str, domains: tuple[str, ...]) -> bool:
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)
