"""Every route of the OpenAPI document as a request that names another tenant's things.

What cannot be derived from the document is in the tables below; a route that they do not cover fails the tests.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from api.permissions import ROUTES
from tests.service.isolation.world import Side

Document = dict[str, Any]

# What a parameter or field of each name is an id of.
KINDS = {
    "conversation_id": "conversation_id",
    "escalation_id": "escalation_id",
    "source_id": "source_id",
    "document_id": "document_id",
    "job_id": "job_id",
    "member_id": "member_id",
    "to": "member_id",
    "key_id": "key_id",
    "session_id": "session_id",
    "actor_id": "member_id",
    "target_id": "key_id",
    "name": "name",
    "account_id": "account_id",
    "branch_id": "branch_id",
    "assistant_id": "assistant_id",
    "customer_id": "customer_id",
    "erasure_id": "erasure_id",
    "export_id": "export_id",
    "crawl_id": "crawl_id",
    "reindex_id": "reindex_id",
    "learned_id": "learned_id",
    "gap_id": "gap_id",
    "attachment_ids": "attachment_id",
    "channel_account_id": "account_id",
    "desk_id": "desk_id",
    "cursor": "conversation_id",
}
# Fields with several ids.
LISTS = {"attachment_ids"}
# Placeholders that are no ids: each company counts its own.
NUMBERS = {"version": "1"}
# Bodies with which a request is right but for whose things it names.
BODIES: dict[str, dict[str, Any]] = {
    "addSource": {"name": "mine", "documents": [{"name": "d", "text": "Words."}]},
    "activatePrompt": {"version": 1},
    "addPrompt": {"template": "Taken over. {persona}"},
    "ask": {"question": "How much is delivery?"},
    "createAssistant": {"slug": "mine", "name": "Mine"},
    "putAssistant": {"name": "Taken over"},
    "openConversation": {},
    "beginTotp": {"password": "wrong"},
    "checkIdentityCode": {"code": "000000"},
    "confirmTotp": {"code": "000000"},
    "createBranch": {"slug": "mine", "name": "Mine"},
    "createChannelAccount": {"provider": "api", "name": "Mine"},
    "createDesk": {},
    "createKey": {"name": "mine"},
    "deleteTenant": {"slug": "wrong"},
    "checkPolicy": {"topics": []},
    "putPolicy": {"topics": []},
    "putSettings": {},
    "removeTotp": {"password": "wrong", "code": "000000"},
    "renewRecoveryCodes": {"password": "wrong", "code": "000000"},
    "updateBranch": {"name": "Taken over"},
    "updateChannelAccount": {"name": "Taken over"},
    "updateCustomer": {"name": "Taken over"},
    "updateTenant": {"name": "Ours"},
    "decodePayloads": {"payloads": []},
    "editLearned": {"answer": "Taken over."},
    "fetchDocument": {"name": "mine", "url": "https://127.0.0.1/"},
    "startCrawl": {"name": "mine", "url": "https://127.0.0.1/", "mode": "page"},
    "inviteMember": {"email": "somebody@example.com", "name": "Somebody", "role": "agent"},
    "changePassword": {"current": "wrong", "new": "wrong"},
    "putReindexSchedule": {"every_hours": 24},
    "putSecret": {"value": "mine"},
    "updateMe": {"name": "Mine"},
    "updateMember": {"name": "Taken over"},
    "reassignEscalation": {},
    "replyToEscalation": {"text": "Hello."},
    "searchKnowledge": {"query": "delivery"},
    "sendMessage": {"text": "Hello."},
}
# Nobody is signed in there, so no tenant can reach another; what they give away is tested where they are.
PUBLIC = {name for name, rule in ROUTES.items() if rule.permission is None}
# Names that each tenant gives its own things: under theirs there is, or will be, a thing of ours.
OWN_NAMES = {"comparePolicyVersions", "getPolicyVersion", "putSecret", "removeSecret", "restorePolicy"}
# What would end the very session or company that the requests are made with.
ENDS_US = {"logout", "logoutEverywhere"}
# Requests that are no JSON; no ids are in their forms.
FORMS = {"uploadAttachment", "uploadDocuments"}
# Streams never end: tested by their first answer only.
STREAMS = {"streamConversation", "streamTenant", "streamVisit"}


@dataclass(frozen=True)
class Attempt:
    """A request to be made as one company, that names things of the other."""

    operation: str
    method: str
    path: str
    query: dict[str, Any] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    # Whether it names something of theirs, so that success would be a leak in itself.
    names_theirs: bool = False

    def __str__(self) -> str:
        return f"{self.operation}: {self.method} {self.path} {self.query or ''} {self.body or ''}"


def operations(document: Document) -> Iterator[tuple[str, str, str, Document]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield operation["operationId"], method.upper(), path, operation


def uncovered(document: Document) -> list[str]:
    """What the tables above do not say about the document's routes."""
    found = []
    for name, _, path, operation in operations(document):
        if name in PUBLIC:
            continue
        found += [f"{name}: parameter {each['name']}" for each in _ids(operation) if each["name"] not in KINDS]
        if "requestBody" in operation and name not in FORMS:
            schema = _schema(document, operation)
            found += [f"{name}: field {each}" for each in _id_fields(document, schema) if each not in KINDS]
            if operation["requestBody"].get("required") and name not in BODIES:
                found.append(f"{name}: a body")
        found += [f"{name}: {part}" for part in _placeholders(path) if part not in KINDS | NUMBERS]
    return found


