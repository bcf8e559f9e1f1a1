"""Input that two readers could understand differently, or that costs more than it says, is refused before it is read.

A dependency of every route, behind `authorize`: strangers are not worth the work. The framework has parsed the body
once by then, with limits of its own on depth (the interpreter's recursion) and on the length of numbers.
"""

import json
import math
import re
from itertools import accumulate
from typing import Any
from urllib.parse import parse_qsl

from fastapi import FastAPI, Request

from api.permissions import ROUTES, Traffic
from api.problems import ProblemError, invalid

MAX_DEPTH = 64
MAX_HEAD_BYTES = 32_768
MAX_PARAMETERS = 100
# Postgres' and every client's largest integer; longer ones are no numbers of ours.
LARGEST = 2**63

# Possessive, and content with a string that does not end: each byte is looked at once.
STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
# Escapes of what may be no text: NUL, and surrogates, which are text in pairs only.
SUSPECT = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
LONE_SURROGATE = re.compile("[\ud800-\udfff]")
NO_NUL = "must not contain the character NUL (U+0000)"
NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


async def well_formed(request: Request) -> None:
    """Raises ProblemError: 400 ambiguous body, 422 ambiguous or unstorable parameter, 431 too many headers."""
    if sum(len(name) + len(value) for name, value in request.scope["headers"]) > MAX_HEAD_BYTES:
        raise ProblemError(431, f"The headers are longer than {MAX_HEAD_BYTES} bytes.")
    if "\x00" in request.url.path or "%00" in request.url.path:
        raise invalid("path", NO_NUL)
    _check_query(request)
    # What providers deliver is proved first: see api.webhooks.
    if _is_json(request) and not _proved_later(request):
        check_json(await request.body())


def check_json(body: bytes) -> None:
    """Raises ProblemError (400) unless `body`, if it is JSON at all, means the same to everybody who reads it."""
    if deeper_than(body, MAX_DEPTH):
        raise _ambiguous(f"it is nested deeper than {MAX_DEPTH} levels")
    if not body:
        return
    try:
        value = DECODER.decode(body.decode())
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ProblemError(400, f"The body is not valid JSON in UTF-8, from {where} on: {error.msg}.") from None
    except ValueError:  # the framework reads UTF-16 and UTF-32 too
        raise ProblemError(400, "The body could not be read: it must be JSON in UTF-8.") from None
    if SUSPECT.search(body) and (found := _unstorable(value)) is not None:
        raise invalid(*found)


def deeper_than(body: bytes, levels: int) -> bool:
    """Whether brackets outside strings are nested deeper than `levels`. Linear, and without building anything."""
    if body.count(b"[") + body.count(b"{") <= levels:
        return False
    brackets = STRING.sub(b"", body).translate(None, NOT_BRACKETS)
    return max(accumulate(map(STEPS.__getitem__, brackets)), default=0) > levels


def _proved_later(request: Request) -> bool:
    return ROUTES[request.scope["route"].operation_id].traffic is Traffic.WEBHOOK


def _is_json(request: Request) -> bool:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json"))


def _check_query(request: Request) -> None:
    query = request.scope["query_string"]
    if not query:
        return
    try:
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
    except ValueError:
        raise invalid("query", f"must have at most {MAX_PARAMETERS} parameters") from None
    names = [name for name, _ in pairs]
    for name, value in pairs:
        if "\x00" in name + value:
            raise invalid(_shown(name), NO_NUL)
    if len(set(names)) < len(names):
        lists = _lists(request.app, request.scope["route"].operation_id)
        for name in names:
            if names.count(name) > 1 and name not in lists:
                raise invalid(_shown(name), "must be given once")


def _lists(app: FastAPI, operation_id: str) -> set[str]:
    """Names of the parameters of an operation that may be repeated."""
    for operations in app.openapi()["paths"].values():
        for operation in operations.values():
            if operation["operationId"] == operation_id:
                return {each["name"] for each in operation.get("parameters", []) if _is_list(each["schema"])}
    return set()


def _is_list(schema: dict[str, Any]) -> bool:
    return any(variant.get("type") == "array" for variant in schema.get("anyOf", [schema]))


def _shown(name: str) -> str:
    """The name of a parameter as it can stand in an answer."""
    return name if name.isascii() and name.isprintable() and len(name) <= 64 else "query"


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _ambiguous("a name stands twice in one object")
    return found


def _integer(digits: str) -> int:
    if len(digits) > 20 or not -LARGEST <= (number := int(digits)) < LARGEST:
        raise _ambiguous("an integer does not fit 64 bits")
    return number


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise _ambiguous("a number is too large")
    return number


def _no_constant(name: str) -> None:
    raise _ambiguous(f"{name} is no JSON")


def _ambiguous(cause: str) -> ProblemError:
    return ProblemError(400, f"The body is not JSON that everybody reads alike: {cause}.")


DECODER = json.JSONDecoder(
    object_pairs_hook=_distinct, parse_int=_integer, parse_float=_finite, parse_constant=_no_constant
)


def _unstorable(value: Any) -> tuple[str, str] | None:
    """The field whose text no database can hold, and what it must not contain; None when there is none."""
    left: list[tuple[str, Any]] = [("", value)]
    while left:
        path, each = left.pop()
        if isinstance(each, str) and (fault := _fault(each)) is not None:
            return path or "body", fault
        if isinstance(each, dict):
            if fault := next(filter(None, map(_fault, each)), None):
                return path or "body", fault
            left.extend((f"{path}.{name}".lstrip("."), inner) for name, inner in each.items())
        elif isinstance(each, list):
            left.extend((f"{path}.{place}".lstrip("."), inner) for place, inner in enumerate(each))
    return None


def _fault(text: str) -> str | None:
    if "\x00" in text:
        return NO_NUL
    return "must not contain half of a surrogate pair" if LONE_SURROGATE.search(text) else None
