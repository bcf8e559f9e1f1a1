"""Passes: keys that end by themselves, for the command line on the machine that runs the system."""

from datetime import timedelta

import sqlalchemy as sa

from models.contracts.audit import AuditAction
from models.contracts.enums import Role
from models.repositories import api_keys as keys
from models.repositories import audit, tenants
from models.repositories.tenants import Member
from models.tables import api_keys
from runtime.database import TenantTx

PASS_NAME = "command line"  # noqa: S105  # what the key is called, not the key
LIFETIME = timedelta(minutes=15)


async def issue(tx: TenantTx) -> str | None:
    """A key of the tenant's first owner, good for a quarter of an hour; None when the tenant has no owner.

    The expired ones of before are deleted.
    """
    owner = await _owner(tx)
    if owner is None:
        return None
    await tx.connection.execute(
        sa.delete(api_keys).where(
            api_keys.c.tenant_id == tx.tenant_id,
            api_keys.c.name == PASS_NAME,
            api_keys.c.expires_at < sa.func.now(),
        )
    )
    key_id, secret = await keys.create(tx, owner.id, name=PASS_NAME, expires_in=LIFETIME)
    await audit.record(tx, audit.OPERATOR, AuditAction.KEY_CREATED, key_id, member_id=str(owner.id))
    return secret


async def _owner(tx: TenantTx) -> Member | None:
    return next((member for member in await tenants.list_members(tx) if member.role is Role.OWNER), None)
