"""Whatever a client sends wrong: named, refused, and nothing is stored."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from runtime.database import Database
from runtime.embedded import Servers
from tests.service.api.house import Company, serving, settings_of

PROBLEM = "application/problem+json"


async def stored(acme: Company) -> int:
    return len((await acme.get("/v1/conversations?limit=200")).json()["items"])


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({"text": ""}, "text", "at least 1 character"),
        ({"text": " \n\t"}, "text", "must not be blank"),
        ({"text": "x" * 16_001}, "text", "at most 16000 characters"),
        ({"text": "nul\x00"}, "text", "NUL"),
        ({"text": 5}, "text", "valid string"),
        ({"text": "hi", "tenant_id": "x"}, "tenant_id", "unknown field"),
        ({"text": "hi", "state": "closed"}, "state", "unknown field"),
        ({"text": "hi", "role": "owner"}, "role", "unknown field"),
        ({"channel": "telegram"}, "channel", "'api' or 'web'"),
        ({"customer": {"nam": "x"}}, "customer.nam", "unknown field"),
        ({"customer": {"name": "x" * 201}}, "customer.name", "at most 200"),
        ({"customer": {"external_id": ""}}, "customer.external_id", "at least 1"),
        ({"customer": []}, "customer", "dictionary"),
        ({"one_shot": "maybe"}, "one_shot", "boolean"),
    ],
)
async def test_a_wrong_field_is_named_and_nothing_is_stored(
    acme: Company, body: dict[str, object], field: str, message: str
) -> None:
    response = await acme.post("/v1/conversations", body)
    assert response.status_code == 422
    assert response.headers["content-type"] == PROBLEM
    problem = response.json()
    assert problem["type"] == "urn:mainstay:problem:invalid"
    assert problem["request_id"] == response.headers["x-request-id"]
    assert [error["field"] for error in problem["errors"]] == [field]
    assert message in problem["errors"][0]["message"]
    assert await stored(acme) == 0


async def test_every_wrong_field_is_named_at_once(acme: Company) -> None:
    response = await acme.post("/v1/conversations", {"text": "", "colour": "red", "customer": {"language": "de"}})
    assert {error["field"] for error in response.json()["errors"]} == {"text", "colour", "customer.language"}


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b'{"text": "\xff\xfe"}', 400),
        (b'{"text": "half', 400),
        (b"", 422),
        (b"null", 422),
        (b"[]", 422),
        (b'"text"', 422),
        (b'{"text": "\\ud800"}', 422),
        (b"[" * 100_000, 400),
        (b'{"text": ' + b"9" * 5000 + b"}", 400),
    ],
)
async def test_a_body_that_cannot_be_read(acme: Company, content: bytes, status: int) -> None:
    conversation = await acme.opened()
    response = await acme.http.post(
        f"/v1/conversations/{conversation}/messages", content=content, headers={"Content-Type": "application/json"}
    )
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    assert (await acme.get(f"/v1/conversations/{conversation}/messages")).json()["items"] == []


async def test_a_body_of_another_kind(acme: Company) -> None:
    response = await acme.http.post("/v1/conversations", content=b"text=hi", headers={"Content-Type": "text/plain"})
    assert response.status_code == 422
    assert "application/json" in response.json()["errors"][0]["message"]


async def chunks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b" " * 65536


async def test_a_huge_body_is_refused_whether_it_says_so_or_not(acme: Company) -> None:
    announced = await acme.http.post("/v1/conversations", content=b" " * 1_048_577)
    assert announced.status_code == 413
    chunked = await acme.http.post(
        "/v1/conversations", content=chunks(17), headers={"Content-Type": "application/json"}
    )
    assert chunked.status_code == 413
    for response in (announced, chunked):
        assert response.headers["content-type"] == PROBLEM
        assert "1048576 bytes" in response.json()["detail"]
    exact = await acme.http.post(
        "/v1/conversations", content=b"{}" + b" " * 1_048_574, headers={"Content-Type": "application/json"}
    )
    assert exact.status_code == 201


async def test_the_limits_are_settings(servers: Servers, acme: Company) -> None:
    async with serving(settings_of(servers, message_max_chars=5, body_max_bytes=1024)) as (url, _):
        long = await acme.http.post(f"{url}/v1/conversations", json={"text": "sechs!"})
        assert "at most 5 characters; it has 6" in long.json()["errors"][0]["message"]
        huge = await acme.http.post(f"{url}/v1/conversations", content=b" " * 1025)
        assert huge.status_code == 413
        document = (await acme.http.get(f"{url}/openapi.json")).json()
    assert document["components"]["schemas"]["MessageIn"]["properties"]["text"]["anyOf"][0]["maxLength"] == 5


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/conversations/not-an-id", "conversation_id"),
        ("/v1/conversations?state=lost", "state"),
        ("/v1/conversations?limit=0", "limit"),
        ("/v1/conversations?limit=201", "limit"),
        ("/v1/conversations?cursor=x", "cursor"),
        ("/v1/conversations?stat=closed", "stat"),
        ("/v1/escalations?status=x", "status"),
        ("/v1/kb/chunks", "document_id"),
        ("/v1/events?after=-1", "after"),
    ],
)
async def test_a_wrong_parameter_is_named(acme: Company, path: str, field: str) -> None:
    response = await acme.get(path)
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [field]


async def test_what_is_not_there(acme: Company) -> None:
    for path in (f"/v1/conversations/{uuid4()}", f"/v1/escalations/{uuid4()}", f"/v1/kb/jobs/{uuid4()}", "/v1/nothing"):
        response = await acme.get(path)
        assert response.status_code == 404
        assert response.headers["content-type"] == PROBLEM
    gone = await acme.post(f"/v1/conversations/{uuid4()}/messages", {"text": "hi"})
    assert gone.status_code == 404
    assert (await acme.http.delete(f"/v1/kb/sources/{uuid4()}")).status_code == 404
    wrong_method = await acme.http.put("/v1/conversations")
    assert wrong_method.status_code == 405
    assert wrong_method.headers["content-type"] == PROBLEM
    assert set(wrong_method.headers["allow"].split(", ")) & {"GET", "POST"}


@pytest.mark.parametrize("header", ["", "Basic abc", "Bearer", "Bearer nonsense", "Bearer msk_unknown"])
async def test_no_valid_key_no_answer(acme: Company, header: str) -> None:
    for method, path in (("GET", "/v1/conversations"), ("POST", "/v1/conversations"), ("GET", "/v1/events")):
        response = await acme.http.request(method, path, headers={"Authorization": header}, json={"unknown": 1})
        assert response.status_code == 401, (method, path)
        assert response.headers["www-authenticate"].startswith('Bearer realm="mainstay"')
        assert response.headers["content-type"] == PROBLEM


async def test_roles_bound_what_a_key_may_do(acme: Company) -> None:
    as_user = await acme.get("/v1/conversations", headers=acme.as_("user"))
    assert as_user.status_code == 403
    source = {"name": "help", "documents": [{"name": "a.md", "text": "hello"}]}
    as_agent = await acme.post("/v1/kb/sources", source, headers=acme.as_("aigerim"))
    assert as_agent.status_code == 403
    assert (await acme.get("/v1/kb/sources")).json()["items"] == []


async def test_a_suspended_tenant_is_told_so(acme: Company, servers: Servers) -> None:
    admin = Database(servers.admin_database_url, pool_size=1)
    async with admin.system() as tx:
        await tx.connection.exec_driver_sql(f"UPDATE tenants SET suspended = true WHERE id = '{acme.id}'")
    await admin.close()
    response = await acme.get("/v1/conversations")
    assert response.status_code == 403
    assert response.json()["type"] == "urn:mainstay:problem:suspended"


async def test_request_ids_are_taken_over_if_they_are_ids(acme: Company) -> None:
    taken = await acme.get("/health/live", headers={"X-Request-ID": "abc-123"})
    assert taken.headers["x-request-id"] == "abc-123"
    for wrong in ("x" * 65, "with blank", "новый".encode()):
        replaced = await acme.get("/health/live", headers={"X-Request-ID": wrong})
        assert len(replaced.headers["x-request-id"]) == 32
