"""The embedder inside the process: right, safe to share, and never in the event loop's way."""

import asyncio
import os
from collections.abc import Sequence

import pytest

from activities.embedding.choice import embedder_for
from activities.embedding.nano import CACHED_QUERIES, NanoEmbedder
from activities.embedding.port import EmbeddingSpace, Vector
from activities.embedding.prefixes import prefixes_of
from activities.embedding.remembering import RememberingEmbedder


def cosine(left: list[float], right: list[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))


@pytest.fixture(scope="module")
def embedder() -> NanoEmbedder:
    return NanoEmbedder(threads=4)


async def test_meaning_crosses_languages(embedder: NanoEmbedder) -> None:
    query = await embedder.embed_query("Сколько дней на возврат товара?")
    right, wrong = await embedder.embed_passages(["Goods can be returned within 14 days.", "We repair bicycles."])
    assert cosine(query, right) > cosine(query, wrong)
    assert abs(cosine(query, query) - 1) < 1e-5
    assert len(query) == embedder.space.dimension


async def test_the_handle_can_be_shared_by_threads(embedder: NanoEmbedder) -> None:
    texts = [f"question number {number} about delivery" for number in range(40)]
    alone = await embedder.embed_queries(texts)
    together = await asyncio.gather(*(embedder.embed_queries([text]) for text in texts))
    assert [vector for (vector,) in together] == alone


async def test_the_event_loop_goes_on_while_a_long_text_is_embedded(embedder: NanoEmbedder) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0)
            ticks += 1

    ticking = asyncio.create_task(tick())
    await embedder.embed_passages(["Delivery takes three days. " * 20])
    ticking.cancel()
    assert ticks > 50


@pytest.mark.parametrize(
    "named",
    [
        "multilingual-e5-small",
        "intfloat/multilingual-e5-small",
        "vllm/multilingual-e5-small",
        "jeffh/intfloat-multilingual-e5-small:f16",
        "multilingual-e5-small:latest",
        "Multilingual-E5-small-Q8_0.gguf",
    ],
)
def test_a_model_is_the_same_whatever_an_endpoint_calls_it(named: str) -> None:
    assert EmbeddingSpace("ollama", named, 384).family == "multilingual-e5-small"


@pytest.mark.parametrize(
    "named", ["multilingual-e5-large", "multilingual-e5-small-ko", "bge-m3:567m", "text-embedding-3-small"]
)
def test_another_model_is_another(named: str) -> None:
    assert EmbeddingSpace("openai", named, 384).family != "multilingual-e5-small"


async def test_a_repeated_question_is_not_embedded_again(embedder: NanoEmbedder) -> None:
    first = await embedder.embed_query("the same question")
    assert await embedder.embed_query("the same question") is first


async def test_for_one_answer_nothing_is_embedded_twice(embedder: NanoEmbedder) -> None:
    """Nor by two who ask at once, of whom one gives up."""
    asked: list[str] = []

    class Noting(NanoEmbedder):
        async def embed_passages(self, texts: Sequence[str]) -> list[Vector]:
            asked.extend(texts)
            return await super().embed_passages(texts)

    remembering = RememberingEmbedder(Noting())
    page = ["Delivery is free.", "Returns take 14 days.", "Delivery is free."]
    first = asyncio.create_task(remembering.embed_passages(page))
    given_up = asyncio.create_task(remembering.embed_passages(["We repair bicycles."]))
    later = asyncio.create_task(remembering.embed_passages([*page, "Couriers call."]))
    await asyncio.sleep(0)
    given_up.cancel()
    assert await first == [*(await later)[:3]] == await embedder.embed_passages(page)
    assert asked == [*page[:2], "Couriers call."]
    assert await remembering.embed_query(page[0]) == (await remembering.embed_queries(page))[0] != (await first)[0]


async def test_the_cache_is_bounded() -> None:
    embedder = NanoEmbedder()
    embedder._seen.update((str(number), [0.0]) for number in range(CACHED_QUERIES))
    await embedder.embed_query("new")
    assert len(embedder._seen) == CACHED_QUERIES
    assert "0" not in embedder._seen


@pytest.mark.parametrize("text", ["", " ", "\x00", "😀" * 200, "a\nb"])
async def test_any_text_has_a_unit_vector(embedder: NanoEmbedder, text: str) -> None:
    vector = await embedder.embed_query(text)
    assert abs(cosine(vector, vector) - 1) < 1e-4


async def test_a_message_of_the_greatest_length_costs_no_more_than_its_beginning(embedder: NanoEmbedder) -> None:
    assert await embedder.embed_query("word " * 200) == await embedder.embed_query("word " * 200 + "more " * 1400)


async def test_one_core_per_call(embedder: NanoEmbedder) -> None:
    await embedder.warm()
    assert os.environ["OMP_NUM_THREADS"] == "1"


def test_a_remote_provider_needs_its_address() -> None:
    with pytest.raises(ValueError, match="tei needs a base URL"):
        embedder_for("tei", model="multilingual-e5-small")


@pytest.mark.parametrize(
    ("model", "query"),
    [
        ("intfloat/multilingual-e5-large", "query: "),
        ("nomic-embed-text", "search_query: "),
        ("multilingual-e5-large-instruct", ""),
        ("bge-m3", ""),
    ],
)
def test_prefixes_follow_the_models_card(model: str, query: str) -> None:
    assert prefixes_of(model).query == query
