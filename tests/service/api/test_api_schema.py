"""The OpenAPI document keeps its word, whatever schemathesis sends, and whoever sends it."""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import pytest

from api.permissions import ROUTES, Permission, granted
from cli.answering import answering
from cli.search import searching
from models.contracts.enums import Role
from models.repositories import api_keys, tenants
from runtime.database import Database
from runtime.embedded import Servers
from tests.service.api.house import PERSON, TEST_HOME, Company, company, serving, settings_of
from tests.service.api.signing_in import CHEAP, PASSWORD, give_password, log_in

HOOKS = Path(__file__).with_name("schemathesis_hooks.py")
# Not positive_data_acceptance: whether a member exists, or a key was used before, no schema can say.
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "negative_data_rejection",
    "ignored_auth",
    "unsupported_method",
    "missing_required_header",
    "use_after_free",
    "nothing_of_another_tenant",
    "Remembered",
]
KEY_OF = {Role.AGENT: "aigerim", Role.OWNER: "owner"}
# Streams never end; what they do is in test_api_events.
ENDLESS = {"streamTenant", "streamConversation", "streamVisit"}
UNLIMITED = {
    f"rate_limit_{traffic}": "1000000/minute"
    for traffic in ("sign_in", "strangers", "webhook", "visits", "visitor", "read", "write", "model", "bulk")
}
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

# What no run can have a success of, because it takes what only a mail, an app or a provider could tell; or because
# the processes that would do the work are not run here.
OUT_OF_REACH = {
    "confirmTotp", "removeTotp", "renewRecoveryCodes", "resetMemberTotp", "changePassword", "beginTotp",
    "checkIdentityCode", "sendIdentityCode", "exportTenant", "downloadExport", "cancelTenantDeletion", "fetchDocument",
    "getLearned", "approveLearned", "rejectLearned", "editLearned", "undoLearned",
    "getGap", "draftGap", "closeGap", "ignoreGap",
}  # fmt: skip


@dataclass(frozen=True)
class Way:
    """A way to call, and how thoroughly it is tried. Once is enough of what all of them have in common: coverage goes
    through every constraint, and more examples find nothing of who may call. Of people one stands for all: which role
    may what is in tests/service/isolation."""

    role: Role | None
    phases: str = "fuzzing"
    examples: int = 2
    signed_in: bool = False
    # Only the operations that ask for this, where there is something to try that others have not.
    only: Permission | Literal["nothing"] | None = None
    # Of the operations that are open to the caller, so many must have been seen to succeed.
    share: float = 0.65

    @property
    def powers(self) -> frozenset[str]:
        return frozenset() if self.role is None else granted(self.role, None, signed_in=self.signed_in)


WAYS = {
    "nobody": Way(None, only="nothing"),
    "agent": Way(Role.AGENT),
    "owner": Way(Role.OWNER, "examples,coverage,fuzzing,stateful", examples=4, share=0.9),
    "oneself": Way(Role.OWNER, "coverage,fuzzing", signed_in=True, only=Permission.SELF),
}


@dataclass(frozen=True)
class Side:
    """A tenant with something of everything."""

    company: Company
    marker: str
    email: str
    access: str
    spared: set[str]
    ids: set[str]
    by_name: dict[str, list[str]]


@pytest.fixture(scope="module")
async def gateway(servers: Servers) -> AsyncIterator[str]:
    settings = settings_of(servers, data_dir=TEST_HOME, **UNLIMITED, **CHEAP)
    async with serving(settings, searching(settings), answering(settings)) as (url, _):
        yield url


@pytest.fixture(scope="module")
async def document(gateway: str, database: Database) -> Any:
    async with company(database, gateway) as anybody:
        return (await anybody.get("/openapi.json")).json()


@pytest.fixture(scope="module")
async def theirs(gateway: str, database: Database, worker: None, document: Any) -> AsyncIterator[Side]:
    async with company(database, gateway) as globex:
        yield await filled(database, globex, document)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
async def test_schemathesis_finds_nothing(
    way: Way, gateway: str, document: Any, theirs: Side, database: Database, tmp_path: Path
) -> None:
    async with company(database, gateway) as acme:
        mine = await filled(database, acme, document)
        seen = await run(way, mine, theirs, document, tmp_path)
    judge(way, seen, document)


