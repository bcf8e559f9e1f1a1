"""Reranking by a real server: its order, and the order found when it fails."""

from collections.abc import AsyncIterator
from typing import Literal
from uuid import uuid4

import pytest
from pydantic import SecretStr

from activities.provider.errors import RejectedError
from activities.reranking.choice import reranker_for
from activities.reranking.port import Reranker, reranked
from activities.reranking.tei import TeiReranker
from models.contracts.enums import Language
from models.contracts.knowledge import Passage
from runtime.settings import Settings, SettingsError
from tests.fakes.rerank import KEY, CohereRequest, FakeReranker, TeiRequest, serving


@pytest.fixture
async def fake() -> AsyncIterator[FakeReranker]:
    async with serving() as fake:
        yield fake


@pytest.fixture(params=["tei", "cohere"])
async def reranker(request: pytest.FixtureRequest, fake: FakeReranker) -> AsyncIterator[Reranker]:
    settings = Settings(
        _env_file=None,
        rerank_provider=request.param,
        rerank_url=fake.url if request.param == "tei" else f"{fake.url}/v2",
        rerank_model="m",
        rerank_api_key=SecretStr(KEY),
        rerank_seconds=0.5,
    )
    found = reranker_for(settings)
    assert found is not None
    yield found
    await found.close()


def passages(*texts: str) -> list[Passage]:
    return [
        Passage(
            chunk_id=uuid4(), document_id=uuid4(), title="T", text=text, language=Language.EN, similarity=0, score=0
        )
        for text in texts
    ]


async def test_its_order_is_taken(reranker: Reranker, fake: FakeReranker) -> None:
    fake.favourite = "bronze"
    found = passages("gold", "silver", "bronze")
    assert [each.text for each in await reranked(reranker, "metal?", found)] == ["bronze", "gold", "silver"]
    (asked,) = fake.asked
    assert asked.query == "metal?"
    texts = asked.texts if isinstance(asked, TeiRequest) else asked.documents
    assert texts == ["T\ngold", "T\nsilver", "T\nbronze"]
    assert not isinstance(asked, CohereRequest) or asked.model == "m"


@pytest.mark.parametrize("failing", ["error", "silence", "garbage", "short"])
async def test_the_order_found_stands_when_it_fails(
    reranker: Reranker, fake: FakeReranker, failing: Literal["error", "silence", "garbage", "short"]
) -> None:
    fake.favourite, fake.failing = "bronze", failing
    found = passages("gold", "silver", "bronze")
    assert await reranked(reranker, "metal?", found) == found


async def test_one_passage_needs_no_order(reranker: Reranker, fake: FakeReranker) -> None:
    found = passages("gold")
    assert await reranked(reranker, "metal?", found) == found
    assert fake.asked == []


async def test_without_its_key_it_is_refused(fake: FakeReranker) -> None:
    reranker = TeiReranker(base_url=fake.url)
    with pytest.raises(RejectedError):
        await reranker.scores("metal?", ["gold"])
    await reranker.close()


def test_nobody_reranks_unless_asked_to() -> None:
    assert reranker_for(Settings(_env_file=None)) is None
    with pytest.raises(SettingsError, match="MAINSTAY_RERANK_URL"):
        Settings(_env_file=None, rerank_provider="tei")
