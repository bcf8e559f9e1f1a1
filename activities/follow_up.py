"""Whether a message makes sense only with what was said before it."""

import re

# "And to Astana?", «А если карта чужая?», «Ал қайтару ше?»: openings that continue a question.
OPENINGS = re.compile(
    r"^\W*(?:and|what about|how about|but|or|then|а|и|но|или|тогда|ал|және|онда)\b|\bше\W*$", re.IGNORECASE
)
# "How long does it take?", «Сколько это стоит?», «Ол қанша тұрады?»: words that stand for something named before.
STAND_INS = re.compile(
    r"\b(?:it|its|that|this|they|them|those|there|это|этого|этому|его|её|ее|он|она|они|их|там|туда|тогда|"
    r"ол|оны|оның|бұл|мұны|сонда|олар)\b",
    re.IGNORECASE,
)
FEW_WORDS = 3


def leans_on_context(text: str) -> bool:
    """True for a message that opens like a continuation, has a stand-in word, or is only a few words long."""
    return bool(OPENINGS.search(text) or STAND_INS.search(text)) or len(text.split()) <= FEW_WORDS
