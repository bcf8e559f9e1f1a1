"""Origins as tenants list them: what a browser would send, and nothing that says more or less."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.contracts.origins import listed_origin, origin_of
from models.contracts.settings import TenantSettings


@pytest.mark.parametrize(
    ("listed", "origin"),
    [
        ("https://www.example.com", "https://www.example.com"),
        ("https://WWW.Example.com/", "https://www.example.com"),
        ("https://example.com:443", "https://example.com"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://xn--e1afmkfd.example", "https://xn--e1afmkfd.example"),
    ],
)
def test_an_origin_is_kept_as_browsers_write_it(listed: str, origin: str) -> None:
    assert TenantSettings(allowed_origins=(listed,)).allowed_origins == (origin,)


@pytest.mark.parametrize(
    "wrong",
    [
        "*",
        "null",
        "",
        "example.com",
        "https://",
        "https://*.example.com",
        "https://example.com/path",
        "https://example.com?x",
        "https://example.com#x",
        "https://user:password@example.com",
        "https://example.com:99999",
        "https://exam ple.com",
        "https://пример.рф",
        "https://example.com\n",
        "https://a" + ".a" * 200,
        "ftp://example.com",
        "file:///etc",
        "javascript:alert(1)",
        "https://-example.com",
        "https://example..com",
    ],
)
def test_what_is_no_origin_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError, match=r"must be a scheme|at most 300 characters"):
        TenantSettings(allowed_origins=(wrong,))


@given(st.text(max_size=60).map("https://".__add__) | st.text(max_size=60))
def test_what_is_listed_is_its_own_origin(text: str) -> None:
    try:
        origin = listed_origin(text)
    except ValueError:
        return
    assert origin_of(origin) == origin == listed_origin(origin)
    assert "*" not in origin
