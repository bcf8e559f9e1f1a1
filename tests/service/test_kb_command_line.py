"""`mainstay kb` on the whole system: a folder becomes knowledge, and what could not be read is said."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.service.api.house import Company
from tests.service.whole import servers_of_its_own, system


@dataclass(frozen=True)
class Finished:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code in (0, 1), self.err
        return json.loads(self.out)


@pytest.fixture(scope="module")
async def acme(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Company]:
    async with (
        servers_of_its_own(tmp_path_factory.mktemp("kb") / "data") as servers,
        system(servers, learns=False) as acme,
    ):
        yield acme


async def kb(acme: Company, *arguments: str) -> Finished:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli", "kb", *arguments),
        env={
            **os.environ,
            "MAINSTAY_URL": str(acme.http.base_url),
            "MAINSTAY_API_KEY": acme.keys["owner"],
            "COLUMNS": "200",
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return Finished(process.returncode or 0, out.decode(), err.decode())


def put(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


async def test_a_folder_from_its_files_to_an_answer(acme: Company, tmp_path: Path) -> None:
    folder = tmp_path / "help"
    put(folder / "delivery/astana.txt", "Delivery to Astana takes 2 days and costs 1,490 tenge.")
    put(folder / "возврат.txt", "Деньги возвращаются в течение 14 дней.".encode("cp1251"))
    put(folder / "scan.pdf", b"%PDF-1.7\nnothing to see")
    put(folder / ".hidden.txt", "Secret.")
    (folder / "leak.txt").symlink_to("/etc/hostname")

    added = await kb(acme, "add", str(folder), "--tag", "astana")
    assert added.code == 1, added
    assert "help: 3 files, 2 changed, 1 failed." in added.out
    assert "scan.pdf" in added.err
    assert "leak.txt" in added.err
    assert "Secret" not in added.out + added.err

    again = await kb(acme, "add", str(folder), "--allow-failures", "--json")
    assert again.code == 0
    assert (again.json["documents"], again.json["changed"]) == (3, 0)
    assert [each["path"] for each in again.json["failed"]] == ["scan.pdf"]
    assert [Path(each["path"]).name for each in again.json["skipped"]] == ["leak.txt"]
    report = (await kb(acme, "files", again.json["jobs"][0], "--json")).json
    assert {each["name"]: each["status"] for each in report} == {
        "delivery/astana.txt": "unchanged",
        "возврат.txt": "unchanged",
        "scan.pdf": "failed",
    }
    shown = await kb(acme, "files", again.json["jobs"][0], "--status", "failed")
    assert "scan.pdf" in shown.out
    assert "astana" not in shown.out
    (source,) = (await kb(acme, "list", "--json")).json
    assert (source["name"], source["documents"], source["tags"]) == ("help", 2, ["astana"])
    found = (await kb(acme, "search", "How long does delivery to Astana take?", "--json")).json
    assert found["passages"][0]["text"].startswith("Delivery to Astana takes 2 days")

    (folder / "возврат.txt").unlink()
    (folder / "scan.pdf").unlink()
    replaced = await kb(acme, "add", str(folder), "--replace", "--json")
    assert (replaced.code, replaced.json["changed"]) == (0, 1)
    assert [each["name"] for each in (await acme.get("/v1/kb/documents")).json()["items"]] == ["delivery/astana.txt"]


async def test_a_branch_answers_from_what_carries_its_tag(acme: Company, tmp_path: Path) -> None:
    for city, days, price in (("almaty", 2, "1,490"), ("karaganda", 5, "2,990")):
        put(tmp_path / city / "delivery.md", f"# Delivery\n\nDelivery to Astana takes {days} days and costs {price} ₸.")
        assert (await kb(acme, "add", str(tmp_path / city), "--tag", city)).code == 0
    branch = (await acme.get("/v1/branches")).json()["items"][0]["id"]
    for city, answer in (("almaty", "1,490"), ("karaganda", "2,990")):
        tagged = await acme.http.patch(f"/v1/branches/{branch}", json={"knowledge_tag": city})
        assert tagged.is_success, tagged.text
        said = await acme.said(await acme.opened(), "How much is delivery to Astana?")
        assert answer in said["reply"]["text"], said
