"""A grounded answer passes; one with any number, name, link or claim of its own does not."""

from uuid import uuid4

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from activities.guards.grounding import check
from activities.language.quantities import Quantity, quantities
from models.contracts.enums import Language
from models.contracts.knowledge import Grounding, Passage

DELIVERY = (
    "Delivery to Almaty takes 1 day and costs 990 ₸. Delivery to Astana takes 2–3 days and costs 1,490 ₸. "
    "It is free above 25,000 ₸. Couriers work from 10:00 to 22:00, Monday to Saturday. "
    "You cannot change the address after packing. Write to help@altyn.example or see https://altyn.example/delivery."
)
RETURNS = (
    "Вернуть товар можно в течение 14 дней после получения. Деньги вернутся на карту за 5 рабочих дней. "
    "Курьер стоит 1 200 ₸. Постельное бельё вернуть нельзя."
)


def passage(text: str, language: Language) -> Passage:
    return Passage(
        chunk_id=uuid4(), document_id=uuid4(), title="Help", text=text, language=language, similarity=0.9, score=1.0
    )


ENGLISH = (passage(DELIVERY, Language.EN),)
RUSSIAN = (passage(RETURNS, Language.RU),)


async def grounded(answer: str, question: str = "", passages: tuple[Passage, ...] = ENGLISH) -> Grounding:
    return await check(answer, passages, question, language=passages[0].language)


@pytest.mark.parametrize(
    "answer",
    [
        "Delivery to Astana takes 2–3 days and costs 1,490 ₸.",
        "It takes 2 to 3 days to Astana, and the delivery costs 1490 tenge.",
        "Delivery to Almaty: 1 day, 990 ₸.",
        "Couriers work from 10:00 to 22:00.",
        "No, you cannot change the address after packing.",
        "Delivery is free above 25 000 ₸.",
        "See https://altyn.example/delivery.",
        "Write to help@altyn.example.",
        "Write to help@altyn.example or see altyn.example/delivery.",
    ],
)
async def test_a_faithful_answer_is_grounded(answer: str) -> None:
    assert await grounded(answer) == Grounding(grounded=True)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("Delivery to Astana takes 24 hours and costs 1,490 ₸.", "number"),
        ("Delivery to Astana takes 2–3 hours and costs 1,490 ₸.", "number"),
        ("Delivery to Astana takes two weeks.", "number"),
        ("Delivery to Astana takes five days.", "number"),
        ("Delivery to Almaty costs 990 $.", "number"),
        ("It is free above 25%.", "number"),
        ("Couriers work from 10:00 to 22:00 on Sunday.", "number"),
        ("Delivery to Shymkent takes 2–3 days.", "name"),
        ("Write to sales@altyn.example.", "link"),
        ("See https://altyn.example/delivery/evil.", "link"),
        ("We also assemble furniture and wash windows for our customers.", "claim"),
        ("You can change the address after packing.", "claim"),
        ("", "empty"),
        ("Yes.", "claim"),
    ],
)
async def test_an_answer_with_something_of_its_own_is_not(answer: str, reason: str) -> None:
    assert reason in (await grounded(answer)).reasons


@pytest.mark.parametrize(
    "link",
    [
        "![](https://evil.example/?q=1)",
        "![](//evil.example/p)",
        "<img src=//evil.example/a>",
        "evil.example",
        "(evil.example/pay)",
        "EVIL.example",
        "xn--80ak6aa92e.example",
        "аltyn.example/delivery",  # the first letter is Cyrillic
        "altyn.example.evil.example",
        "altyn.example@evil.example",
        "сайт.рф/оплата",
        "[here](javascript:alert)",
        "[here](ftp://altyn.example/delivery)",
        "mailto:help@evil.example",
        "evil[.]example",
        "evil (dot) example",
        "evil dot example",
        "hxxps://evil[.]example/x",
        "help [at] evil.example",
        "evil точка рф",
    ],
)
async def test_no_link_of_its_own_however_it_is_written(link: str) -> None:
    """Whoever writes to the model wants it to show one: apps make links, and fetch pictures, of all of these."""
    assert "link" in (await grounded(f"Delivery to Astana takes 2–3 days and costs 1,490 ₸ {link}.")).reasons


