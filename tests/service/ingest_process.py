"""A process that ingests a source from its files to its publication, to be killed:
`python -m tests.service.ingest_process URL TENANT SOURCE` says when it begins, and ends when nothing is left."""

import asyncio
import sys
from uuid import UUID

from activities.embedding.nano import NanoEmbedder
from runtime.database import Database
from tests.service.library import open_library


async def main(url: str, tenant: str, source: str) -> None:
    embedder = NanoEmbedder()
    library = await open_library(Database(url), UUID(tenant), embedder)
    await embedder.warm()
    print("begins", flush=True)
    while (await library.read(UUID(source))).remaining:
        pass
    while (await library.split(UUID(source))).remaining:
        pass
    while (await library.embed(UUID(source))).remaining:
        pass
    await library.publish(UUID(source))


asyncio.run(main(*sys.argv[1:]))
