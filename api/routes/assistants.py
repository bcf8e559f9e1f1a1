"""Assistants of a tenant, and their prompts by version."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from api.audit import actor
from api.gateway import Gateway, InGateway
from api.idempotency import IdempotentRoute
from api.identity.auth import Signed
from api.problems import ProblemError, documented, invalid, not_found
from api.schemas.assistants import (
    ActivateIn,
    AssistantChange,
    AssistantIn,
    AssistantOut,
    AssistantsQuery,
    PromptIn,
    PromptOut,
    PromptsQuery,
    StartersOut,
    StartersQuery,
)
from api.schemas.base import Page, paged
from models import starters
from models.contracts.assistants import DEFAULT_ROUTE, QUOTE_ROUTE, Assistant
from models.contracts.audit import AuditAction
from models.repositories import assistants, audit, tenants

router = APIRouter(
    prefix="/v1", tags=["assistants"], route_class=IdempotentRoute, responses=documented(401, 403, 422, 503)
)

AT_MOST = 200


@router.get("/assistants", operation_id="listAssistants")
async def list_assistants(
    query: Annotated[AssistantsQuery, Query()], gateway: InGateway, caller: Signed
) -> Page[AssistantOut]:
    """Assistants, the oldest first. Without any, a default one answers all the same."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        found = await assistants.page(tx, after=query.cursor, limit=query.limit + 1)
    return paged([AssistantOut.of(each) for each in found], query.limit, [each.id for each in found])


@router.get("/assistant-starters", operation_id="listAssistantStarters")
async def list_starters(
    query: Annotated[StartersQuery, Query()],
    caller: Signed,  # noqa: ARG001  # the same for everybody who may ask
) -> StartersOut:
    """Assistants to begin with, by industry."""
    return StartersOut(items=[each for each in starters.ALL if query.language in (None, each.language)])


@router.post("/assistants", operation_id="createAssistant", status_code=201, responses=documented(400, 409, 413))
async def create_assistant(body: AssistantIn, request: Request, gateway: InGateway, caller: Signed) -> AssistantOut:
    """Add an assistant. It answers where it is chosen: in a conversation, or for a branch."""
    _check_route(gateway, body.assistant)
    async with gateway.records.tenant(caller.tenant_id) as tx:
        await tenants.lock(tx)
        if await assistants.count(tx) >= AT_MOST:
            raise ProblemError(409, f"A tenant has {AT_MOST} assistants at most.", kind="too-many-assistants")
        made = await assistants.create(tx, slug=body.slug, name=body.name, body=body.assistant)
        if made is None:
            raise ProblemError(409, f"There is an assistant {body.slug} already.", kind="slug-taken")
        await audit.record(tx, actor(request, caller), AuditAction.ASSISTANT_CREATED, made.id)
    return AssistantOut.of(made)


@router.get("/assistants/{assistant_id}", operation_id="getAssistant", responses=documented(404))
async def get_assistant(assistant_id: UUID, gateway: InGateway, caller: Signed) -> AssistantOut:
    async with gateway.records.tenant(caller.tenant_id) as tx:
        found = await assistants.get(tx, assistant_id)
    if found is None:
        raise not_found("assistant")
    return AssistantOut.of(found)


@router.put("/assistants/{assistant_id}", operation_id="putAssistant", responses=documented(400, 404, 413))
async def put_assistant(
    assistant_id: UUID, body: AssistantChange, request: Request, gateway: InGateway, caller: Signed
) -> AssistantOut:
    """Replace what can be tuned. It holds from the next message on."""
    _check_route(gateway, body.assistant)
    async with gateway.records.tenant(caller.tenant_id) as tx:
        changed = await assistants.update(tx, assistant_id, name=body.name, body=body.assistant)
        if changed is None:
            raise not_found("assistant")
        await audit.record(tx, actor(request, caller), AuditAction.ASSISTANT_CHANGED, assistant_id)
    return AssistantOut.of(changed)


@router.delete("/assistants/{assistant_id}", operation_id="removeAssistant", status_code=204, responses=documented(404))
async def remove_assistant(assistant_id: UUID, request: Request, gateway: InGateway, caller: Signed) -> None:
    """Remove an assistant with its prompts. Its conversations go on with their branch's, or the default one."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        if not await assistants.remove(tx, assistant_id):
            raise not_found("assistant")
        await audit.record(tx, actor(request, caller), AuditAction.ASSISTANT_REMOVED, assistant_id)


@router.get("/assistants/{assistant_id}/prompts", operation_id="listPrompts", responses=documented(404))
async def list_prompts(
    assistant_id: UUID, query: Annotated[PromptsQuery, Query()], gateway: InGateway, caller: Signed
) -> Page[PromptOut]:
    """Versions of an assistant's prompt, the newest first."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        if await assistants.get(tx, assistant_id) is None:
            raise not_found("assistant")
        found = await assistants.prompts(tx, assistant_id, before=query.cursor, limit=query.limit + 1)
    return paged([PromptOut.of(each) for each in found], query.limit, [each.version for each in found])


@router.post(
    "/assistants/{assistant_id}/prompts",
    operation_id="addPrompt",
    status_code=201,
    responses=documented(400, 404, 409, 413),
)
async def add_prompt(
    assistant_id: UUID, body: PromptIn, request: Request, gateway: InGateway, caller: Signed
) -> PromptOut:
    """Write a new version of the prompt; the earlier ones are kept."""
    by = actor(request, caller)
    async with gateway.records.tenant(caller.tenant_id) as tx:
        if not await assistants.lock(tx, assistant_id):
            raise not_found("assistant")
        made = await assistants.add_prompt(
            tx, assistant_id, template=body.template, note=body.note, created_by=caller.member_id
        )
        await audit.record(tx, by, AuditAction.PROMPT_ADDED, assistant_id, version=made.version)
        if body.activate:
            await assistants.activate(tx, assistant_id, made.version)
            await audit.record(tx, by, AuditAction.PROMPT_ACTIVATED, assistant_id, version=made.version)
    return PromptOut.of(made)


@router.post(
    "/assistants/{assistant_id}/prompts/activate",
    operation_id="activatePrompt",
    responses=documented(400, 404, 409, 413),
)
async def activate_prompt(
    assistant_id: UUID, body: ActivateIn, request: Request, gateway: InGateway, caller: Signed
) -> AssistantOut:
    """Put a version in force; an earlier one rolls back."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        if not await assistants.lock(tx, assistant_id):
            raise not_found("assistant")
        if not await assistants.activate(tx, assistant_id, body.version):
            raise invalid("version", "there is no such version of this assistant's prompt")
        await audit.record(tx, actor(request, caller), AuditAction.PROMPT_ACTIVATED, assistant_id, version=body.version)
        found = await assistants.get(tx, assistant_id)
    assert found is not None, "it is locked"
    return AssistantOut.of(found)


def _check_route(gateway: Gateway, assistant: Assistant) -> None:
    """Raises ProblemError (422) for a route that is not configured."""
    if gateway.answerer is None or assistant.route in (DEFAULT_ROUTE, QUOTE_ROUTE):
        return
    names = {DEFAULT_ROUTE, QUOTE_ROUTE, *(route.name for route in gateway.answerer.health())}
    if assistant.route not in names:
        raise invalid("assistant.route", f"there is no such route; there are {', '.join(sorted(names))}")
