"""Who acts in a request, as the audit log names them; and the whole log, a batch at a time."""

from collections.abc import AsyncIterator
from ipaddress import ip_address
from uuid import UUID

from fastapi import Request

from api.records import Records
from models.contracts.audit import ActorKind
from models.repositories import audit
from models.repositories.audit import Actor, Entry
from models.repositories.tenants import Caller


def actor(request: Request, caller: Caller | None = None) -> Actor:
    """The caller, or, before anybody is known, whoever sent the request."""
    ip = None if request.client is None else _address(request.client.host)
    user_agent = request.headers.get("user-agent")
    if caller is None:
        return Actor(ActorKind.ANONYMOUS, None, ip, user_agent)
    if caller.key_id is not None:
        return Actor(ActorKind.API_KEY, caller.key_id, ip, user_agent)
    return Actor(ActorKind.MEMBER, caller.member_id, ip, user_agent)


def _address(host: str) -> str | None:
    """An IP address as the log can hold it; None for what is none, as a proxy may say where it does not know."""
    try:
        return str(ip_address(host.partition("%")[0]))
    except ValueError:
        return None


BATCH = 1000


async def whole_log(records: Records, tenant: UUID, until: int) -> AsyncIterator[list[Entry]]:
    """Every entry up to number `until`, the oldest first, each batch in a transaction of its own."""
    seen = 0
    while seen < until:
        async with records.tenant(tenant) as tx:
            batch = await audit.after(tx, seen, limit=min(BATCH, until - seen))
        if not batch:
            return
        seen = batch[-1].seq
        yield batch
