"""The port through which texts become vectors."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

Vector = list[float]

_MAKER = re.compile(r"^intfloat[-_]")
_QUANTISED = re.compile(r"[-.](?:b?f16|f32|i?q\d\w*)$")


@dataclass(frozen=True)
class EmbeddingSpace:
    """A model and its dimension. Vectors of two spaces can never be compared."""

    provider: str
    model: str
    dimension: int

    @property
    def name(self) -> str:
        return f"{self.provider}/{self.model}/{self.dimension}"

    @property
    def family(self) -> str:
        """The model as its makers call it, which is what figures were fitted for: endpoints put owners before the name,
        and tags, formats and quantisation behind it."""
        named = self.model.lower().rpartition("/")[2].partition(":")[0].removesuffix(".gguf")
        return _MAKER.sub("", _QUANTISED.sub("", named)) or self.model


class Embedder(Protocol):
    """Turns texts into unit vectors of its space, so that a dot product is a cosine.

    Questions and passages have methods of their own because many models (e5 among them) embed the two
    differently. Every method raises `ProviderError`; none downloads a model.
    """

    @property
    def space(self) -> EmbeddingSpace: ...

    async def warm(self) -> None:
        """Load what the first call would have to load, or find out that the provider is not there."""

    async def embed_query(self, text: str) -> Vector: ...

    async def embed_queries(self, texts: Sequence[str]) -> list[Vector]: ...

    async def embed_passages(self, texts: Sequence[str]) -> list[Vector]: ...

    async def close(self) -> None: ...
