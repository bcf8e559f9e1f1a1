"""A process that fetches what waits of a crawl, to be killed: `python -m tests.service.crawl_process URL TENANT CRAWL`."""

import asyncio
import sys
from uuid import UUID

from activities.embedding.nano import NanoEmbedder
from runtime.database import Database
from tests.service.crawling import Crawler
from tests.service.library import open_library


async def main(url: str, tenant: str, crawl: str) -> None:
    crawler = Crawler(await open_library(Database(url), UUID(tenant), NanoEmbedder()))
    crawler.id = UUID(crawl)
    while (await crawler.fetch()).more:
        pass


asyncio.run(main(*sys.argv[1:]))
