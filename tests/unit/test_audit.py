"""The audit of dependencies fails when it should, and says so when it could not be made."""

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.audit import LOCKS, ROOT, Verdict, audit, verdict

VULNERABLE = "1.2.3"
LOCK = f"good==1.0 --hash=sha256:{'a' * 64}\nbad=={VULNERABLE} ; python_version >= '3.11' \\\n    --hash=sha256:{'b' * 64}\n"


class Advisories(ThreadingHTTPServer):
    """An advisory service that knows one vulnerability: of `bad` 1.2.3."""

    broken = False
    asked: set[str]


class Answer(BaseHTTPRequestHandler):
    server: Advisories

    def do_POST(self) -> None:
        query = json.loads(self.rfile.read(int(self.headers["content-length"])))
        name, version = query["package"]["name"], query["version"]
        self.server.asked.add(name)
        known: dict[str, Any] = {}
        if (name, version) == ("bad", VULNERABLE):
            ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.2.4"}]}]
            affected = [{"package": {"name": name, "ecosystem": "PyPI"}, "ranges": ranges}]
            known = {"vulns": [{"id": "PYSEC-1", "summary": "It is bad.", "affected": affected}]}
        body = json.dumps(known).encode()
        self.send_response(503 if self.server.broken else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def advisories() -> Iterator[Advisories]:
    server = Advisories(("127.0.0.1", 0), Answer)
    server.asked = set()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def no_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def of(tmp_path: Path, lock: str, server: Advisories, *, strict: bool = False) -> Verdict:
    path = tmp_path / "some.lock"
    path.write_text(lock)
    return audit([path], f"http://127.0.0.1:{server.server_port}/v1/query", strict=strict)


def test_a_vulnerable_version_fails(tmp_path: Path, advisories: Advisories) -> None:
    came_to = of(tmp_path, LOCK, advisories)
    assert not came_to.passed
    assert "bad 1.2.3: PYSEC-1, fixed in 1.2.4" in came_to.message
    assert advisories.asked == {"good", "bad"}


def test_other_versions_pass(tmp_path: Path, advisories: Advisories) -> None:
    came_to = of(tmp_path, LOCK.replace(VULNERABLE, "1.2.4"), advisories, strict=True)
    assert came_to == Verdict(True, "Audit: no published vulnerability in 2 packages.")


def test_a_service_that_is_away_is_said_and_fails_only_where_it_must(tmp_path: Path, advisories: Advisories) -> None:
    advisories.broken = True
    came_to = of(tmp_path, LOCK, advisories)
    assert came_to.passed
    assert came_to.message.startswith("AUDIT INCOMPLETE: advisories could be read for no package")
    assert not verdict(None, strict=True).passed


def test_a_package_without_a_hash_fails_whoever_is_away(tmp_path: Path, advisories: Advisories) -> None:
    advisories.broken = True
    came_to = of(tmp_path, LOCK + "unhashed==1.0\n", advisories)
    assert not came_to.passed
    assert "unhashed" in came_to.message


def test_what_could_not_be_audited_is_counted() -> None:
    skipped = {"name": "a", "skip_reason": "Dependency not found on PyPI and could not be audited"}
    good = {"name": "b", "version": "1", "vulns": []}
    bad = {"name": "c", "version": "1", "vulns": [{"id": "X", "fix_versions": []}]}
    assert verdict({"dependencies": [skipped, good]}, strict=False).passed
    assert "1 of 2 packages" in verdict({"dependencies": [skipped, good]}, strict=False).message
    assert not verdict({"dependencies": [skipped, good]}, strict=True).passed
    assert not verdict({"dependencies": [skipped, bad]}, strict=False).passed


def test_every_pinned_package_has_a_hash() -> None:
    for name in LOCKS:
        pins = re.split(r"\n(?=[A-Za-z0-9])", (ROOT / name).read_text())
        pins = [pin for pin in pins if not pin.startswith("#")]
        assert pins
        for pin in pins:
            assert re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*==\S+", pin), pin
            assert "--hash=sha256:" in pin, pin


@pytest.mark.parametrize("where", ["Makefile", "Dockerfile"])
def test_every_installation_checks_the_hashes(where: str) -> None:
    text = (ROOT / where).read_text().replace("\\\n", " ")
    commands = [line for line in text.splitlines() if re.search(r"requirements\S*\.lock", line) and "pip" in line]
    installing = [line for line in commands if re.search(r"pip (install|sync)", line)]
    assert installing
    assert all("--require-hashes" in line for line in installing), installing
