"""Arrays on disk. A damaged file counts as none, and whoever reads while one is written finds it whole or as it was."""

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from activities.embedding.port import EmbeddingSpace

_DIGEST = 16


def name_of(space: EmbeddingSpace) -> str:
    """What stands for the space in names of files."""
    return hashlib.sha256(space.name.encode()).hexdigest()[:_DIGEST]


def read(path: Path) -> NDArray[Any] | None:
    """None where the file is absent, cut off, or no array."""
    try:
        found: NDArray[Any] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return found


def write(path: Path, array: NDArray[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(descriptor, "wb") as file:
        np.save(file, array, allow_pickle=False)
        # Nobody's secret, and who installs the product is not always who runs it.
        os.fchmod(file.fileno(), 0o644)
    Path(temporary).replace(path)
