"""An embedder's API (text-embeddings-inference) as a real server: texts that share words are near each other.

It refuses every request that fails its schema, after the OpenAPI document of text-embeddings-inference (EmbedRequest).
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import Annotated

import numpy as np
from fastapi import FastAPI
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictStr

from tests.fakes.listening import listening


class EmbedRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    inputs: Annotated[list[StrictStr], Field(min_length=1, max_length=32)]
    truncate: StrictBool = False


@lru_cache(maxsize=50_000)
def _direction(model: str, word: str, dimension: int) -> NDArray[np.float32]:
    seed = int.from_bytes(blake2b(f"{model} {word}".encode(), digest_size=8).digest(), "big")
    return np.random.default_rng(seed).standard_normal(dimension).astype(np.float32)


def vector(model: str, text: str, dimension: int) -> list[float]:
    """The unit vector of a text in a model's space: every word has a direction there, in every model another one.

    A word backwards means the same, so that one can search by meaning what no search by words finds.
    """
    words = [min(word, word[::-1]) for word in text.lower().split()] or [""]
    total = np.sum([_direction(model, word, dimension) for word in words], axis=0)
    found: list[float] = (total / np.linalg.norm(total)).tolist()
    return found


@dataclass
class FakeEmbedder:
    """`asked` has every text in the order in which it came. `hold` keeps a request waiting for its answer."""

    model: str
    dimension: int
    url: str = ""
    asked: list[str] = field(default_factory=list)
    held: asyncio.Event = field(default_factory=asyncio.Event)
    _free: asyncio.Event = field(default_factory=asyncio.Event)
    _held_request: int | None = None
    _requests: int = 0

    def hold(self, request: int) -> None:
        """Let the request of this number (the first is 1) wait; `held` is set when it has come."""
        self._held_request = request

    def release(self) -> None:
        self._free.set()

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        self.asked += texts
        self._requests += 1
        if self._requests == self._held_request:
            self.held.set()
            await self._free.wait()
        return [vector(self.model, text, self.dimension) for text in texts]

    def settings(self, prefix: str = "embedding") -> dict[str, object]:
        """By which a process embeds here; `prefix` embedding_next for the model to move to."""
        chosen = {"provider": "tei", "url": self.url, "model": self.model, "dimension": self.dimension}
        return {f"{prefix}_{name}": value for name, value in chosen.items()}


def application(fake: FakeEmbedder) -> FastAPI:
    app = FastAPI()

    @app.post("/embed")
    async def embed(body: EmbedRequest) -> list[list[float]]:
        return await fake.embed(body.inputs)

    return app


@asynccontextmanager
async def serving(model: str, dimension: int) -> AsyncIterator[FakeEmbedder]:
    fake = FakeEmbedder(model, dimension)
    async with listening(application(fake)) as fake.url:
        yield fake
        fake.release()
