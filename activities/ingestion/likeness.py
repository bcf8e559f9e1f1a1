"""Tells passages that say the same, word for word or nearly: of those a search needs only one.

Nearly means that nine tenths of all runs of three words are common to both, and every number. Pairs are found by
MinHash: two texts whose runs overlap so much share one of BANDS numbers with a probability of 0.995, and texts that
share none need not be compared.
"""

import hashlib
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ALIKE = 0.9
"""Common part (Jaccard) of the runs of words from which on two passages are alike."""
RUN = 3
FEWEST_RUNS = 10
"""A shorter text differs by more than a tenth when one word is another: it is alike only word for word."""
BANDS, ROWS = 5, 4

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Features:
    """What a passage is compared by. `exact` is the same for texts that differ in case, spaces and punctuation only."""

    exact: str
    bands: tuple[int, ...]
    runs: frozenset[int]
    numbers: tuple[str, ...]

    def like(self, other: "Features") -> bool:
        common = len(self.runs & other.runs)
        return self.numbers == other.numbers and common >= ALIKE * len(self.runs | other.runs) > 0


def features(heading: str, text: str) -> Features:
    """Of a passage with its headings: what is said of two cities in the same words is not the same."""
    words = [word.casefold() for word in _WORD.findall(f"{heading} {text}")]
    exact = hashlib.sha256(" ".join(words).encode()).hexdigest()
    runs = frozenset(_number(" ".join(words[start : start + RUN])) for start in range(len(words) - RUN + 1))
    numbers = tuple(word for word in words if any(map(str.isdigit, word)))
    if len(runs) < FEWEST_RUNS:
        return Features(exact, (), frozenset(), numbers)
    return Features(exact, _bands(runs), runs, numbers)


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def _constants(of: str) -> NDArray[np.uint64]:
    """Odd numbers that are the same on every machine and in every release: they are in the database."""
    return np.array([_number(f"{of} {number}") | 1 for number in range(BANDS * ROWS)], dtype=np.uint64)


_FACTORS, _SUMMANDS = _constants("factor"), _constants("summand")


def _bands(runs: frozenset[int]) -> tuple[int, ...]:
    """Signed 64-bit numbers, one a band, each told from the others by the band's number."""
    # Multiplication modulo 2^64: the upper half of the product is well mixed.
    hashed = (np.fromiter(runs, np.uint64)[:, None] * _FACTORS + _SUMMANDS) >> np.uint64(32)
    least = hashed.min(axis=0).reshape(BANDS, ROWS)
    return tuple(_signed(f"{band} {row.tolist()}") for band, row in enumerate(least))


def _signed(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)
