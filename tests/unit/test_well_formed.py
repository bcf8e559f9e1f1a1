"""Bodies that two readers could understand differently."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.edge.well_formed import MAX_DEPTH, check_json, deeper_than
from api.problems import ProblemError

TEXT = st.text().filter(lambda text: "\x00" not in text)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


@given(JSON, st.booleans())
def test_what_is_json_passes(value: Any, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    check_json(text.encode())


@given(JSON, st.integers(0, 6))
def test_depth_is_that_of_the_value(value: Any, levels: int) -> None:
    assert deeper_than(json.dumps(value).encode(), levels) == (depth(value) > levels)


@given(st.text(st.sampled_from('[]{}"\\ab'), max_size=300))
def test_brackets_in_strings_do_not_count(text: str) -> None:
    assert not deeper_than(json.dumps({text: text}).encode(), 1)


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        (b'{"a": 1, "a": 2}', "twice"),
        (b'[{"b": {"a": 1, "\\u0061": 2}}]', "twice"),
        (b'{"a": 1e400}', "too large"),
        (b'{"a": -1e400}', "too large"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": Infinity}', "Infinity"),
        (b'{"a": -Infinity}', "Infinity"),
        (b'{"a": 9223372036854775808}', "64 bits"),
        (b'{"a": -9223372036854775809}', "64 bits"),
        (b'{"a": ' + b"9" * 4000 + b"}", "64 bits"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "deeper"),
        (b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1), "deeper"),
        (b"[" * 1_000_000, "deeper"),
    ],
)
def test_what_readers_differ_about_is_refused(body: bytes, cause: str) -> None:
    with pytest.raises(ProblemError, match=cause) as refusal:
        check_json(body)
    assert refusal.value.status == 400


def test_the_deepest_that_passes() -> None:
    check_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"a": {"b": ["x", "\\u0000"]}}', "a.b.1"),
        (b'"\\u0000"', "body"),
        (b'{"a": {"\\u0000": 1}}', "a"),
        (b'{"a": {"b": ["x", "\\ud83d"]}}', "a.b.1"),
        (b'{"a": "\\uDE00\\uD83D"}', "a"),
        (b'{"\\udfff": 1}', "body"),
    ],
)
def test_what_no_database_holds_is_named_where_it_stands(body: bytes, field: str) -> None:
    with pytest.raises(ProblemError) as refusal:
        check_json(body)
    assert refusal.value.status == 422
    assert refusal.value.extra["errors"][0]["field"] == field


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "utf-8-sig", "latin-1"])
def test_only_utf_8_is_read(encoding: str) -> None:
    with pytest.raises(ProblemError, match="UTF-8"):
        check_json('{"a": "é"}'.encode(encoding))


def test_a_pair_of_surrogates_is_a_character() -> None:
    check_json(b'{"a": "\\ud83d\\ude00"}')


def test_an_escaped_backslash_before_u0000_is_no_nul() -> None:
    check_json(b'{"a": "\\\\u0000"}')
