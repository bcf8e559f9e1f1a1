"""The OpenAPI document says who may call what, and how a call can be refused."""

from typing import Any

import pytest
from pydantic import SecretStr

from api.app import create_app
from api.identity import auth
from api.permissions import ROUTES, Permission, Rule, Traffic
from runtime.crypto.roots import new_root
from runtime.settings import Settings

APP = create_app(
    Settings(
        _env_file=None,
        database_url=SecretStr("postgresql://nobody@127.0.0.1:9/none"),
        root_keys=SecretStr(new_root()),
    )
)
DOCUMENT = APP.openapi()
# Open to strangers. Each is a decision: add to it only what cannot ask who calls.
PUBLIC = {
    "register", "confirmEmail", "login", "loginJson", "refresh", "forgotPassword", "resetPassword", "acceptInvite",
    "receiveWebhook", "probeWebhook", "getMedia", "getSite", "openVisit",
    "getHealth", "getLiveness", "getReadiness", "getMetrics",
}  # fmt: skip


def operations() -> list[Any]:
    return [
        pytest.param(path, operation, id=operation["operationId"])
        for path, methods in DOCUMENT["paths"].items()
        for operation in methods.values()
    ]


@pytest.mark.parametrize(("path", "operation"), operations())
def test_it_says_who_may_call(path: str, operation: dict[str, Any]) -> None:
    rule = ROUTES[operation["operationId"]]
    permission = rule.permission
    assert (operation["operationId"] in PUBLIC) == (permission is None and not rule.visitors)
    assert operation.get("x-permission") == (None if permission is None else permission.value)
    schemes = {scheme for way in operation.get("security", []) for scheme in way}
    if rule.visitors:
        assert schemes == {"visitor"}
    elif permission is None:
        assert not schemes
    else:
        assert schemes == {"session", "cookie"} | (set() if permission is Permission.SELF else {"key"})


@pytest.mark.parametrize(("path", "operation"), operations())
def test_it_says_how_a_call_is_refused(path: str, operation: dict[str, Any]) -> None:
    rule = ROUTES[operation["operationId"]]
    if rule.traffic is Traffic.HEALTH:
        assert path.startswith(("/health", "/metrics")), "only those are never limited"
        return
    expected = {"400", "403", "408", "422", "429", "431", "503"}
    expected |= {"401"} if rule.permission is not None else set()
    expected |= {"413"} if "requestBody" in operation else set()
    expected |= {"404"} if "_id}" in path else set()
    assert expected <= operation["responses"].keys()
    for status in expected:
        assert operation["responses"][status]["content"].keys() == {"application/problem+json"}


def test_what_may_be_repeated_says_how() -> None:
    idempotent = {
        operation["operationId"]
        for methods in DOCUMENT["paths"].values()
        for operation in methods.values()
        if any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", []))
    }
    assert {"openConversation", "sendMessage", "takeEscalation", "addSource", "inviteMember"} <= idempotent
    # Their answers hold secrets, which must not be kept to be given out again.
    secret = {"createKey", "rotateKey", "createChannelAccount", "rotateChannelAccount", "login", "beginTotp"}
    assert not idempotent & (secret | PUBLIC)


def test_every_rule_has_a_route_and_every_route_a_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    auth.check_routes(APP)
    monkeypatch.setattr(auth, "ROUTES", {**ROUTES, "noSuch": Rule(None, Traffic.READ)})
    with pytest.raises(RuntimeError, match="noSuch"):
        auth.check_routes(APP)
    monkeypatch.setattr(auth, "ROUTES", {name: rule for name, rule in ROUTES.items() if name != "getMe"})
    with pytest.raises(RuntimeError, match="getMe"):
        auth.check_routes(APP)
