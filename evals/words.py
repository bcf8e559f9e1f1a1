"""Texts compared as people would: without case, markup, punctuation, or the many kinds of space."""

import re

WORD = re.compile(r"\w+")


def plain(text: str) -> str:
    """The words of a text, one space apart."""
    return " ".join(WORD.findall(text.casefold()))


def holds(text: str, wanted: str) -> bool:
    """Whether `wanted` stands in `text`, whatever spaces and letter case are there."""
    return "".join(wanted.split()).casefold() in "".join(text.split()).casefold()