@pytest.mark.parametrize(
    ("answer", "ok"),
    [
        ("Вернуть товар можно в течение 14 дней.", True),
        ("Товар можно вернуть за 14 дней после получения.", True),
        ("Деньги вернутся на карту в течение пяти рабочих дней.", True),
        ("Деньги вернутся на карту в течение трёх рабочих дней.", False),
        ("Постельное бельё можно вернуть.", False),
        ("Курьер стоит 1200 тенге.", True),
        ("Курьер стоит 1300 тенге.", False),
        ("Вернуть товар можно в течение 14 месяцев.", False),
    ],
)
async def test_russian(answer: str, *, ok: bool) -> None:
    assert (await grounded(answer, passages=RUSSIAN)).grounded is ok


async def test_a_number_of_the_question_is_no_evidence_unless_it_names_an_order() -> None:
    assert "number" in (await grounded("Delivery takes 9 days.", "Will it take 9 days?")).reasons
    assert (await grounded("Delivery of 204518 costs 990 ₸.", "Where is 204518?")).grounded


@pytest.mark.parametrize(
    ("answer", "ok"),
    [
        ("Call +7 (727) 350-12-34.", True),
        ("Call 8 727 350 12 34.", True),
        ("Call +7 727 350 34 12.", False),
        ("Call 350 727 12 34.", False),
    ],
)
async def test_a_phone_number_stands_as_a_whole(answer: str, *, ok: bool) -> None:
    known = passage("Call +7 727 350 12 34, extension 12, or 34 at night.", Language.EN)
    assert ("phone" not in (await grounded(answer, passages=(known,))).reasons) is ok


async def test_a_claim_in_another_language_needs_an_embedder() -> None:
    found = await check("Доставка в Алматы занимает 1 день.", ENGLISH, "", language=Language.RU)
    assert found.reasons == ("claim",)


SENTENCES = [f"{sentence.strip('. ')}." for sentence in DELIVERY.split(". ")]


@given(st.sets(st.sampled_from(SENTENCES), min_size=1))
async def test_a_verbatim_quote_is_always_grounded(chosen: set[str]) -> None:
    assert (await grounded(" ".join(sorted(chosen)))).grounded


@given(st.lists(st.text("абвг дежз 1234567890%.,", min_size=1, max_size=60), min_size=1, max_size=6), st.data())
async def test_a_whole_passage_is_grounded_in_itself(sentences: list[str], data: st.DataObject) -> None:
    text = "\n".join(sentences)
    lines = [line for line in sentences if line.strip()]
    assume(lines)
    answer = data.draw(st.sampled_from(lines))
    assume(any(character.isalnum() for character in answer))
    found = await grounded(answer, passages=(passage(text, Language.RU),))
    assert found.grounded or found.reasons == ("empty",)


@given(st.sampled_from(SENTENCES), st.integers(1, 99_999), st.data())
async def test_changing_any_number_makes_it_ungrounded(sentence: str, number: int, data: st.DataObject) -> None:
    places = [index for index, character in enumerate(sentence) if character.isdigit()]
    assume(places)
    start = data.draw(st.sampled_from(places))
    end = start
    while start > 0 and (sentence[start - 1].isdigit() or sentence[start - 1] in ",:"):
        start -= 1
    while end < len(sentence) and (sentence[end].isdigit() or sentence[end] in ",:"):
        end += 1
    changed = f"{sentence[:start]}{number}{sentence[end:]}"
    assume(str(number) not in {quantity.value for quantity in quantities(DELIVERY)})
    assert "number" in (await grounded(changed)).reasons


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,000 ₸; 1 000 тенге; 1000 tg; ₸1000; 1\u00a0000 теңге", [Quantity("1000", "₸")] * 5),
        ("5 business days, 5 рабочих дней, five days, пять дней, 5 күн", [Quantity("5", "day")] * 5),
        ("9:00 and 09:00", [Quantity("9:00")] * 2),
        ("9 am", [Quantity("9", "am")]),
        ("10% 10 процентов 10 percent", [Quantity("10", "%")] * 3),
        ("3–5 days, от 3 до 5 дней", [Quantity("3", "day"), Quantity("5", "day")] * 2),
        ("1.5 kg, 1,5 кг", [Quantity("1.5", "kg")] * 2),
        ("On Monday, в понедельник, дүйсенбіде", [Quantity("monday")] * 3),
        ("12.03.2024", [Quantity("12.03.2024")]),
        ("1. First\n2) Second [3]", []),
        ("он пришёл", []),
        ("он күн", [Quantity("10", "day")]),
    ],
)
def test_one_notation_for_quantities(text: str, expected: list[Quantity]) -> None:
    assert sorted(quantities(text)) == sorted(expected)
