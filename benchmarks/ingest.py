"""Chunks a second from upload to published, against the bare embedder on the same chunks.

By turns, so that a machine that slows down slows both: a small upload, of which reading the first files is a part, and
a larger one.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import httpx

from activities.embedding.choice import embedder_for
from activities.embedding.port import Embedder
from activities.ingestion.splitting import Chunk
from benchmarks import system
from benchmarks.figures import Figures, command, console
from cli import sample

POLL_SECONDS = 0.05
OF_THE_EMBEDDER = 0.8


@dataclass(slots=True)
class Speed:
    """What rounds came to: chunks, and seconds of either way."""

    chunks: int = 0
    ingesting: float = 0.0
    embedding: float = 0.0


def pages(number: int) -> list[tuple[str, bytes]]:
    """Names and contents of the files: the sample company's, with a number in every passage, so that none repeats
    one of another round."""
    return [
        (f"{number}-{page['name'].replace('/', '-')}", page["text"].replace("\n\n", f" ({number}).\n\n").encode())
        for page in sample.pages()
    ]


async def measure(figures: Figures) -> None:
    console.print("ingestion, against the bare embedder")
    rounds, copies = (2, 1) if figures.quick else (4, 4)
    embedder = embedder_for("embedded")
    await embedder.warm()
    small, large = Speed(), Speed()
    async with system.running() as under_test:
        for number in range(rounds):
            await _round(under_test.api, embedder, 2 * number, 1, small)
            await _round(under_test.api, embedder, 2 * number + 1, 2 * copies, large)
    await embedder.close()
    for name, speed in (("small", small), ("large", large)):
        figures.add(
            f"ingested_chunks_per_s_{name}",
            speed.chunks / speed.ingesting,
            "1/s",
            speed.chunks / speed.embedding,
            at_least=OF_THE_EMBEDDER,
        )


async def _round(api: httpx.AsyncClient, embedder: Embedder, number: int, copies: int, speed: Speed) -> None:
    """Ingest `copies` times the sample's pages, and embed what came of them."""
    began = time.perf_counter()
    source = await _ingest(api, number, copies)
    speed.ingesting += time.perf_counter() - began
    texts = await _embedded_texts(api, source)
    began = time.perf_counter()
    await embedder.embed_passages(texts)
    speed.embedding += time.perf_counter() - began
    speed.chunks += len(texts)


async def _ingest(api: httpx.AsyncClient, number: int, copies: int) -> str:
    files = [("files", page) for copy in range(copies) for page in pages(100 * number + copy)]
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
    command("benchmarks.ingest", __doc__, measure)
