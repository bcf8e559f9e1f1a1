"""The OpenAPI document: what the framework derives, completed by what only we know."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.problems import ProblemDetails
from runtime.settings import Settings

TAGS = [
    {"name": "conversations", "description": "A customer's messages in, replies and events out."},
    {"name": "events", "description": "Server-sent events. Reconnect with `Last-Event-ID` and nothing is missed."},
    {"name": "escalations", "description": "Requests for a person, and what managers do with them."},
    {"name": "knowledge", "description": "What answers are made of."},
    {"name": "agent", "description": "One question, one answer."},
    {"name": "health", "description": "For load balancers and monitoring."},
]
DESCRIPTION = """
Errors are `application/problem+json` (RFC 9457). A body that is not JSON in UTF-8 gets 400, one with wrong or unknown
fields 422 naming each of them. What belongs to another tenant does not exist (404).

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
TEXT_FIELDS = {
    "ConversationIn": "text",
    "MessageIn": "text",
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
    }
    for name, field in TEXT_FIELDS.items():
        schema = components["schemas"][name]["properties"][field]
        for variant in schema.get("anyOf", [schema]):
            if variant.get("type") == "string":
                variant["maxLength"] = settings.message_max_chars
    for path, operations in document["paths"].items():
        if path.startswith("/v1/"):
            for method, operation in operations.items():
                operation["security"] = [{"key": []}]
                if method == "post":
                    operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
    return document
