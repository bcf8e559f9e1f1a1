"""Hostile input, over the whole OpenAPI document: refused by name, and never a defect of ours."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.service.api.house import Company

JSON = {"Content-Type": "application/json"}
ID = "01890000-0000-7000-8000-000000000000"
# A name of a field that a body may have any number of: one will do.
ANY_NAME = "anything"


# A provider's own fields are looked at when everything else is right: see test_api_channel_accounts.
OF_PROVIDERS = {"settings", "credentials"}
# Refused before the body's fields are looked at: an API key does nothing for a person, a webhook must be signed, a
# visitor have a token.
EARLIER = {
    "changePassword", "updateMe", "beginTotp", "confirmTotp", "removeTotp", "renewRecoveryCodes", "logout",
    "logoutEverywhere", "receiveWebhook", "sendVisitorMessage",
}  # fmt: skip


class Document:
    """The OpenAPI document of a gateway, and requests that follow it."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    def operations(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Method, path with some id in it, and the operation; streams and health apart."""
        for path, operations in self._document["paths"].items():
            for method, operation in operations.items():
                if path.startswith("/v1/") and "text/event-stream" not in str(operation["responses"].get("200")):
                    yield method.upper(), self._with_ids(path, operation), operation

    def _with_ids(self, path: str, operation: dict[str, Any]) -> str:
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "path":
                path = path.replace("{" + parameter["name"] + "}", ID)
        return path

    def body(self, operation: dict[str, Any]) -> dict[str, Any] | None:
        schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        return None if schema is None else self._resolved(schema)

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        if "$ref" in schema:
            return self._resolved(self._document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
        if len(schema.get("allOf", ())) == 1:
            return self._resolved(schema["allOf"][0])
        return schema

    def texts(self, schema: dict[str, Any], deep: int = 6) -> Iterator[tuple[tuple[str | int, ...], dict[str, Any]]]:
        """Every place in a body where a string may stand, with its schema."""
        schema = self._resolved(schema)
        if deep == 0:
            return
        for variant in schema.get("anyOf", schema.get("oneOf", [])):
            yield from self.texts(variant, deep)
        match schema.get("type"):
            case "string":
                yield (), schema
            case "object":
                for name, inner in schema.get("properties", {}).items():
                    yield from (((name, *place), text) for place, text in self.texts(inner, deep - 1))
                if isinstance(others := schema.get("additionalProperties"), dict):
                    yield from (((ANY_NAME, *place), text) for place, text in self.texts(others, deep - 1))
            case "array":
                yield from (((0, *place), text) for place, text in self.texts(schema["items"], deep - 1))
            case _:
                return


def placed(place: tuple[str | int, ...], text: str) -> Any:
    """A body with `text` at `place` and nothing else."""
    value: Any = text
    for step in reversed(place):
        value = {step: value} if isinstance(step, str) else [value]
    return value


@pytest.fixture
async def document(acme: Company) -> Document:
    return Document((await acme.get("/openapi.json")).json())


def named(problem: dict[str, Any]) -> set[str]:
    """The first part of every field that a problem names."""
    return {error["field"].partition(".")[0] for error in problem.get("errors", [])}


@pytest.mark.parametrize("hostile", ["a\x00b", "\ud800", "a\udfffb"])
async def test_no_text_of_any_body_takes_what_cannot_be_stored(acme: Company, document: Document, hostile: str) -> None:
    tried = 0
    for method, path, operation in document.operations():
        for place, _ in document.texts(document.body(operation) or {}):
            content = json.dumps(placed(place, hostile)).encode()
            answer = await acme.http.request(method, path, content=content, headers=JSON)
            told = f"{method} {path} {place}: {answer.text}"
            if operation["operationId"] in EARLIER:
                assert answer.status_code in {401, 403, 404, 422}, told
                continue
            assert answer.status_code == 422, told
            assert str(place[0]) in named(answer.json()), told
            tried += 1
    assert tried > 15, "the document has texts"


async def test_every_text_of_any_body_has_an_end(acme: Company, document: Document) -> None:
    endless = [
        f"{operation['operationId']} {place}"
        for _, _, operation in document.operations()
        for place, schema in document.texts(document.body(operation) or {})
        if not {"maxLength", "format", "enum", "const", "pattern"} & schema.keys()
    ]
    # Bounded by the body's own limit: documents and histories are long.
    long = ("addSource ('documents', 0, 'text')", "decodePayloads ")
    assert [each for each in endless if not each.startswith(long)] == []
    tried = 0
    for method, path, operation in document.operations():
        for place, schema in document.texts(document.body(operation) or {}):
            if place[0] in OF_PROVIDERS and operation["operationId"].endswith("ChannelAccount"):
                continue
            if "maxLength" in schema and operation["operationId"] not in EARLIER:
                content = json.dumps(placed(place, "a" * (schema["maxLength"] + 1)))
                answer = await acme.http.request(method, path, content=content, headers=JSON)
                assert answer.status_code in {404, 422}, f"{method} {path} {place}: {answer.text}"
                if answer.status_code == 422:
                    assert str(place[0]) in named(answer.json()), f"{method} {path} {place}: {answer.text}"
                    tried += 1
    assert tried > 5


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"text": "hi", "text": "bye"}', 400),
        (b'{"text": "hi", "customer": {"name": "a", "name": "b"}}', 400),
        (b'{"one_shot": 1e400}', 400),
        (b'{"one_shot": NaN}', 400),
        (b'{"one_shot": ' + b"9" * 30 + b"}", 400),
        (b'{"customer": ' + b"[" * 65 + b"]" * 65 + b"}", 400),
        (b'{"customer": ' + b"[" * 60 + b"]" * 60 + b"}", 422),
        ('{"text": "hi"}'.encode("utf-16"), 400),
    ],
)
async def test_a_body_that_readers_differ_about(acme: Company, body: bytes, status: int) -> None:
    answer = await acme.http.post("/v1/conversations", content=body, headers=JSON)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await acme.get("/v1/conversations")).json()["items"] == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/conversations?limit=1&limit=200", 422),
        ("/v1/conversations?limit=%00", 422),
        ("/v1/conversations?%00=1", 422),
        ("/v1/conversations?state=open%00", 422),
        ("/v1/conversations?cursor=%ED%A0%80", 422),
        ("/v1/conversations?" + "&".join(f"a{n}=1" for n in range(200)), 422),
        ("/v1/conversations?limit=" + "9" * 5000, 422),
        ("/v1/conversations?limit[]=1", 422),
        ("/v1/conversations/%00", 422),
        (f"/v1/conversations/{ID}%00", 422),
        (f"/v1/conversations/{ID}%2Fmessages", 404),
        ("/v1/conversations/..%2F..%2Fetc%2Fpasswd", 404),
        ("/v1/conversations/%2e%2e/%2e%2e/metrics", 404),
        ("/v1//conversations", 404),
        ("/v1/conversations/", 404),
        ("/V1/conversations", 404),
        ("/v1/conversations/%ED%A0%80", 422),
        ("/v1/conversations/%FF%FE", 422),
        ("/v1/conversations/" + "a" * 8000, 422),
        ("/v1/events?after=%00", 422),
        ("/%2e%2e/health", 404),
    ],
)
async def test_a_path_or_query_that_is_none(acme: Company, path: str, status: int) -> None:
    answer = await acme.get(path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert "\x00" not in answer.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-HTTP-Method-Override": "DELETE", "X-Method-Override": "POST"}, 200),
        ({"X-Forwarded-Host": "evil.example", "X-Original-URL": "/metrics", "X-Rewrite-URL": "/metrics"}, 200),
        ({"Accept": "text/html,*/*;q=0.0.0;;;,", "Accept-Language": "\xff"}, 200),
        ({"Range": "bytes=0-1,2-3,4-5"}, 200),
        ({"Authorization": "Bearer msk_" + "\xff" * 20}, 401),
        ({"Authorization": "Bearer " + "a" * 10_000}, 401),
        ({f"X-{n}": "a" * 500 for n in range(100)}, 431),
    ],
)
async def test_headers_that_mean_nothing_here(acme: Company, headers: dict[str, str], status: int) -> None:
    given = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
    answer = await acme.http.get("/v1/conversations", headers=given)
    assert answer.status_code == status, answer.text
    assert "evil.example" not in str(answer.headers)


