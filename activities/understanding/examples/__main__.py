"""`python -m activities.understanding.examples`: embed the example sentences, and fit to them, for the product to come
with."""

import asyncio

from activities.embedding.nano import NanoEmbedder
from activities.understanding import examples
from activities.understanding.classify import ExampleClassifier
from activities.understanding.spelling import plain
from activities.understanding.vector_cache import VectorCache


async def main() -> None:
    texts = sorted({plain(sentence) for sentence in examples.load().sentences})
    embedder = NanoEmbedder()
    vectors = await embedder.embed_queries(texts)
    VectorCache(examples.FOLDER, embedder.space).keep(dict(zip(texts, vectors, strict=True)))
    await ExampleClassifier(embedder, examples.FOLDER).load()


if __name__ == "__main__":
    asyncio.run(main())
