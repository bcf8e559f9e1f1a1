"""The quoting generator picks the right passage and repeats it word for word."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.generation.extractive import WHOLE_CHARACTERS, ExtractiveGenerator, best_passage, excerpt
from activities.generation.port import GenerateRequest, NoAnswerError, complete
from models.contracts.enums import Language
from models.contracts.knowledge import Passage

SENTENCE = st.text("abc де", min_size=1, max_size=80).map(lambda text: f"{text.strip() or 'x'}.")


def passage(text: str, *, similarity: float = 0.85, language: Language = Language.EN, title: str = "Help") -> Passage:
    return Passage(
        chunk_id=uuid4(),
        document_id=uuid4(),
        title=title,
        text=text,
        language=language,
        similarity=similarity,
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


def test_a_translation_in_the_customers_language_is_preferred() -> None:
    english = passage("You can return goods within 14 days.", similarity=0.88)
    russian = passage("Вернуть товар можно в течение 14 дней.", similarity=0.86, language=Language.RU)
    assert best_passage("Сколько дней на возврат?", Language.RU, (english, russian)) == russian
    assert best_passage("How many days to return?", Language.EN, (english, russian)) == english


def test_a_foreign_passage_is_preferred_when_nothing_else_is_near() -> None:
    english = passage("You can return goods within 14 days.", similarity=0.90)
    russian = passage("Магазин открыт каждый день.", similarity=0.82, language=Language.RU)
    assert best_passage("Сколько дней на возврат?", Language.RU, (russian, english)) == english


async def test_without_passages_there_is_no_answer() -> None:
    with pytest.raises(NoAnswerError):
        await complete(ExtractiveGenerator(), GenerateRequest("Anything?", Language.EN, ()))
