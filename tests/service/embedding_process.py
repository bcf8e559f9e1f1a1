"""A process that embeds a source, to be killed: `python -m tests.service.embedding_process URL TENANT SOURCE`."""

import asyncio
import sys
from uuid import UUID

from activities.embedding.nano import NanoEmbedder
from runtime.database import Database
from tests.service.library import open_library


async def main(url: str, tenant: str, source: str) -> None:
    library = await open_library(Database(url), UUID(tenant), NanoEmbedder())
    await library.embed(UUID(source))


asyncio.run(main(*sys.argv[1:]))
