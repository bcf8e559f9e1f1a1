"""Matches a message against a tenant's policy. See words.py for what counts as a word of a phrase."""

from activities.language.sentences import sentences
from activities.policy.words import Words
from models.contracts.policy import Policy, Topic


def match(policy: Policy, text: str) -> Topic | None:
    """The first topic one of whose phrases the message has, other than in sentences that are excluded by `unless`."""
    words = Words(text, policy.matching)
    return next((topic for topic in policy.topics if _is_about(text, words, topic, policy)), None)


def _is_about(text: str, words: Words, topic: Topic, policy: Policy) -> bool:
    if not words.have_one_of(topic.phrases):
        return False
    if not words.have_one_of(topic.unless):
        return True
    # What one sentence excludes, another may still ask for.
    each = [Words(sentence, policy.matching) for sentence in sentences(text)]
    return any(said.have_one_of(topic.phrases) and not said.have_one_of(topic.unless) for said in each)


def opt_out_apart(policy: Policy, text: str) -> tuple[bool, str]:
    """Whether the tenant's own words for an opt-out are there, and the message without the sentences that have them."""
    phrases = policy.opt_out.phrases
    if not phrases or not Words(text, policy.matching).have_one_of(phrases):
        return False, text
    said = sentences(text)
    rest = [sentence for sentence in said if not Words(sentence, policy.matching).have_one_of(phrases)]
    # A phrase over several sentences leaves all of them.
    return True, "" if len(rest) == len(said) else "\n".join(rest)
