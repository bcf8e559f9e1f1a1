"""Ways of typing undone before a sentence is compared or embedded.

The embedded model reads SHOUTING, Russian in Latin letters and «оператттор» far worse than the words behind them
(ADR 0045 has the figures).
"""

import re

from activities.understanding.language import latin
from activities.understanding.letters import cyrillic, one_script
from models.contracts.enums import Language

_REPEATED = re.compile(r"([^\W\d_])\1{2,}")
_WORD = re.compile(r"[^\W\d_]+")
_CYRILLIC = re.compile("[\u0400-\u04ff]")
_QUOTED = re.compile(r"[«“\"][^«»“”\"\n]{1,200}[»”\"]")


def plain(text: str) -> str:
    """`text` as it would be typed with care: no shouting, no drawn-out letters, Russian and Kazakh in their own script.

    What is typed with care already comes back as it is.
    """
    if text.isupper():
        text = text.lower()
    text = _REPEATED.sub(r"\1", text)
    if _CYRILLIC.search(text):
        return _WORD.sub(lambda word: one_script(word[0]), text)
    return text if latin(_WORD.findall(text.lower()), None) is Language.EN else cyrillic(text)


def unquoted(text: str) -> str:
    """`text` without what it quotes: the name of a button, or what somebody else said. All of it if it is a quote."""
    rest = _QUOTED.sub(" ", text)
    return rest if len(_WORD.findall(rest)) > 1 else text
