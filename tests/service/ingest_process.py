"""A process that ingests a source from its files to its publication, to be killed:
`python -m tests.service.ingest_process URL TENANT SOURCE EMBEDDER MODEL DIMENSION` says when it begins, and ends when
nothing is left."""

import asyncio
import sys
from uuid import UUID

from activities.embedding.tei import TeiEmbedder
from runtime.database import Database
from tests.service.library import open_library


async def main(url: str, tenant: str, source: str, embedder: str, model: str, dimension: str) -> None:
    remote = TeiEmbedder(base_url=embedder, model=model, dimension=int(dimension))
    library = await open_library(Database(url), UUID(tenant), remote)
    print("begins", flush=True)
    while (await library.read(UUID(source))).remaining:
        pass
    while (await library.split(UUID(source))).remaining:
        pass
    while (await library.embed(UUID(source))).remaining:
        pass
    await library.publish(UUID(source))


asyncio.run(main(*sys.argv[1:]))
