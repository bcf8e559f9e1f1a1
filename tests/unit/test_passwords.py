"""Which passwords are too weak, how they are hashed, and what is said of them."""

import asyncio
import hashlib
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.identity.password_rules import Breached, flaws, is_common, weak
from api.identity.passwords import LONGEST, QUEUE_PER_SLOT, Passwords
from api.problems import ProblemError
from models.contracts.settings import PasswordRules
from runtime.errors import OperatorError

RULES = PasswordRules()
GOOD = "correct horse battery staple"
PRINTABLE = st.text(st.characters(exclude_categories=["Cs"]), max_size=160)


def unknown(_: str) -> bool:
    return False


def wrong_with(password: str, rules: PasswordRules = RULES, own: tuple[str | None, ...] = ()) -> list[str]:
    return flaws(password, rules, own, unknown)


# Rules --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "password", [GOOD, "пароль из четырёх слов", "密码必须足够长才可以哦好吧", "🦊🐻🐼🦁🐯🐨🐷🐸🐵🐔🐧🐦"]
)
def test_any_characters_will_do(password: str) -> None:
    assert wrong_with(password) == []


@pytest.mark.parametrize(
    "password",
    [
        "password",
        "PASSWORD",
        "password2024!!",
        "123qweasdzxc",
        "1q2w3e4r5t6y",
        "aaaaaaaaaaaaaaa",
        "abcabcabcabc",
        "!!!!",
    ],
)
def test_common_passwords_are_known_with_what_people_put_around_them(password: str) -> None:
    assert is_common(password)


@pytest.mark.parametrize(
    ("password", "own"),
    [
        ("aigerim is my name", ("Aigerim Sadykova",)),
        ("sadykova1234567", ("Aigerim Sadykova",)),
        ("my AIGERIM.S@acme.kz", ("aigerim.s@acme.kz",)),
        ("aigerim.s and more", ("aigerim.s@acme.kz",)),
        ("working at altyn-home", (None, "altyn-home")),
    ],
)
def test_own_words_are_what_is_tried_first(password: str, own: tuple[str | None, ...]) -> None:
    assert any("your name" in flaw for flaw in wrong_with(password, own=own))


def test_a_short_name_stands_in_a_password_by_chance() -> None:
    assert wrong_with("ballroom with a view", own=("Bal", "al@b.kz")) == []


def test_everything_that_is_wrong_is_said_at_once_and_the_password_is_not() -> None:
    found = flaws("Bolat", PasswordRules(mixed=True), ("Bolat",), lambda _: True)
    assert len(found) == 4
    problem = weak(found)
    assert [error["field"] for error in problem.extra["errors"]] == ["password"] * 4
    assert "bolat" not in str(problem.extra).lower()


@given(PRINTABLE, st.integers(8, 64))
def test_lengths_are_counted_in_characters_after_normalising(password: str, shortest: int) -> None:
    length = len(unicodedata.normalize("NFKC", password))
    found = wrong_with(password, PasswordRules(min_length=shortest))
    assert any("at least" in flaw for flaw in found) == (length < shortest)
    assert any("at most" in flaw for flaw in found) == (length > LONGEST)


@given(PRINTABLE, st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]))
def test_how_a_keyboard_writes_it_makes_no_difference(password: str, form: "unicodedata._NormalizationForm") -> None:
    assert wrong_with(password) == wrong_with(unicodedata.normalize(form, password))


@given(PRINTABLE)
def test_mixing_is_asked_for_only_where_a_tenant_says_so(password: str) -> None:
    without, with_ = wrong_with(password), wrong_with(password, PasswordRules(mixed=True))
    assert set(without) <= set(with_)
    assert len(with_) - len(without) in (0, 1)


# Stolen passwords ---------------------------------------------------------------------------------


def stolen(folder: Path, passwords: list[str], end: str = "\r\n") -> Breached:
    lines = sorted(f"{hashlib.sha1(each.encode()).hexdigest().upper()}:{len(each)}" for each in passwords)
    path = folder / "stolen.txt"
    path.write_bytes("".join(line + end for line in lines).encode())
    return Breached(path)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 10, 257])
def test_every_line_of_the_file_is_found_and_nothing_else(tmp_path: Path, count: int, end: str) -> None:
    passwords = [f"stolen {number}" for number in range(count)]
    breached = stolen(tmp_path, passwords, end)
    assert all(breached(each) for each in passwords)
    assert not any(breached(f"kept {number}") for number in range(100))


def test_a_stolen_password_is_refused(tmp_path: Path) -> None:
    assert flaws(GOOD, RULES, (), stolen(tmp_path, [GOOD])) == [
        "must not be one that many people use, or that was stolen somewhere"
    ]


def test_without_a_file_nothing_is_stolen_and_a_missing_file_is_told(tmp_path: Path) -> None:
    assert not Breached(None)(GOOD)
    with pytest.raises(OperatorError, match="MAINSTAY_BREACHED_PASSWORDS_FILE"):
        Breached(tmp_path / "missing")


# Hashes -------------------------------------------------------------------------------------------


@pytest.fixture
def passwords() -> Passwords:
    return Passwords(memory_mib=8, passes=1, slots=1)


async def test_a_password_is_recognised_however_it_is_typed(passwords: Passwords) -> None:
    hashed = await passwords.hash("пароль й и ё ﬁ")
    assert hashed.startswith("$argon2id$v=19$m=8192,t=1,p=1$")
    for form in ("NFC", "NFD", "NFKD"):
        typed = unicodedata.normalize(form, "пароль й и ё ﬁ")
        assert (await passwords.verify(hashed, typed)).ok
    assert not (await passwords.verify(hashed, "пароль и и е fi")).ok


@pytest.mark.parametrize("stored", [None, "", "!", "$argon2id$broken"])
async def test_nothing_matches_where_there_is_no_password(passwords: Passwords, stored: str | None) -> None:
    assert not (await passwords.verify(stored, "")).ok
    assert not (await passwords.verify(stored, "!")).ok


async def test_what_is_too_long_is_wrong(passwords: Passwords) -> None:
    hashed = await passwords.hash("x" * (LONGEST + 1))
    assert not (await passwords.verify(hashed, "x" * (LONGEST + 1))).ok


async def test_stronger_settings_ask_for_a_new_hash(passwords: Passwords) -> None:
    hashed = await passwords.hash(GOOD)
    stronger = Passwords(memory_mib=9, passes=1, slots=1)
    verified = await stronger.verify(hashed, GOOD)
    assert verified.ok
    assert verified.rehash is not None
    assert await stronger.verify(verified.rehash, GOOD) == await passwords.verify(hashed, GOOD)
    assert (await stronger.verify(hashed, "another one")).rehash is None


async def test_who_comes_when_too_many_wait_is_sent_away_and_the_place_is_free_again() -> None:
    passwords = Passwords(memory_mib=64, passes=2, slots=1)
    places = 1 + QUEUE_PER_SLOT
    answers = await asyncio.gather(*(passwords.hash(GOOD) for _ in range(places + 3)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, ProblemError)]
    assert [(each.status, each.headers) for each in refused] == [(503, {"Retry-After": "1"})] * 3
    assert len(set(map(str, answers)) - {str(refused[0])}) == places
    assert await passwords.hash(GOOD)
