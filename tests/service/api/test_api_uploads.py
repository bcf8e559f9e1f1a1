"""Files over HTTP: taken whole or not at all, within limits that say what they are, and reported on."""

import asyncio
from typing import Any

import asyncpg
import httpx
import pytest

from api.uploads import SLOWEST, arrival_seconds
from runtime.database import Database
from runtime.embedded import Servers
from tests.service.api.house import Company, company, serving, settings_of

MIB = 1_048_576


async def upload(acme: Company, *files: tuple[str, bytes], key: str | None = None, **form: Any) -> httpx.Response:
    return await acme.http.post(
        "/v1/kb/upload",
        data={"name": "help", **form},
        files=[("files", file) for file in files],
        headers={} if key is None else {"Idempotency-Key": key},
    )


async def lines(acme: Company, job: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await acme.get(f"/v1/kb/jobs/{job}/files")).json()["items"]
    return items


async def test_files_are_queued_under_one_job(acme: Company) -> None:
    stored = await upload(acme, ("help/refunds.pdf", b"%PDF-"), ("цены.xlsx", b"PK"), tags=["astana", "almaty"])
    assert stored.status_code == 202, stored.text
    job = (await acme.get(f"/v1/kb/jobs/{stored.json()['job_id']}")).json()
    assert (job["files_total"], job["files_done"], job["documents_total"]) == (2, 0, 2)
    report = await lines(acme, job["id"])
    assert [(line["name"], line["status"], line["size"]) for line in report] == [
        ("help/refunds.pdf", "queued", 5),
        ("цены.xlsx", "queued", 2),
    ]
    (source,) = (await acme.get("/v1/kb/sources")).json()["items"]
    assert (source["tags"], source["last_job"]["id"]) == (["almaty", "astana"], job["id"])
    assert (await acme.get(f"/v1/kb/jobs/{job['id']}/files?status=failed")).json()["items"] == []
    (audited, *_) = (await acme.get("/v1/audit?action=source.stored")).json()["items"]
    assert audited["details"]["documents"] == 2


async def test_the_report_has_pages(acme: Company) -> None:
    stored = await upload(acme, *((f"{number}.txt", b"x") for number in range(5)))
    path = f"/v1/kb/jobs/{stored.json()['job_id']}/files"
    first = (await acme.get(f"{path}?limit=3")).json()
    second = (await acme.get(f"{path}?limit=3&cursor={first['next']}")).json()
    assert [line["name"] for line in (*first["items"], *second["items"])] == [f"{number}.txt" for number in range(5)]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("form", "names", "field"),
    [
        ({"name": " "}, ["a.md"], "name"),
        ({"tags": ["Not A Tag"]}, ["a.md"], "tags.0"),
        ({"branch": "x"}, ["a.md"], "branch"),
        ({}, ["../a.md"], "files.0"),
        ({}, ["a.md", "x" * 201], "files.1"),
        ({}, ["a.md", "a.md"], "files"),
        ({}, [], "files"),
    ],
)
async def test_a_wrong_form_is_named_and_nothing_of_it_stored(
    acme: Company, form: dict[str, Any], names: list[str], field: str
) -> None:
    refused = await upload(acme, *((name, b"x") for name in names), **form)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field), refused.text
    assert (await acme.get("/v1/kb/sources")).json()["items"] == []


async def test_who_may_not_write_uploads_nothing_and_is_told_before_the_body_has_come(acme: Company) -> None:
    assert (await announced(acme, 1_000_000, acme.as_("aigerim")))[0] == 403
    assert (await announced(acme, 1_000_000, {"Authorization": "Bearer msk_wrong"}))[0] == 401


