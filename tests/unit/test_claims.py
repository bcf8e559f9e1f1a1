"""What a written answer may not claim is found, in every form; what is allowed is not taken for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.guards.claims import FORBIDDEN_CLAIM, FORBIDDEN_LINK, forbidden
from models.contracts.policy import Claims

CLAIMS = Claims(
    forbidden=("guarantee", "скидка # %", "Beeline", "кепілдік береміз"),
    allowed=("guarantee of 12 months", "Beeline Street"),
    link_domains=("altyn.example",),
)


@pytest.mark.parametrize(
    "answer",
    [
        "We guarantee it.",
        "It is GUARANTEED to arrive.",
        "There is a guarantee of 12 months, and we guarantee a refund.",
        "У нас действует скидка 10%.",
        "Для вас скидки до 15 %!",
        "Beeline is cheaper.",
        "Біз кепілдік береміз.",
    ],
)
def test_a_forbidden_claim_is_found(answer: str) -> None:
    assert forbidden(answer, CLAIMS) == (FORBIDDEN_CLAIM,)


@pytest.mark.parametrize(
    "answer",
    [
        "There is a guarantee of 12 months.",
        "Our shop is at Beeline Street 5.",
        "Скидка есть. Доставка идёт 10 дней.",
        "Write to help@altyn.example or see https://www.altyn.example/delivery?x=1.",
        "It costs 10% less than 5 km.",
    ],
)
def test_what_is_allowed_is_not(answer: str) -> None:
    assert forbidden(answer, CLAIMS) == ()


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example",
        "www.evil.example/altyn.example",
        "https://altyn.example@evil.example/",
        "https://altyn.example:443@evil.example/",
        "https://altyn.example.evil.example",
        "notaltyn.example",
        "//evil.example/x",
        "javascript:alert(1)",
        "tel:+77010000000",
        "sales@evil.example",
    ],
)
def test_a_link_that_leads_elsewhere_is_found(link: str) -> None:
    assert forbidden(f"See {link} for more.", CLAIMS) == (FORBIDDEN_LINK,)


def test_without_domains_links_are_groundings_matter() -> None:
    assert forbidden("See https://evil.example", Claims(forbidden=("guarantee",))) == ()


@given(st.text(max_size=200), st.sampled_from(["guarantee", "GUARANTEES", "Guaranteed"]), st.text(max_size=50))
def test_whatever_stands_around_it(before: str, claim: str, after: str) -> None:
    assert FORBIDDEN_CLAIM in forbidden(f"{before} {claim} {after}", Claims(forbidden=("guarantee",)))
