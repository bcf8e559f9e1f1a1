"""The OpenAPI document: what the framework derives, completed by what only we know."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.idempotency import IdempotentRoute
from api.identity.auth import routes
from api.identity.cookies import Cookies
from api.permissions import ROUTES, Permission
from api.problems import ProblemDetails, documented
from runtime.settings import Settings

TAGS = [
    {"name": "auth", "description": "Signing in and out, and oneself."},
    {"name": "conversations", "description": "A customer's messages in, replies and events out."},
    {"name": "media", "description": "Files beside messages."},
    {
        "name": "events",
        "description": "Server-sent events. Reconnect with `Last-Event-ID` and nothing is missed. One that has no `id`, a "
        "`draft`, is of its moment only.",
    },
    {"name": "escalations", "description": "Requests for a person, and what managers do with them."},
    {"name": "customers", "description": "What is kept of a customer, and the end of it; who a customer is."},
    {"name": "knowledge", "description": "What answers are made of."},
    {"name": "learning", "description": "What managers answered, what knowledge lacks, and what may be wrong with it."},
    {"name": "agent", "description": "One question, one answer."},
    {"name": "people", "description": "Registering, invitations, passwords."},
    {"name": "second factor", "description": "Codes of an authenticator app, asked for beside the password."},
    {"name": "members", "description": "The people of a tenant and their roles."},
    {"name": "keys", "description": "API keys: what programs sign in with."},
    {"name": "secrets", "description": "What a tenant has kept encrypted: written, never read."},
    {"name": "audit", "description": "Who did what: append-only, and verifiable."},
    {"name": "channels", "description": "Accounts that customers write to, and what is delivered to them."},
    {"name": "widget", "description": "For pages of sites: a visitor's own conversation."},
    {"name": "codec", "description": "For the Temporal UI."},
    {"name": "tenant", "description": "The tenant itself: its rules, branches, export and deletion."},
    {"name": "policy", "description": "The rules that no model can override, by version."},
    {"name": "health", "description": "For load balancers and monitoring."},
]
DESCRIPTION = """
Errors are `application/problem+json` (RFC 9457). A body that is not JSON in UTF-8 gets 400, one with wrong or unknown
fields 422 naming each of them. What belongs to another tenant does not exist (404).

Whoever comes too often gets 429, and `Retry-After` says for how many seconds. A page of another origin may call only
if the tenant lists that origin (`allowed_origins`).

A POST that creates honours `Idempotency-Key`: for 24 hours the same request with the same key gets the first response
(`Idempotency-Replayed: true`). Whatever gets 503 may be repeated.
"""
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Your name for this request, 1 to 255 visible ASCII characters. Repeating it is then safe.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}
# What the edge and the first look at a request can answer, whatever the route.
EVERYWHERE = documented(400, 403, 408, 422, 429, 431, 503)
# The first request with the same key may still be at work.
TWICE = documented(409)
TEXT_FIELDS = {
    "ConversationIn": "text",
    "MessageIn": "text",
    "VisitorMessageIn": "text",
    "ReplyIn": "text",
    "AskIn": "question",
    "SearchIn": "query",
}


def describe(app: FastAPI, settings: Settings) -> None:
    """Replace `app.openapi` by one that adds security, problems, idempotency keys and the limits in force."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, settings)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the document


def _document(app: FastAPI, settings: Settings) -> dict[str, Any]:
    document = get_openapi(
        title="Mainstay",
        version=app.version,
        description=DESCRIPTION.strip(),
        routes=app.routes,
        tags=TAGS,
        servers=[{"url": "/"}],
    )
    components = document["components"]
    components["schemas"]["Problem"] = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
    components["schemas"] |= components["schemas"]["Problem"].pop("$defs", {})
    components["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "An API key, `msk_…`."},
        "session": {
            "type": "oauth2",
            "description": "An access token as a bearer token.",
            "flows": {"password": {"tokenUrl": "/v1/auth/login", "refreshUrl": "/v1/auth/refresh", "scopes": {}}},
        },
        "visitor": {"type": "http", "scheme": "bearer", "description": "A visitor's token, of `openVisit`."},
        "cookie": {
            "type": "apiKey",
            "in": "cookie",
            "name": Cookies(settings).access,
            "description": "An access token, for pages of this server. Changing something needs `X-CSRF-Token` too.",
        },
    }
    for name, field in TEXT_FIELDS.items():
        schema = components["schemas"][name]["properties"][field]
        for variant in schema.get("anyOf", [schema]):
            if variant.get("type") == "string":
                variant["maxLength"] = settings.message_max_chars
    idempotent = {route.operation_id for route in routes(app) if isinstance(route, IdempotentRoute)}
    for path, operations in document["paths"].items():
        if path.startswith("/v1/"):
            for method, operation in operations.items():
                operation["responses"] = _by_text(EVERYWHERE) | operation["responses"]
                for content in operation.get("requestBody", {}).get("content", {}).values():
                    components["schemas"] |= content["schema"].get("$defs", {})
                rule = ROUTES[operation["operationId"]]
                if rule.visitors:
                    operation["security"] = [{"visitor": []}]
                if (permission := rule.permission) is not None:
                    operation["security"] = [{scheme: []} for scheme in _schemes(permission)]
                    operation["x-permission"] = permission.value
                if operation["operationId"] in idempotent and method == "post":
                    operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
                    operation["responses"] = _by_text(TWICE) | operation["responses"]
    return document


def _by_text(responses: dict[int | str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {str(status): answer for status, answer in responses.items()}


def _schemes(permission: Permission) -> tuple[str, ...]:
    """No API key does what a person does for themself."""
    return ("session", "cookie") if permission is Permission.SELF else ("key", "session", "cookie")
