"""What a message means that makes sense only with what was said before it: "And to Astana?", «Ал қайтару ше?»."""

import re
from collections.abc import Sequence

from activities.language.terms import STOP_WORDS, words

# "And to Astana?", «А если карта чужая?», «Ал қайтару ше?»: openings that continue a question.
OPENINGS = re.compile(
    r"^\W*(?:and|what about|how about|but|or|then|same for|а|и|но|или|тогда|а то|ал|және|онда|сонда)\b|\bше\W*$",
    re.IGNORECASE,
)
# "How long does it take?", «Сколько это стоит?», «Ол қанша тұрады?»: words that stand for something named before.
STAND_INS = re.compile(
    r"\b(?:it|its|that|this|they|them|those|these|there|one|ones|same|это|этого|этому|этот|эта|эти|его|её|ее|он|она|оно|"
    r"они|их|них|неё|нее|там|туда|тогда|такой|такая|такое|тоже|ол|оны|оның|оған|бұл|мұны|мұның|осы|сонда|олар|олардың)\b",
    re.IGNORECASE,
)
FEW_WORDS = 3
CARRIED = 12
"""Words of what was said before that are searched with: more would drown the question itself."""


def leans_on_context(text: str) -> bool:
    """True for a message that opens like a continuation, has a stand-in word, or is only a few words long."""
    return bool(OPENINGS.search(text) or STAND_INS.search(text)) or len(text.split()) <= FEW_WORDS


def topic_of(before: Sequence[str]) -> str | None:
    """What the conversation is about, by the customer's messages so far, oldest first; None when nothing says so.

    The last one that stands by itself, and whatever leaned on it since: of «доставка в Алматы?», «а сколько стоит?»
    both are still asked about in «а в Астану?».
    """
    thread: list[str] = []
    for text in reversed(before):
        thread.insert(0, text)
        if not leans_on_context(text):
            break
    named = [word for text in thread for word in words(text) if word not in STOP_WORDS]
    return " ".join(list(dict.fromkeys(named))[:CARRIED]) or None
