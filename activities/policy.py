"""Matches a message against a tenant's policy. Words, not meaning: a rule must hold whatever a model thinks."""

import re

from models.contracts.settings import Policy, Topic

WORD = re.compile(r"\w+")


def match(policy: Policy, text: str) -> Topic | None:
    """The first topic that the message is about: every word of one of its phrases begins a word of the message."""
    words = set(WORD.findall(text.casefold()))
    for topic in policy.topics:
        for phrase in topic.phrases:
            wanted = WORD.findall(phrase.casefold())
            if wanted and all(any(word.startswith(stem) for word in words) for stem in wanted):
                return topic
    return None
