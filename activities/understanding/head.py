"""A classifier over embeddings, fitted to some five thousand labelled sentences.

Kernel ridge regression onto the classes: anger has many forms, and a linear map of the same vectors reads three more
sentences of a hundred wrong (docs/decisions/). Its probabilities mean something, which votes among cosines that all lie
between 0.75 and 0.9 do not.
"""

import hashlib
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.floating]

_RIDGE = 0.03
_LEFT = 0.003
"""Share of the truth that the weights may leave: no probability out-of-fold then changes by more than 0.01."""
_EDITION = 1
"""To be counted up when `fit` gives other weights for the same vectors: those of before are kept on disks."""
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
        """Fit (n, d) vectors with class numbers below `count`. Deterministic; classes weigh the same.

        Of five thousand vectors that takes a second of a core, and a hundred megabytes meanwhile.
        """
        mean, directions = _centred(vectors)
        sizes = np.bincount(classes, minlength=count)
        ridge = (_RIDGE * count * sizes[classes] / len(classes)).astype(vectors.dtype)[:, np.newaxis]
        truth = (np.eye(count)[classes] - 1 / count).astype(vectors.dtype)
        return cls(mean, directions, _solved(directions, ridge, truth))

    @classmethod
    def fitted(cls, vectors: Matrix, weights: Matrix) -> Self:
        """What `fit` gave for these vectors, of which the weights are known."""
        return cls(*_centred(vectors), weights)

    def probabilities(self, vectors: Matrix) -> Matrix:
        """(n, d) vectors to (n, k) probabilities."""
        found = _likeness(_directions(vectors - self.mean), self.directions) @ self.weights
        return _softmax(_SHARPNESS * found)


def fingerprint(vectors: Matrix, classes: NDArray[np.intp], count: int) -> str:
    """A name for the weights that `fit` gives, by all that they depend on."""
    found = hashlib.sha256(repr((_EDITION, _RIDGE, _LEFT, count, vectors.shape)).encode())
    found.update(np.ascontiguousarray(vectors, np.float32).tobytes())
    found.update(classes.astype(np.uint8).tobytes())
    return found.hexdigest()[:16]


def _centred(vectors: Matrix) -> tuple[Matrix, Matrix]:
    """Their mean, and where they lie from there."""
    mean = vectors.mean(axis=0)
    return mean, _directions(vectors - mean)


def _directions(vectors: Matrix) -> Matrix:
    """Rows brought to length one; centred first, because all embeddings point roughly the same way."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    found: Matrix = vectors / np.maximum(lengths, np.finfo(vectors.dtype).tiny)
    return found


def _likeness(some: Matrix, others: Matrix) -> Matrix:
    """The Gaussian kernel between all pairs of directions: a half of their squared distance is one less their cosine."""
    found: Matrix = some @ others.T
    found -= 1
    return np.exp(found, out=found)


def _solved(directions: Matrix, ridge: Matrix, truth: Matrix) -> Matrix:
    """The (n, k) weights with (likeness + diagonal of the (n, 1) ridge) @ weights = truth, by conjugate gradients.

    An exact solution takes thrice as long and judges no better. Steps are few because cosines are small: the likeness is
    nearly exp(-1) * (1 + cosine), whose rank is the vectors' dimension plus one, and what that leaves of its diagonal. The
    Woodbury identity inverts those, and every step starts from there.
    """
    likeness = _likeness(directions, directions)
    rest = 1 - 2 / np.e + ridge
    linear = np.column_stack([directions, np.ones_like(ridge)]) * directions.dtype.type(np.e**-0.5)
    scaled = linear / rest
    inner = np.linalg.inv(np.eye(linear.shape[1], dtype=linear.dtype) + linear.T @ scaled)

    weights, left = np.zeros_like(truth), truth
    step, before = np.zeros_like(truth), 1.0
    while np.linalg.norm(left) > _LEFT * np.linalg.norm(truth):
        near = left / rest - scaled @ (inner @ (scaled.T @ left))
        now = float(np.vdot(left, near))
        step = near + now / before * step
        ahead = likeness @ step + ridge * step
        length = now / float(np.vdot(step, ahead))
        weights = weights + length * step
        left = left - length * ahead
        before = now
    return weights


def _softmax(values: Matrix) -> Matrix:
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    shares: Matrix = powers / powers.sum(axis=1, keepdims=True)
    return shares