async def run(way: Way, mine: Side, theirs: Side, document: Any, folder: Path) -> dict[str, list[int]]:
    """Let schemathesis loose; the statuses that each operation answered with."""
    acme = mine.company
    credential = None if way.role is None else acme.keys[KEY_OF[way.role]]
    if way.signed_in:
        credential = mine.access
    given = {
        "url": str(acme.http.base_url),
        "credential": credential,
        "login": {"email": mine.email, "password": PASSWORD} if way.signed_in else None,
        "owner_key": acme.keys["owner"],
        "slug": acme.slug,
        "spared": sorted(mine.spared),
        "our_ids": mine.by_name,
        "their_ids": sorted(theirs.ids),
        "their_ids_by_name": theirs.by_name,
        "marker": theirs.marker,
        "parameters": collections(document),
        "seen": str(folder / "seen.json"),
    }
    (folder / "run.json").write_text(json.dumps(given))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()"),
        *("run", f"{acme.http.base_url}/openapi.json", "--checks", ",".join(checks(way))),
        *("--max-examples", str(way.examples), "--phases", way.phases),
        *(argument for name in excluded(way) for argument in ("--exclude-operation-id", name)),
        *("--generation-deterministic", "--no-color", "--max-failures", "20", "--warnings", "off"),
        cwd=folder,
        env={
            **os.environ,
            "NO_PROXY": "127.0.0.1",
            "SCHEMATHESIS_HOOKS": str(HOOKS),
            "SCHEMA_RUN": str(folder / "run.json"),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    report, _ = await process.communicate()
    assert process.returncode == 0, report.decode()
    seen: dict[str, list[int]] = json.loads((folder / "seen.json").read_text())
    return seen


def checks(way: Way) -> list[str]:
    # It knows no OAuth 2, and takes a session's token for something else than what lets one in. That nothing is open to
    # nobody, `judge` says.
    return [each for each in CHECKS if each != "ignored_auth" or not way.signed_in]


def excluded(way: Way) -> set[str]:
    if way.only is None:
        return ENDLESS
    asked = None if way.only == "nothing" else way.only
    return ENDLESS | {name for name, rule in ROUTES.items() if rule.permission is not asked}


def judge(way: Way, seen: dict[str, list[int]], document: Any) -> None:
    """Whether the run has seen enough: one that is refused everywhere finds nothing out."""
    names = {label: operation["operationId"] for label, operation in operations(document)}
    tried = {names[label] for label in seen}
    assert tried == set(names.values()) - excluded(way)
    succeeded = {names[label] for label, statuses in seen.items() if any(status < 300 for status in statuses)}
    forbidden = {name for name, rule in ROUTES.items() if rule.permission not in {*way.powers, None}}
    assert not succeeded & forbidden
    wanted = {name for name, rule in ROUTES.items() if rule.permission in way.powers}
    wanted -= excluded(way) | OUT_OF_REACH
    missed = wanted - succeeded
    assert len(missed) <= (1 - way.share) * len(wanted), f"never answered with success: {missed}"


def operations(document: Any) -> Iterator[tuple[str, Any]]:
    """Every operation by the name that schemathesis has for it."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def collections(document: Any) -> dict[str, str]:
    """Paths of lists, and what an id of something in them is called in paths."""
    return {
        path.rpartition("/")[0]: found.group(1)
        for path in document["paths"]
        if (found := re.search(r"/\{(\w+_id)\}$", path))
    }


# --- Tenants


async def filled(database: Database, tenant: Company, document: Any) -> Side:
    """A tenant with something of everything, and a word of its own in all texts."""
    marker = f"marked-{uuid4().hex}"
    async with database.tenant(tenant.id) as tx:
        tenant.members["admin"] = await tenants.add_member(tx, name=f"Admin {marker}", role=Role.ADMIN)
        tenant.keys["admin"] = (await api_keys.create(tx, tenant.members["admin"].id, name="test"))[1]
    email = await give_password(database, tenant, "owner")
    # Several sessions, of which the last is used, and is the first to be ended.
    _, _, signed_in = [await log_in(tenant.http, email) for _ in range(3)]
    spared = {each["id"] for each in (await tenant.get("/v1/keys?limit=200")).json()["items"]}
    spared |= {str(tenant.members[name].id) for name in ("owner", "admin", "user")}
    await fill(tenant, marker)
    by_name: dict[str, list[str]] = {}
    texts = []
    for path, methods in document["paths"].items():
        if "application/json" not in methods.get("get", {"responses": {}})["responses"].get("200", {}).get(
            "content", {}
        ):
            continue
        if "{" in path or not path.startswith("/v1/"):
            continue
        answer = await tenant.get(path, headers=signed_in.headers)
        if not answer.is_success:
            continue
        texts.append(answer.text)
        if name := collections(document).get(path):
            by_name[name] = sorted(each["id"] for each in answer.json()["items"])
    erasure = await tenant.http.delete(f"/v1/customers/{by_name['customer_id'].pop()}")
    export = await tenant.post("/v1/tenant/exports")
    by_name |= {"erasure_id": [erasure.json()["erasure_id"]], "export_id": [export.json()["id"]]}
    texts += [erasure.text, export.text]
    return Side(tenant, marker, email, signed_in.access, spared, set(UUID.findall("".join(texts))), by_name)


async def fill(tenant: Company, marker: str) -> None:
    async def made(path: str, body: Any) -> None:
        answer = await tenant.post(path, body)
        assert answer.is_success, f"{path}: {answer.text}"

    await tenant.http.patch("/v1/tenant", json={"name": marker})
    for number in range(3):
        name = f"{marker}-{number}"
        conversation = await tenant.opened(customer={"external_id": name, "name": name})
        await tenant.said(conversation, f"{name} {PERSON}")
        await tenant.opened(customer={"external_id": f"{name}-more"})
        await made("/v1/members", {"email": f"{name}@example.com", "name": name, "role": "agent"})
        await made("/v1/keys", {"name": name})
        await made("/v1/branches", {"slug": f"b-{number}", "name": name})
        await made("/v1/channel-accounts", {"provider": "api", "name": name})
        await made("/v1/kb/sources", {"name": name, "documents": [{"name": name, "text": name}]})
        page = {"url": "https://example.com/", "mode": "page", "every_hours": 24}
        await made("/v1/kb/crawls", {"name": f"{name}-site", **page})
        (await tenant.http.put(f"/v1/secrets/name_{number}", json={"value": name})).raise_for_status()
