"""`python -m activities.understanding.examples`: embed the example sentences for the product to come with."""

import asyncio

from activities.embedding.nano import NanoEmbedder
from activities.understanding import examples
from activities.understanding.spelling import plain
from activities.understanding.vector_cache import VectorCache


async def main() -> None:
    texts = sorted({plain(sentence) for sentence in examples.load().sentences})
    vectors = await NanoEmbedder().embed_queries(texts)
    VectorCache(examples.FOLDER, NanoEmbedder.space).keep(dict(zip(texts, vectors, strict=True)))


if __name__ == "__main__":
    asyncio.run(main())
