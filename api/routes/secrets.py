"""A tenant's secrets: put in place, replaced, removed; never read."""

from fastapi import APIRouter, Request

from api.audit import actor
from api.gateway import InGateway
from api.identity.auth import Signed
from api.problems import documented, not_found
from api.schemas.secrets import SecretIn, SecretName, SecretOut, SecretsOut
from models.contracts.audit import AuditAction
from models.repositories import audit, tenant_secrets

router = APIRouter(prefix="/v1/secrets", tags=["secrets"], responses=documented(401, 403, 422, 503))


@router.get("", operation_id="listSecrets")
async def list_secrets(gateway: InGateway, caller: Signed) -> SecretsOut:
    """Names and dates of the secrets."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        found = await tenant_secrets.list_all(tx)
    return SecretsOut(items=[SecretOut.of(each) for each in found])


@router.put("/{name}", operation_id="putSecret", responses=documented(400, 413))
async def put_secret(
    name: SecretName, body: SecretIn, request: Request, gateway: InGateway, caller: Signed
) -> SecretOut:
    """Keep a secret under this name, in place of the one that had it."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        stored = await tenant_secrets.put(tx, gateway.vault, name, body.value.get_secret_value())
        await audit.record(tx, actor(request, caller), AuditAction.SECRET_STORED, stored.id, name=name)
    return SecretOut.of(stored)


@router.delete("/{name}", operation_id="removeSecret", status_code=204, responses=documented(404))
async def remove_secret(name: SecretName, request: Request, gateway: InGateway, caller: Signed) -> None:
    """Remove a secret. What uses it fails from now on."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        removed = await tenant_secrets.remove(tx, name)
        if removed is not None:
            await audit.record(tx, actor(request, caller), AuditAction.SECRET_REMOVED, removed, name=name)
    if removed is None:
        raise not_found("secret")