@pytest.mark.parametrize(
    "media_type",
    ["text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data", "", "a/b; c", "/"],
)
async def test_a_body_of_another_media_type(acme: Company, media_type: str) -> None:
    answer = await acme.http.post("/v1/conversations", content=b'{"text": "hi"}', headers={"Content-Type": media_type})
    assert answer.status_code == 422, answer.text
    assert (await acme.get("/v1/conversations")).json()["items"] == []


def part(name: str, content: bytes, filename: str | None = None, extra: bytes = b"") -> bytes:
    disposition = f'form-data; name="{name}"' + ("" if filename is None else f'; filename="{filename}"')
    return b"--b\r\nContent-Disposition: " + disposition.encode() + b"\r\n" + extra + b"\r\n" + content + b"\r\n"


@pytest.mark.parametrize(
    "parts",
    [
        [part("files", b"x", f"{n}.md") for n in range(1200)],
        [part(f"field{n}", b"x") for n in range(1200)],
        [part("files", b"x", "a" * 100_000 + ".md")],
        [part("files", b"x", "a.md", b"X: " + b"y" * 500_000 + b"\r\n")],
        [part("files", b"x", "a.md", b"X: y\r\n" * 50_000)],
        [part("files", b"x", "../../etc/passwd")],
        [part("files", b"x", "a.md\x00.exe")],
        [part("files", b"x", "/etc/passwd")],
        [part("files", b"x", "a\u202egnp.md")],
        [part("files", b"x", "")],
        [part("files", b"x", "a.md"), part("files", b"y", "a.md")],
        [part("name", b"one"), part("name", b"another"), part("files", b"x", "a.md")],
        [part("files", b"x", "a.md"), part("tenant_id", b"another")],
        [part("files", b"no file")],
        [part("name", b"a\x00"), part("files", b"x", "a.md")],
        [part("name", b"x" * 900_000), part("files", b"x", "a.md")],
        [part("name", b"x"), b"--b\r\n\r\nno head\r\n"],
        [part("name", b"x"), b"--b\r\nContent-Disposition: form-data; name\r\n\r\nx\r\n"],
        [b"no boundary at all"],
    ],
)
async def test_forms_that_are_bombs(acme: Company, parts: list[bytes]) -> None:
    if not any(b'name="name"' in each for each in parts):
        parts = [part("name", b"help"), *parts]
    answer = await acme.http.post(
        "/v1/kb/upload",
        content=b"".join(parts) + b"--b--\r\n",
        headers={"Content-Type": "multipart/form-data; boundary=b"},
    )
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await acme.get("/v1/kb/sources")).json()["items"] == []


@pytest.mark.parametrize("boundary", ["", "=", '"', "x" * 5000, "b; charset=utf-16", "\xff"])
async def test_forms_without_a_usable_boundary(acme: Company, boundary: str) -> None:
    answer = await acme.http.post(
        "/v1/kb/upload",
        content=part("name", b"help") + part("files", b"x", "a.md") + b"--b--\r\n",
        headers={b"Content-Type": f"multipart/form-data; boundary={boundary}".encode("latin-1")},
    )
    assert 200 <= answer.status_code < 500, answer.text