def attempts(document: Document, ours: Side, theirs: Side) -> Iterator[Attempt]:
    """Each route with their ids in the path; with our ids and theirs in one field of the query or body at a time."""
    for name, method, path, operation in operations(document):
        if name in PUBLIC | ENDS_US:
            continue
        body = dict(BODIES.get(name, {})) if "requestBody" in operation and name not in FORMS else None
        if _placeholders(path):
            yield Attempt(
                name,
                method,
                _filled(path, theirs),
                body=_mine(document, operation, body, ours),
                names_theirs=name not in OWN_NAMES,
            )
        elif name not in FORMS:
            yield Attempt(name, method, path, body=_mine(document, operation, body, ours))
        own = _filled(path, ours)
        for parameter in _ids(operation):
            if parameter["in"] == "query":
                yield Attempt(
                    name, method, own, query={parameter["name"]: theirs.ids[KINDS[parameter["name"]]]}, body=body
                )
        if body is not None:
            for each in _id_fields(document, _schema(document, operation)):
                named: Any = theirs.ids[KINDS[each]]
                given = {**(_mine(document, operation, body, ours) or {}), each: [named] if each in LISTS else named}
                yield Attempt(name, method, own, body=given, names_theirs=True)


def _placeholders(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def _filled(path: str, side: Side) -> str:
    for name in _placeholders(path):
        path = path.replace(f"{{{name}}}", NUMBERS.get(name) or side.ids[KINDS[name]])
    return path


def _mine(document: Document, operation: Document, body: dict[str, Any] | None, ours: Side) -> dict[str, Any] | None:
    """The body with our own ids where it needs some."""
    if body is None:
        return None
    schema = _schema(document, operation)
    needed = set(schema.get("required", ())) & set(_id_fields(document, schema))
    return {**body, **{each: ours.ids[KINDS[each]] for each in needed if each not in body}}


def _ids(operation: Document) -> list[Document]:
    return [each for each in operation.get("parameters", ()) if each["in"] != "path" and _is_id(each["schema"])]


def _is_id(schema: Document) -> bool:
    return any(variant.get("items", variant).get("format") == "uuid" for variant in schema.get("anyOf", [schema]))


def _schema(document: Document, operation: Document) -> Document:
    content = operation["requestBody"]["content"]
    schema: Document = content.get("application/json", next(iter(content.values())))["schema"]
    variants = schema.get("anyOf", [schema])
    return _resolved(document, variants[0])


def _resolved(document: Document, schema: Document) -> Document:
    if "$ref" in schema:
        found: Document = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return found
    return schema


def _id_fields(document: Document, schema: Document) -> list[str]:
    return [name for name, field in schema.get("properties", {}).items() if _is_id(_resolved(document, field))]
