"""Masking: what identifies people goes, what business is made of stays, and nobody can make it slow."""

import time
from datetime import datetime

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn

from activities.masking import mask
from activities.masking.identifiers import is_iin, is_snils
from models.contracts.enums import Language
from models.contracts.settings import Masking

ALL = Masking()


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("My card is 4111 1111 1111 1111, please", "My card is [card], please"),
        ("карта 5555-5555-5555-4444 не работает", "карта [card] не работает"),
        ("карта 2200 1234 5678 9019", "карта [card]"),
        ("amex 378282246310005.", "amex [card]."),
        ("4111\u00a01111\u00a01111\u00a01111", "[card]"),
        ("Счёт KZ86 125K ZT50 0410 0100 прошу", "Счёт [iban] прошу"),
        ("IBAN DE89370400440532013000 please", "IBAN [iban] please"),
        ("gb82 west 1234 5698 7654 32", "[iban]"),
        ("Мой ИИН 900101300136", "Мой ИИН [id]"),
        ("ЖСН: 900101300136 дұрыс па?", "ЖСН: [id] дұрыс па?"),
        ("ИНН 500100732259", "ИНН [id]"),
        ("500100732259", "[id]"),
        ("СНИЛС 112-233-445 95", "СНИЛС [id]"),
        ("112-233-445 95", "[id]"),
        ("паспорт 4509 123456 выдан", "паспорт [id] выдан"),
        ("Паспорт серия 45 09 номер", "Паспорт серия 45 09 номер"),
        ("passport No N12345678", "passport No [id]"),
        ("My SSN is 536-90-4399", "My SSN is [id]"),
        ("536-90-4399", "[id]"),
        ("write to Aigerim.S+shop@mail.example.kz!", "write to [email]!"),
        ("пишите на почту@пример.рф", "пишите на [email]"),
        ("+7 701 123 45 67", "[phone]"),
        ("тел. 8 (701) 123-45-67, Айгерим", "тел. [phone], Айгерим"),
        ("87011234567", "[phone]"),
        ("8-912-345-67-89", "[phone]"),
        ("нөмірім 7011234567", "нөмірім [phone]"),
        ("call +1 (212) 736-5000 or +44 20 7946 0018", "call [phone] or [phone]"),
        ("212-736-5000", "[phone]"),
        ("0049 30 901820345", "[phone]"),
        ("+7 701 123 45 67 15 штук", "[phone] 15 штук"),
    ],
)
def test_what_identifies_people_goes(text: str, masked: str) -> None:
    assert mask(text, ALL, Language.KK) == masked


TRAPS = """
Order 12345678 costs 1,490 ₸ and 14 900,50 тг
Заказ № 2024-000123456 на сумму 1 490 000 ₸
Тапсырыс 9012345678 қашан келеді?
order 4000000000001234
Where is 1700000000000?
IMEI 356938035643809
ISBN 978-3-16-148410-0
EAN 4006381333931
трек RA123456789KZ
12.05.2024 10:30 - 13.05.2024 18:00
2026-11-21T10:03:29
с 9:00 до 18:00, 24/7
iPhone 15 Pro 256 GB, 2 шт по 549 990
8 000 000 000 тг
80 000 000 000
100 200 300 400
размер 100x200x300, вес 12 500 г
KZ 2024 sale
версия 10.15.7
192.168.100.200
5 000 - 10 000 - 15 000
скидка 20% на 3-5 дней
курс 449.1234567890
@support, напишите
A4 210 x 297, DIN 476
дом 12, кв. 34, индекс 050000
100-200-3000
""".strip().splitlines()


@pytest.mark.parametrize("text", TRAPS)
@pytest.mark.parametrize("language", Language)
def test_what_business_is_made_of_stays(text: str, language: Language) -> None:
    assert mask(text, ALL, language) == text


@given(
    st.sampled_from(["Order {}", "Заказ №{}", "{} ₸", "{} шт.", "{} дана", "за {} дней", "A-{}"]),
    st.integers(0, 9_999_999_999),
    st.sampled_from(["{}", "{:,}"]),
    st.sampled_from(Language),
)
def test_numbers_of_up_to_ten_digits_stay(around: str, number: int, form: str, language: Language) -> None:
    text = around.format(form.format(number))
    assert mask(text, ALL, language) == text


@given(st.datetimes(), st.sampled_from(["%d.%m.%Y %H:%M", "%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%m/%d/%Y"]))
def test_dates_stay(moment: datetime, form: str) -> None:
    text = moment.strftime(form)
    assert mask(text, ALL, Language.RU) == text


@given(st.integers(10**10, 10**11 - 1), st.sampled_from(["", " ", "-", "\u00a0"]), st.sampled_from(["4000", "5100"]))
def test_every_card_goes(middle: int, separator: str, begins: str) -> None:
    number = f"{begins}{middle}"
    number += luhn.calc_check_digit(number)
    written = separator.join(number[start : start + 4] for start in range(0, 16, 4))
    assert mask(f"карта {written}, да", ALL, Language.RU) == "карта [card], да"


@given(
    st.sampled_from(["KZ", "RU", "US", "GB", "DE", "TR", "UZ"]),
    st.sampled_from([phonenumbers.PhoneNumberFormat.INTERNATIONAL, phonenumbers.PhoneNumberFormat.E164]),
    st.sampled_from([phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE]),
)
def test_phone_numbers_with_their_country_go(region: str, form: int, kind: int) -> None:
    number = phonenumbers.example_number_for_type(region, kind)
    assert number is not None
    written = phonenumbers.format_number(number, form)
    assert mask(f"звоните {written}!", ALL, Language.EN) == "звоните [phone]!"


@pytest.mark.parametrize("kind", Masking.model_fields)
def test_each_kind_can_be_left_in(kind: str) -> None:
    said = {
        "card": "4111111111111111",
        "iban": "DE89370400440532013000",
        "national_id": "900101300136",
        "email": "a@example.com",
        "phone": "+7 701 123 45 67",
    }
    text = "; ".join(said.values())
    left = mask(text, Masking.model_validate({kind: False}), Language.EN)
    assert [name for name, words in said.items() if words in left] == [kind]


def test_check_digits() -> None:
    assert is_iin("900101300136")
    assert not is_iin("900101300137")
    assert not is_iin("901301300130"), "no such month"
    assert is_snils("11223344595")
    assert not is_snils("11223344596")


@given(st.text(alphabet="0123456789 +-()@.аKZ\u00a0телphone", max_size=300), st.sampled_from(Language))
def test_masking_again_changes_nothing(text: str, language: Language) -> None:
    once = mask(text, ALL, language)
    assert mask(once, ALL, language) == once


@pytest.mark.parametrize(
    "piece",
    [
        "0",
        "4",
        "1 ",
        "+1",
        "8 ",
        "a@",
        "a.",
        "a@a.",
        "KZ00 ",
        "(",
        "+7(",
        "тел ",
        "паспорт ",
        "+7 701 123 45 67 ",
        "00 1",
        "-8-",
    ],
)
def test_time_grows_with_the_length_and_no_faster(piece: str) -> None:
    def seconds(length: int) -> float:
        text = (piece * length)[:length]
        best = float("inf")
        for _ in range(3):
            began = time.process_time()
            mask(text, ALL, Language.RU)
            best = min(best, time.process_time() - began)
        return best

    short, long = seconds(4_000), seconds(32_000)
    # Eight times the length; a quadratic pattern would take 64 times as long.
    assert long < max(short, 0.002) * 24, (short, long)
