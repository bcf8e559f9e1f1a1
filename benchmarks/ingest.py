"""Chunks a second from upload to published, against the bare embedder on the same chunks: `python -m benchmarks.ingest`."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import httpx

from activities.embedding.choice import embedder_for
from activities.ingestion.splitting import Chunk
from benchmarks import system
from cli import sample

ROUNDS = 4
"""Of either, by turns, so that a machine that slows down slows both."""
POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Speed:
    """Chunks a second."""

    chunks: int
    ingested: float
    bare: float


def pages(number: int) -> list[tuple[str, bytes]]:
    """Names and contents of the files: the sample company's, with a number in every passage, so that none repeats
    one of another round."""
    return [(page["name"], page["text"].replace("\n\n", f" ({number}).\n\n").encode()) for page in sample.pages()]


async def speed() -> Speed:
    embedder = embedder_for("embedded")
    await embedder.warm()
    chunks, ingesting, embedding = 0, 0.0, 0.0
    async with system.running() as under_test:
        for number in range(ROUNDS):
            began = time.perf_counter()
            source = await _ingest(under_test.api, number)
            ingested = time.perf_counter()
            texts = await _embedded_texts(under_test.api, source)
            fetched = time.perf_counter()
            await embedder.embed_passages(texts)
            chunks += len(texts)
            ingesting += ingested - began
            embedding += time.perf_counter() - fetched
    await embedder.close()
    return Speed(chunks, chunks / ingesting, chunks / embedding)


async def _ingest(api: httpx.AsyncClient, number: int) -> str:
    files = [("files", page) for page in pages(number)]
    accepted = (
        (await api.post("/v1/kb/upload", data={"name": f"bench {number}"}, files=files)).raise_for_status().json()
    )
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


if __name__ == "__main__":
    measured = asyncio.run(speed())
    print(
        f"{measured.chunks} chunks: {measured.ingested:.1f}/s ingested, {measured.bare:.1f}/s by the bare embedder, "
        f"ratio {measured.ingested / measured.bare:.2f}"
    )
