"""What a written answer may look like: words for a person, of the passages, and nothing of the prompt.

Nothing here asks whether it is true; that is `activities.guards.grounding`.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence

from activities.language.terms import words
from models.contracts.knowledge import Passage

STRUCTURE, LEAK, LOOP, CODE = "structure", "leak", "loop", "code"

LEAK_WORDS = 5
"""Words in a row that an answer may share with its instructions by chance. A rule told word for word has more."""
LOOP_TIMES = 4

_STRUCTURE = re.compile(
    r"[{,]\s{0,20}[\"'“]?[\w.-]{1,60}[\"'”]?\s{0,20}:\s{0,20}[\"'\[{]"  # a record of JSON, whatever it asks for
    r"|```|<\||\|>|</?[a-z][a-z0-9_-]{0,30}(?:\s[^<>]{0,200})?/?>|\[/?INST\]|&#?\w{2,8};"
    r"|\b[a-z]\w{0,40}_\w{1,40}\(",
    re.IGNORECASE,
)
_REPEATED = re.compile(r"([^\W\d_][^\n]{0,60}?)(?:\s{0,3}\1){7}")
_CODE = re.compile(r"(?<![\w-])[\w-]{4,40}(?![\w-])")
_SUFFIX = re.compile(r"-[a-zа-яёәғқңөұүһі]{1,20}$")
_EMPHASIS = re.compile(r"(\*\*|__)(?=\S)([^*_\n]{1,300}?)\1")
_HEADING = re.compile(r"^ {0,3}#{1,6} +|^ {0,3}> ?", re.MULTILINE)
_LINKED = re.compile(r"!?\[([^\]\n]{0,200})\]\(([^)\s]{1,500})\)")


def faults(answer: str, passages: Sequence[Passage], told: str, mark: str) -> tuple[str, ...]:
    """Why the answer may not be sent, in words for metrics and history.

    `told` are the instructions that the model was given, `mark` the secret of its prompt.
    """
    evidence = "\n".join(f"{passage.title}\n{passage.heading}\n{passage.text}" for passage in passages)
    found = []
    if any(match[0] not in evidence for match in _STRUCTURE.finditer(answer)):
        found.append(STRUCTURE)
    if mark in answer.lower() or _shares_words(answer, told, evidence):
        found.append(LEAK)
    if loops(answer):
        found.append(LOOP)
    codes = list(_codes(answer))
    known = set(_CODE.findall(evidence.upper())) if codes else set()
    if not all(code.upper() in known or _SUFFIX.sub("", code) in known for code in codes):
        found.append(CODE)
    return tuple(found)


def loops(text: str) -> bool:
    """Whether it says the same over and over, as models do that have lost the thread."""
    if _REPEATED.search(text[-1000:]):
        return True
    said = [" ".join(words(line)) for line in re.split(r"[.!?\n]", text)]
    return any(line and said.count(line) >= LOOP_TIMES for line in set(said))


def rendered(answer: str) -> str:
    """The answer without Markdown, which the channels show as it is: a link by its words and its address."""
    text = _LINKED.sub(lambda link: link[2] if link[1] in ("", link[2]) else f"{link[1]} ({link[2]})", answer)
    return _HEADING.sub("", _EMPHASIS.sub(r"\2", text)).strip()


def _shares_words(answer: str, told: str, evidence: str) -> bool:
    """Whether a stretch of the instructions is in the answer that is in no passage."""
    shared = _stretches(answer) & _stretches(told)
    return bool(shared and shared - _stretches(evidence))


def _stretches(text: str) -> set[tuple[str, ...]]:
    said = words(text)
    return {tuple(said[first : first + LEAK_WORDS]) for first in range(len(said) - LEAK_WORDS + 1)}


def _codes(text: str) -> Iterator[str]:
    """Words that are written like a key or a voucher: capitals throughout, or letters with digits."""
    for word in _CODE.findall(unicodedata.normalize("NFKC", text)):
        digits = any(map(str.isdigit, word))
        # "30day" is a number with its unit.
        measured = word[0].isdigit() and not any(map(str.isupper, word))
        if sum(map(str.isalpha, word)) > 1 and (word.isupper() or (digits and not measured)):
            yield word
