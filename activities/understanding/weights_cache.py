"""Weights of a head on disk, the last of each embedding space: what has been fitted once is not fitted again."""

from pathlib import Path

import numpy as np

from activities.embedding.port import EmbeddingSpace
from activities.understanding import array_file
from activities.understanding.head import Matrix


class WeightsCache:
    """Kept by what they were fitted to (see head.fingerprint), beside the vectors (see vector_cache)."""

    def __init__(self, folder: Path, space: EmbeddingSpace) -> None:
        self._folder = folder
        self._of_space = f"head-{array_file.name_of(space)}"

    def known(self, fingerprint: str) -> Matrix | None:
        found = array_file.read(self._path(fingerprint))
        return None if found is None or found.dtype != np.float32 else found

    def keep(self, fingerprint: str, weights: Matrix) -> None:
        array_file.write(self._path(fingerprint), weights)
        for other in self._folder.glob(f"{self._of_space}-*.npy"):
            if other != self._path(fingerprint):
                other.unlink(missing_ok=True)

    def _path(self, fingerprint: str) -> Path:
        return self._folder / f"{self._of_space}-{fingerprint}.npy"
