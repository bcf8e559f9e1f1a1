"""Chunks a second from upload to published, against the bare embedder on the same chunks: `python -m benchmarks.ingest`."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import httpx

from activities.embedding.choice import embedder_for
from activities.embedding.port import Embedder
from activities.splitting import Chunk
from benchmarks import system
from cli import sample

COPIES = 4
"""Of the sample company's pages, each with a number of its own in every passage, so that none repeats another."""
POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Speed:
    """Chunks a second."""

    chunks: int
    ingested: float
    bare: float


def pages() -> list[tuple[str, bytes]]:
    """Names and contents of the files."""
    return [
        (f"{copy}/{page['name']}", page["text"].replace("\n\n", f" ({copy}).\n\n").encode())
        for copy in range(COPIES)
        for page in sample.pages()
    ]


async def speed() -> Speed:
    async with system.running() as under_test:
        began = time.perf_counter()
        source = await _ingest(under_test.api)
        took = time.perf_counter() - began
        texts = await _embedded_texts(under_test.api, source)
    embedder = embedder_for("embedded")
    await embedder.warm()
    bare = [await _bare(embedder, texts) for _ in range(2)]
    await embedder.close()
    return Speed(len(texts), len(texts) / took, sum(bare) / len(bare))


async def _ingest(api: httpx.AsyncClient) -> str:
    files = [("files", page) for page in pages()]
    accepted = (await api.post("/v1/kb/upload", data={"name": "bench"}, files=files)).raise_for_status().json()
    path = f"/v1/kb/jobs/{accepted['job_id']}"
    while (job := (await api.get(path)).json())["status"] in ("queued", "running"):  # noqa: ASYNC110  # another process
        await asyncio.sleep(POLL_SECONDS)
    if job["status"] != "done" or job["files_failed"]:
        raise RuntimeError(f"the files were not ingested: {job}")
    source: str = accepted["source_id"]
    return source


async def _embedded_texts(api: httpx.AsyncClient, source: str) -> list[str]:
    """What the product has embedded for its chunks."""
    return [
        Chunk(chunk["ordinal"], chunk["heading"], chunk["text"]).embedded_text(document["title"])
        for document in await _all(api, "/v1/kb/documents", source_id=source)
        for chunk in await _all(api, "/v1/kb/chunks", document_id=document["id"])
    ]


async def _all(api: httpx.AsyncClient, path: str, **query: str) -> list[dict[str, Any]]:
    page = (await api.get(path, params={**query, "limit": 200})).raise_for_status().json()
    items: list[dict[str, Any]] = page["items"]
    assert page["next"] is None, "the sample is small"
    return items


async def _bare(embedder: Embedder, texts: list[str]) -> float:
    began = time.perf_counter()
    await embedder.embed_passages(texts)
    return len(texts) / (time.perf_counter() - began)


if __name__ == "__main__":
    measured = asyncio.run(speed())
    print(
        f"{measured.chunks} chunks: {measured.ingested:.1f}/s ingested, {measured.bare:.1f}/s by the bare embedder, "
        f"ratio {measured.ingested / measured.bare:.2f}"
    )
