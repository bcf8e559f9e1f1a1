"""The quoting generator picks the right passage and repeats it word for word."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.generation.extractive import WHOLE_CHARACTERS, ExtractiveGenerator, excerpt
from activities.generation.port import GenerateRequest, NoAnswerError, complete
from models.contracts.enums import Language
from models.contracts.knowledge import Passage

SENTENCE = st.text("abc де", min_size=1, max_size=80).map(lambda text: f"{text.strip() or 'x'}.")


def passage(text: str, *, title: str) -> Passage:
    return Passage(
        chunk_id=uuid4(),
        document_id=uuid4(),
        title=title,
        text=text,
        language=Language.EN,
        similarity=0.85,
        score=0.0,
    )


@given(st.lists(SENTENCE, min_size=1, max_size=40).map(" ".join), st.text("abc де", max_size=60))
def test_an_excerpt_is_verbatim_and_short(text: str, question: str) -> None:
    quoted = excerpt(question, text)
    assert quoted
    assert quoted in text
    assert len(quoted) <= WHOLE_CHARACTERS


def test_an_excerpt_surrounds_the_sentence_that_answers() -> None:
    filler = "Our stores are large and bright and the coffee is good."
    answer = "A refund reaches your card within 5 working days."
    text = " ".join([*[filler] * 10, answer, *[filler] * 10])
    quoted = excerpt("When does the refund reach my card?", text)
    assert answer in quoted
    assert len(quoted) <= WHOLE_CHARACTERS


async def test_the_quote_names_its_source() -> None:
    source = passage("You can return goods within 14 days.", title="Returns")
    request = GenerateRequest("How many days to return goods?", Language.EN, (source,))
    answer = await complete(ExtractiveGenerator(), request)
    assert answer.text == "From “Returns”:\nYou can return goods within 14 days."
    assert answer.quoted == source
    assert answer.usage.provider == "extractive"


async def test_without_passages_there_is_no_answer() -> None:
    with pytest.raises(NoAnswerError):
        await complete(ExtractiveGenerator(), GenerateRequest("Anything?", Language.EN, ()))
