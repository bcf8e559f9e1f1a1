"""Customers: what is kept of them, corrected, handed out, erased; and who they are."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from api.audit import actor
from api.gateway import Gateway, InGateway
from api.idempotency import IdempotentRoute
from api.identity.auth import Signed
from api.problems import ProblemError, documented, not_found
from api.schemas.base import Page, paged
from api.schemas.customers import (
    CustomerDetail,
    CustomerExport,
    CustomerPatch,
    CustomersQuery,
    ErasureAsked,
    ErasureOut,
    IdentityCheckIn,
    IdentityCheckOut,
    IdentityCodeAsked,
    IdentityCodeIn,
)
from models.contracts.audit import AuditAction
from models.contracts.privacy import CodeOutcome, ErasureInput, SendCodeInput
from models.repositories import audit, conversations, customers, erasure, identity_codes
from models.repositories.customers import Customer
from models.repositories.identity_codes import LIFE, PERIOD
from models.repositories.tenants import Caller

router = APIRouter(prefix="/v1", tags=["customers"], responses=documented(401, 403, 422, 503))
# A code that is tried must not leave its hash in a stored request.
repeatable = APIRouter(route_class=IdempotentRoute)


@router.get("/customers", operation_id="listCustomers")
async def list_customers(
    query: Annotated[CustomersQuery, Query()], gateway: InGateway, caller: Signed
) -> Page[CustomerDetail]:
    """Customers, the newest first; with `external_id` the one that you call so."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        found = await customers.list_(tx, external_id=query.external_id, before=query.cursor, limit=query.limit + 1)
    return paged([CustomerDetail.of(each) for each in found], query.limit, [each.id for each in found])


@router.get("/customers/{customer_id}", operation_id="getCustomer", responses=documented(404))
async def get_customer(customer_id: UUID, gateway: InGateway, caller: Signed) -> CustomerDetail:
    return CustomerDetail.of(await _customer(gateway, caller, customer_id))


@router.patch("/customers/{customer_id}", operation_id="updateCustomer", responses=documented(400, 404, 413))
async def update_customer(
    customer_id: UUID, body: CustomerPatch, request: Request, gateway: InGateway, caller: Signed
) -> CustomerDetail:
    """Correct a customer's name, e-mail address or phone number. Only staff do: customers cannot say where codes go."""
    changes = body.model_dump(exclude_unset=True)
    async with gateway.records.tenant(caller.tenant_id) as tx:
        if not await customers.update(tx, customer_id, changes):
            raise not_found("customer")
        found = await customers.get(tx, customer_id)
        fields = ",".join(sorted(changes))
        await audit.record(tx, actor(request, caller), AuditAction.CUSTOMER_CHANGED, customer_id, fields=fields)
    assert found is not None, "it was changed in this transaction"
    return CustomerDetail.of(found)


@router.get("/customers/{customer_id}/export", operation_id="exportCustomer", responses=documented(404))
async def export_customer(customer_id: UUID, request: Request, gateway: InGateway, caller: Signed) -> CustomerExport:
    """All that is kept of a customer, as one document."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        found = await customers.export(tx, customer_id)
        if found is None:
            raise not_found("customer")
        count = len(found["messages"])
        await audit.record(tx, actor(request, caller), AuditAction.CUSTOMER_EXPORTED, customer_id, messages=count)
    for each in found["attachments"]:
        key = each.pop("key")
        each["url"] = None if key is None else gateway.media.url(key)
    return CustomerExport(**found)


@router.delete("/customers/{customer_id}", operation_id="eraseCustomer", status_code=202, responses=documented(404))
async def erase_customer(customer_id: UUID, request: Request, gateway: InGateway, caller: Signed) -> ErasureAsked:
    """Erase a customer with all that was said, learned and sent. 202 means that it will be done; it cannot be undone."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        begun = await erasure.begin(tx, customer_id)
        if begun is None:
            raise not_found("customer")
        erasure_id, new = begun
        if new:
            await audit.record(
                tx,
                actor(request, caller),
                AuditAction.CUSTOMER_ERASURE_ASKED,
                customer_id,
                erasure_id=str(erasure_id),
            )
    if new:
        await gateway.processes.erase(ErasureInput(tenant_id=caller.tenant_id, erasure_id=erasure_id))
    return ErasureAsked(erasure_id=erasure_id)


@router.get("/erasures/{erasure_id}", operation_id="getErasure", responses=documented(404))
async def get_erasure(erasure_id: UUID, gateway: InGateway, caller: Signed) -> ErasureOut:
    """How far an erasure is, and how much it has removed."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        found = await erasure.get(tx, erasure_id)
    if found is None:
        raise not_found("erasure")
    return ErasureOut.of(found)


@repeatable.post(
    "/customers/{customer_id}/identity-codes",
    operation_id="sendIdentityCode",
    status_code=202,
    responses=documented(400, 404, 409, 413, 429),
)
async def send_identity_code(
    customer_id: UUID, gateway: InGateway, caller: Signed, body: IdentityCodeIn = IdentityCodeIn()
) -> IdentityCodeAsked:
    """Send a code to the address on file. A newer code voids the one before."""
    customer = await _customer(gateway, caller, customer_id)
    if customer.email is None:
        raise ProblemError(409, "There is no e-mail address of this customer on file.", kind="no-address")
    async with gateway.records.tenant(caller.tenant_id) as tx:
        if body.conversation_id is not None:
            conversation = await conversations.get(tx, body.conversation_id)
            if conversation is None or conversation.customer_id != customer_id:
                raise not_found("conversation of this customer")
        code_id = await identity_codes.ask(tx, customer_id, conversation=body.conversation_id)
    if code_id is None:
        seconds = str(PERIOD // timedelta(seconds=1))
        raise ProblemError(
            429, "This customer was sent too many codes in the last hour.", headers={"Retry-After": seconds}
        )
    await gateway.processes.send_code(SendCodeInput(tenant_id=caller.tenant_id, code_id=code_id))
    return IdentityCodeAsked(id=code_id, minutes=LIFE // timedelta(minutes=1))


@router.post(
    "/customers/{customer_id}/identity-codes/check",
    operation_id="checkIdentityCode",
    responses=documented(400, 404, 413),
)
async def check_identity_code(
    customer_id: UUID, body: IdentityCheckIn, request: Request, gateway: InGateway, caller: Signed
) -> IdentityCheckOut:
    """Try the code that a customer gave you."""
    await _customer(gateway, caller, customer_id)
    async with gateway.records.tenant(caller.tenant_id) as tx:
        checked = await identity_codes.check_of(tx, gateway.vault, customer_id, body.code)
        if checked is not None:
            right = checked.outcome is CodeOutcome.RIGHT
            await audit.record(
                tx,
                actor(request, caller),
                AuditAction.CUSTOMER_VERIFIED if right else AuditAction.CUSTOMER_VERIFICATION_FAILED,
                customer_id,
                code_id=str(checked.code_id),
                outcome=checked.outcome.value,
            )
    return IdentityCheckOut.of(checked)


async def _customer(gateway: Gateway, caller: Caller, customer_id: UUID) -> Customer:
    async with gateway.records.tenant(caller.tenant_id) as tx:
        found = await customers.get(tx, customer_id)
    if found is None:
        raise not_found("customer")
    return found


router.include_router(repeatable)
