"""A classifier over embeddings, fitted when the process starts from some two thousand labelled sentences.

Kernel ridge regression onto the classes: anger has many forms, and a linear map of the same vectors reads three more
sentences of a hundred wrong (docs/decisions/). Its probabilities mean something, which votes among cosines that all lie
between 0.75 and 0.9 do not.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.floating]

_RIDGE = 0.03
_SHARPNESS = 10.0
"""What makes probabilities of the regression's values: most likely out-of-fold."""


@dataclass(frozen=True)
class KernelHead:
    """`probabilities` of k classes for vectors of dimension d, from n `directions` of that dimension with (n, k) `weights`."""

    mean: Matrix
    directions: Matrix
    weights: Matrix

    @classmethod
    def fit(cls, vectors: Matrix, classes: NDArray[np.intp], count: int) -> Self:
        """Fit (n, d) vectors with class numbers below `count`. Deterministic; classes weigh the same."""
        mean = vectors.mean(axis=0)
        directions = _directions(vectors - mean)
        sizes = np.bincount(classes, minlength=count)
        ridge = _RIDGE * count * sizes[classes] / len(classes)
        truth = np.eye(count, dtype=vectors.dtype)[classes] - 1 / count
        weights = np.linalg.solve(_likeness(directions, directions) + np.diag(ridge), truth)
        return cls(mean, directions, weights.astype(vectors.dtype))

    def probabilities(self, vectors: Matrix) -> Matrix:
        """(n, d) vectors to (n, k) probabilities."""
        found = _likeness(_directions(vectors - self.mean), self.directions) @ self.weights
        return _softmax(_SHARPNESS * found)


def _directions(vectors: Matrix) -> Matrix:
    """Rows brought to length one; centred first, because all embeddings point roughly the same way."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    found: Matrix = vectors / np.maximum(lengths, np.finfo(vectors.dtype).tiny)
    return found


def _likeness(some: Matrix, others: Matrix) -> Matrix:
    """The Gaussian kernel between all pairs of directions: a half of their squared distance is one less their cosine."""
    found: Matrix = np.exp(some @ others.T - 1)
    return found


def _softmax(values: Matrix) -> Matrix:
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    shares: Matrix = powers / powers.sum(axis=1, keepdims=True)
    return shares
