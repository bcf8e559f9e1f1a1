"""Letters that stand for other letters: keyboards without Kazakh ones, and Cyrillic words in Latin letters."""

import re

FOLDED = str.maketrans("әғқңөұүһіёӘҒҚҢӨҰҮҺІЁ", "агкноуухиеАГКНОУУХИЕ")
"""Kazakh as it is typed on a Russian keyboard, ё as е."""
_SAME_SHAPE = str.maketrans("aeopcyxkmthi", "аеорсухкмтні")
_LATIN = re.compile("[a-z]")
_CYRILLIC = re.compile("[\u0400-\u04ff]")

# The longer first: «shch» is no «sh» with «ch».
_DIGRAPHS = (
    ("shch", "щ"), ("sch", "щ"), ("zh", "ж"), ("kh", "х"), ("ts", "ц"), ("ch", "ч"), ("sh", "ш"), ("gh", "ғ"),
    ("yu", "ю"), ("ju", "ю"), ("ya", "я"), ("ja", "я"), ("yo", "ё"), ("ye", "е"),
)  # fmt: skip
_SINGLE = str.maketrans("abvgdezijklmnoprstufhycwxqäöüğñşı", "абвгдезийклмнопрстуфхыцвхқәөүғңшы")


def folded(text: str) -> str:
    """Lower case, without the letters that Russian and Kazakh keyboards do not share."""
    return text.lower().translate(FOLDED)


def cyrillic(text: str) -> str:
    """Latin letters as the Cyrillic ones that they stand for: «skolko» → «сколко», «jazba» → «жазба»."""
    text = re.sub(r"\bj(?![ua])|\bj(?=az)", "ж", text.lower())
    for latin, letter in _DIGRAPHS:
        text = text.replace(latin, letter)
    return text.translate(_SINGLE)


def one_script(word: str) -> str:
    """A Cyrillic word without Latin letters of the same shape, which a switched keyboard or a filter's enemy leaves."""
    lower = word.lower()
    if not (_LATIN.search(lower) and _CYRILLIC.search(lower)):
        return word
    mended = lower.translate(_SAME_SHAPE)
    return word if _LATIN.search(mended) else mended
