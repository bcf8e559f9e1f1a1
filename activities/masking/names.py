"""A customer's own name is taken out of what is to become knowledge, in whatever case it stands."""

import re

from activities.language.terms import STOP_WORDS, words

SHORTEST = 3
"""Initials and the like say nothing, and would be found everywhere."""
_LAST_VOWEL = re.compile(r"[аяеёиоуыьй]$")
_CASE = r"[а-яёәіңғүұқөһ]{0,4}"
"""What Russian and Kazakh put to a name's end: Анны, Иваном, Айгерімнің."""


def without_name(text: str, name: str | None) -> str:
    """`text` with `[name]` for each part of `name`. A name that is also a word (Rose) takes the word along."""
    parts = {word for word in words(name or "") if len(word) >= SHORTEST and word not in STOP_WORDS}
    if not parts:
        return text
    forms = "|".join(_forms(part) for part in sorted(parts))
    return re.sub(rf"(?<!\w)(?:{forms})(?!\w)", "[name]", text, flags=re.IGNORECASE)


def _forms(part: str) -> str:
    if part[0] < "Ѐ":
        return rf"{re.escape(part)}(?:['’]s)?"
    stem = _LAST_VOWEL.sub("", part) if len(part) > SHORTEST else part
    # The words are compared with ё as е, and people write either.
    return re.escape(stem).replace("е", "[её]") + _CASE
