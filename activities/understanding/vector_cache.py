"""Vectors of texts on disk, one file for each embedding space: what has been embedded once is not embedded again."""

import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from activities.embedding.port import EmbeddingSpace, Vector

_DIGEST = 16

Row = Vector | NDArray[np.float16]


class VectorCache:
    """Texts are kept by their digests, vectors with half their precision. A damaged file counts as none."""

    def __init__(self, folder: Path, space: EmbeddingSpace) -> None:
        name = hashlib.sha256(space.name.encode()).hexdigest()[:_DIGEST]
        self._path = folder / f"intents-{name}.npy"
        self._row = np.dtype([("digest", f"S{_DIGEST}"), ("vector", np.float16, (space.dimension,))])

    def known(self, texts: Sequence[str]) -> dict[str, Row]:
        """Those of `texts` that are there; none where the file is absent, cut off or of another shape."""
        try:
            rows = np.load(self._path, allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return {}
        if rows.dtype != self._row:
            return {}
        # Rows of one array: as Python's numbers they would take twenty times as much, for good.
        vectors = dict(zip(rows["digest"].tolist(), rows["vector"], strict=True))
        return {text: vectors[digest] for text in texts if (digest := _digest(text)) in vectors}

    def keep(self, vectors: Mapping[str, Row]) -> None:
        """Keep these and nothing else. A worker that starts meanwhile never reads half a file."""
        rows = np.array([(_digest(text), vector) for text, vector in vectors.items()], dtype=self._row)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=self._path.parent, prefix=self._path.name)
        with os.fdopen(descriptor, "wb") as file:
            np.save(file, rows, allow_pickle=False)
            # Nobody's secret, and who installs the product is not always who runs it.
            os.fchmod(file.fileno(), 0o644)
        Path(temporary).replace(self._path)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST].encode()
