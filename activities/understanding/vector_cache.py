"""Vectors of texts on disk, one file for each embedding space: what has been embedded once is not embedded again."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from activities.embedding.port import EmbeddingSpace, Vector
from activities.understanding import array_file

_DIGEST = 16

Row = Vector | NDArray[np.float16]


class VectorCache:
    """Texts are kept by their digests, vectors with half their precision."""

    def __init__(self, folder: Path, space: EmbeddingSpace) -> None:
        self._path = folder / f"intents-{array_file.name_of(space)}.npy"
        self._row = np.dtype([("digest", f"S{_DIGEST}"), ("vector", np.float16, (space.dimension,))])

    def known(self, texts: Sequence[str]) -> dict[str, Row]:
        """Those of `texts` that are there; none where the file is of another shape."""
        rows = array_file.read(self._path)
        if rows is None or rows.dtype != self._row:
            return {}
        # Rows of one array: as Python's numbers they would take twenty times as much, for good.
        vectors = dict(zip(rows["digest"].tolist(), rows["vector"], strict=True))
        return {text: vectors[digest] for text in texts if (digest := _digest(text)) in vectors}

    def keep(self, vectors: Mapping[str, Row]) -> None:
        """Keep these and nothing else."""
        array_file.write(self._path, np.array([(_digest(text), row) for text, row in vectors.items()], dtype=self._row))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST].encode()
