"""What schemathesis does beside its own work, in its own process (see test_api_schema).

Ids in paths become ids of what there is: the caller's tenant's, and another tenant's, which must stay out of reach.
Whatever ends the credential that a run is made with is undone, so that the run goes on seeing.
"""

import itertools
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests
import schemathesis

Case = schemathesis.Case[Any]

RUN = json.loads(Path(os.environ["SCHEMA_RUN"]).read_text())
"""What test_api_schema.Run says."""
URL: str = RUN["url"]
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
THEIRS: set[str] = set(RUN["their_ids"])
NOTHING = "00000000-0000-4000-8000-000000000000"
# Longer waits for replies find nothing more out.
WAIT = 0.2

SIGNS_OUT = {"POST /v1/auth/logout", "POST /v1/auth/logout-everywhere", "DELETE /v1/auth/sessions/{session_id}"}
# What is done to the caller's own key or membership takes all else away; it is tested in test_api_keys and _members.
SPARED: set[str] = set(RUN["spared"])

ours: dict[str, list[str]] = RUN["our_ids"]
credential: str | None = RUN["credential"]
session = requests.Session()
session.trust_env = False
seen: dict[str, set[int]] = {}
turns: dict[str, Iterator[int]] = {}


# --- Before a request


if credential is not None:

    @schemathesis.auth(refresh_interval=None)
    class Signed:
        """The credential in force."""

        def get(self, case: Case, context: schemathesis.AuthContext) -> str | None:
            return credential

        def set(self, case: Case, data: str, context: schemathesis.AuthContext) -> None:
            case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: Case, kwargs: dict[str, Any]) -> None:
    for name, value in case.path_parameters.items():
        if isinstance(value, str) and UUID.fullmatch(value):
            case.path_parameters[name] = _known(case, name, value)
    wait = (case.query or {}).get("wait")
    if isinstance(wait, int | float) and not isinstance(wait, bool) and WAIT < wait <= 60:
        case.query["wait"] = WAIT
    if case.operation.label == "DELETE /v1/tenant" and isinstance(case.body, dict) and _is_slug(case.body.get("slug")):
        case.body["slug"] = RUN["slug"]


def _known(case: Case, name: str, value: str) -> str:
    """An id for a path: of something of ours, of theirs, of ours, of nothing, and so on."""
    pool = [each for each in ours.get(name, []) if each not in SPARED]
    # What was sent before is sent again, without credentials for instance.
    if value in THEIRS or value in pool:
        return value
    turn = next(turns.setdefault(case.operation.label, itertools.count()))
    if case.operation.method == "delete":
        # The newest, and never the first: so there is always one.
        return pool[-1] if turn % 2 == 0 and len(pool) > 1 else _theirs_or(name, turn, NOTHING)
    if turn % 2 == 0 and pool:
        return pool[turn // 2 % min(len(pool), 3)]
    return _theirs_or(name, turn, NOTHING if value in SPARED else value)


def _theirs_or(name: str, turn: int, otherwise: str) -> str:
    theirs: list[str] = RUN["their_ids_by_name"].get(name, [])
    return theirs[turn // 4 % len(theirs)] if turn % 4 == 1 and theirs else otherwise


def _is_slug(value: object) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= 63


# --- After a response


@schemathesis.hook
def after_call(context: schemathesis.HookContext, case: Case, response: schemathesis.Response) -> None:
    global credential  # noqa: PLW0603  # one run, one process, one credential
    label = case.operation.label
    seen.setdefault(label, set()).add(response.status_code)
    if not 200 <= response.status_code < 300:
        return
    if label in SIGNS_OUT and RUN["login"] is not None:
        credential = _signed_in()
    if label == "DELETE /v1/tenant":
        _as_owner("POST", "/v1/tenant/deletion/cancel")
    if label == "PUT /v1/tenant/settings":
        # They may ask for a second factor, which nobody here has.
        _as_owner("PUT", "/v1/tenant/settings", json={}, headers={"If-Match": "*"})
    if case.operation.method == "delete":
        for name, value in case.path_parameters.items():
            if value in ours.get(name, ()):
                ours[name].remove(value)
    if case.operation.method == "post" and (name := RUN["parameters"].get(case.operation.path)):
        found = json.loads(response.content)
        if isinstance(found, dict) and "id" in found:
            ours.setdefault(name, []).append(found["id"])


def _signed_in() -> str:
    answer = session.post(f"{URL}/v1/auth/login/json", json=RUN["login"], timeout=30)
    answer.raise_for_status()
    token: str = answer.json()["access_token"]
    return token


def _as_owner(method: str, path: str, **options: Any) -> None:
    headers = {"Authorization": f"Bearer {RUN['owner_key']}", **options.pop("headers", {})}
    session.request(method, f"{URL}{path}", headers=headers, timeout=30, **options).raise_for_status()


# --- Checks


@schemathesis.check
def nothing_of_another_tenant(context: schemathesis.CheckContext, response: schemathesis.Response, case: Case) -> None:
    text = response.content.decode(errors="replace")
    assert RUN["marker"] not in text, "this response holds a text of another tenant"
    asked = set(UUID.findall(f"{response.request.url} {response.request.body!r}"))
    leaked = (set(UUID.findall(text)) & THEIRS) - asked
    assert not leaked, f"this response holds ids of another tenant: {leaked}"
    named = THEIRS & {str(value) for value in case.path_parameters.values()}
    assert not (named and response.status_code < 400), f"this is another tenant's: {named}"


@schemathesis.check
class Remembered:
    """Writes down what was answered, for the test to judge how much the run has seen."""

    def after_run(self, context: schemathesis.CheckContext) -> None:
        Path(RUN["seen"]).write_text(json.dumps({label: sorted(statuses) for label, statuses in seen.items()}))