async def announced(acme: Company, length: int, headers: dict[str, str]) -> tuple[int, str]:
    """The answer to an upload of which only the beginning has come: status and body."""
    lines = {"Host": "x", "Content-Length": str(length), "Content-Type": "multipart/form-data; boundary=b", **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    reader, writer = await asyncio.open_connection(acme.http.base_url.host, acme.http.base_url.port)
    try:
        writer.write(f"POST /v1/kb/upload HTTP/1.1\r\n{head}\r\n--b\r\n".encode())
        async with asyncio.timeout(10):
            status = int((await reader.readline()).split()[1])
            return status, (await reader.read(4000)).decode()
    finally:
        writer.close()
        await writer.wait_closed()


async def test_the_same_files_with_the_same_key_are_taken_once(acme: Company) -> None:
    """Whatever boundary a client chooses anew."""
    first = await upload(acme, ("a.txt", b"one"), key="upload-1")
    again = await upload(acme, ("a.txt", b"one"), key="upload-1")
    other = await upload(acme, ("a.txt", b"two"), key="upload-1")
    assert (first.json(), again.headers["Idempotency-Replayed"]) == (again.json(), "true")
    assert (other.status_code, other.json()["errors"][0]["field"]) == (422, "Idempotency-Key")
    assert len((await acme.get("/v1/kb/jobs")).json()["items"]) == 1


async def test_limits_of_files_requests_and_tenants(servers: Servers, database: Database) -> None:
    settings = settings_of(servers, kb_file_mib=1, kb_request_mib=3, kb_tenant_mib=4, body_max_bytes=1024)
    async with serving(settings) as (url, _), company(database, url) as acme:
        one_mib = b"x" * MIB
        stored = await upload(acme, ("large.pdf", one_mib + b"x"), ("fits.pdf", one_mib))
        report = {line["name"]: line for line in await lines(acme, stored.json()["job_id"])}
        large = report["large.pdf"]
        assert (large["status"], large["reason"], large["size"]) == ("failed", "too_large", MIB + 1)
        assert "1 MiB" in large["advice"]
        assert report["fits.pdf"]["status"] == "queued"

        status, said = await announced(acme, 3 * MIB + 1, acme.as_("owner"))
        assert status == 413
        assert f"larger than {3 * MIB} bytes" in said
        assert (await acme.post("/v1/conversations", {"text": "x" * 2000})).status_code == 413

        assert (await upload(acme, ("2.pdf", one_mib), ("3.pdf", one_mib))).status_code == 202
        full = await upload(acme, ("4.pdf", one_mib), ("5.pdf", one_mib))
        assert (full.status_code, full.json()["type"]) == (409, "urn:mainstay:problem:knowledge-full")
        assert "4 MiB" in full.json()["detail"]
        assert (await acme.http.delete(f"/v1/kb/sources/{stored.json()['source_id']}")).status_code == 204
        assert (await upload(acme, ("4.pdf", one_mib), ("5.pdf", one_mib))).status_code == 202


async def test_a_tenant_with_all_its_passages_learns_no_more(servers: Servers, database: Database) -> None:
    async with serving(settings_of(servers, kb_tenant_chunks=1)) as (url, _), company(database, url) as acme:
        page = {"name": "help", "documents": [{"name": "a", "text": "Text."}]}
        staged = await acme.post("/v1/kb/sources", page)
        connection = await asyncpg.connect(servers.admin_database_url)
        await connection.execute("UPDATE documents SET chunk_count = 1 WHERE tenant_id = $1", acme.id)
        await connection.close()
        assert staged.status_code == 202
        for full in (await acme.post("/v1/kb/sources", page), await upload(acme, ("a.txt", b"x"))):
            assert (full.status_code, full.json()["type"]) == (409, "urn:mainstay:problem:knowledge-full")
            assert "1 passages" in full.json()["detail"]


async def test_what_a_source_no_longer_has_is_withdrawn_without_a_new_document(acme: Company) -> None:
    page = {"name": "help", "documents": [{"name": "a", "text": "Text."}, {"name": "b", "text": "Text."}]}
    await acme.post("/v1/kb/sources", page)
    kept = await acme.post("/v1/kb/sources", {"name": "help", "documents": [], "keep": ["b"]})
    assert kept.status_code == 202, kept.text
    assert (await acme.get(f"/v1/kb/jobs/{kept.json()['job_id']}")).json()["documents_changed"] == 1
    assert (await acme.post("/v1/kb/sources", {"name": "help", "documents": []})).status_code == 422


def test_a_slow_client_has_the_time_that_its_files_need() -> None:
    assert arrival_seconds(30, 100 * SLOWEST) == 130
