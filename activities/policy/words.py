"""Whether a text has the words of a phrase. Words, not meaning: a rule must hold whatever a model thinks.

Three ways in which a word of the text can be a word of the phrase, each wider than the one before:
- it begins with it: "refund" is in "refunds" (always);
- it is another form of it in Russian or Kazakh: «жалоба» is in «жалобами», «қызмет» in «қызметтеріңізге»;
- it begins with it but for one letter, in words of eight letters and more, and never the first letter.
"""

import re
import unicodedata
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache

from models.contracts.policy import Matching

PLAIN = Matching(inflections=False, typos=False)
FORGIVING = 8
"""Letters of a word from which on one may be wrong: in shorter ones another word is too near."""

_TOKEN = re.compile(r"\w+|[#%$€£₸₽]")
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]"
)

_RUSSIAN = (
    "иями иях иям ией ами ями ого его ому ему ыми ими ах ях ам ям ом ем ей ой ий ый ая яя ое ее ые ие ую юю ов ев "
    "ия ию ии ить ать ять еть уть ть а я о е у ю ы и ь й"
)
_KAZAKH = (
    "лар лер дар дер тар тер ның нің дың дің тың тің ға ге қа ке да де та те на не дан ден тан тен нан нен ды ді ты ті "
    "ны ні мен бен пен ымыз іміз мыз міз ыңыз іңіз ңыз ңіз ым ім ың ің сы сі ы і у ю"
)


def _one_of(endings: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{'|'.join(sorted(endings.split(), key=len, reverse=True))})$")


_RUSSIAN_ENDING, _KAZAKH_ENDING = _one_of(_RUSSIAN), _one_of(_KAZAKH)
_KAZAKH_LETTER = re.compile("[әғқңөұүһі]")
_SHORTEST_STEM = 3
_MOST_ENDINGS = 5
# Before an ending that begins with a vowel: кітап, кітабы; тарақ, тарағы.
_SOFTENED = str.maketrans("бгғ", "пкқ")


def tokens(text: str) -> list[str]:
    """Words and signs of money and shares, as they are compared: whatever the case, the width of letters, ё or е."""
    plain = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).casefold().replace("ё", "е")
    return _TOKEN.findall(plain)


@lru_cache(maxsize=20_000)
def _wanted(phrase: str) -> tuple[str, ...]:
    return tuple(tokens(phrase))


class Words:
    """The words of a text, to be asked for phrases. # stands for any number."""

    def __init__(self, text: str, matching: Matching = PLAIN) -> None:
        found = set(tokens(text))
        if any(word[0].isdecimal() for word in found):
            found.add("#")
        self._sorted = sorted(found)
        self._stems = {stem for word in found for stem in stems(word)} if matching.inflections else set()
        self._by_part: dict[tuple[int, str], list[str]] = defaultdict(list)
        if matching.typos:
            for word in found:
                if len(word) >= FORGIVING - 1:
                    for part in _parts(word):
                        self._by_part[part].append(word)

    def have(self, phrase: str) -> bool:
        """Whether all words of the phrase are there, in whatever order."""
        wanted = _wanted(phrase)
        return bool(wanted) and all(map(self._has, wanted))

    def have_one_of(self, phrases: Iterable[str]) -> bool:
        return any(map(self.have, phrases))

    def _has(self, wanted: str) -> bool:
        place = bisect_left(self._sorted, wanted)
        if place < len(self._sorted) and self._sorted[place].startswith(wanted):
            return True
        if not self._stems.isdisjoint(stems(wanted)):
            return True
        return len(wanted) >= FORGIVING and any(begins_nearly(word, wanted) for word in self._near(wanted))

    def _near(self, wanted: str) -> Iterator[str]:
        """The only words that can begin with `wanted` but for one letter: what is before the slip is the same, or what
        is behind it, as far aside as the slip has moved it."""
        yield from self._by_part.get((0, wanted[:4]), ())
        for place in (4, 5, 6):
            yield from self._by_part.get((place, wanted[0] + wanted[5:8]), ())


def _parts(word: str) -> Iterator[tuple[int, str]]:
    """The first four letters; three letters from each of three places on, with the first letter."""
    yield 0, word[:4]
    for place in (4, 5, 6):
        yield place, word[0] + word[place : place + 3]


@lru_cache(maxsize=20_000)
def stems(word: str) -> frozenset[str]:
    """A Cyrillic word without its endings, as Russian and as Kazakh (which many type without its own letters)."""
    if not "а" <= word[0] <= "ӿ":
        return frozenset()
    if _KAZAKH_LETTER.search(word):
        return frozenset({_without_endings(word, _KAZAKH_ENDING, _SHORTEST_STEM, _MOST_ENDINGS)})
    return frozenset(
        {
            _without_endings(word, _RUSSIAN_ENDING, _SHORTEST_STEM, 1),
            # A Russian word may look as if it had Kazakh endings: more of it must be left.
            _without_endings(word, _KAZAKH_ENDING, _SHORTEST_STEM + 1, _MOST_ENDINGS),
        }
    )


def _without_endings(word: str, ending: re.Pattern[str], shortest: int, most: int) -> str:
    for _ in range(most):
        found = ending.search(word)
        if found is None or found.start() < shortest:
            break
        word = word[: found.start()]
    return word[:-1] + word[-1].translate(_SOFTENED)


def begins_nearly(word: str, wanted: str) -> bool:
    """Whether `word` begins with `wanted` but for one letter that is wrong, missing, too many or swapped."""
    size = len(wanted)
    return word[0] == wanted[0] and any(one_off(word[:length], wanted) for length in (size, size - 1, size + 1))


def one_off(one: str, other: str) -> bool:
    """Whether two words are the same but for one letter, or two that are swapped."""
    same = next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    if same is None:
        return abs(len(one) - len(other)) <= 1
    one, other = one[same:], other[same:]
    swapped = one[:2] == other[1::-1] and len(one) > 1
    return one[1:] == other[1:] or one[1:] == other or one == other[1:] or (swapped and one[2:] == other[2:])
