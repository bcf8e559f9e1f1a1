"""The limits that are settings, so that no schema can state them beforehand."""

from api.problems import ProblemError, invalid
from models.repositories.knowledge import Held
from runtime.settings import Settings

MIB = 1_048_576


def check_length(field: str, text: str, limit: int) -> None:
    """Raises ProblemError (422) naming `field` and the limit when `text` is longer than `limit` characters."""
    if len(text) > limit:
        raise invalid(field, f"must have at most {limit} characters; it has {len(text)}")


def check_room(settings: Settings, held: Held, incoming: int) -> None:
    """Raises ProblemError (409) when a tenant's knowledge has no room for `incoming` bytes, or for any passage."""
    if held.bytes + incoming > settings.kb_tenant_mib * MIB:
        raise _full(f"{settings.kb_tenant_mib} MiB")
    if held.chunks >= settings.kb_tenant_chunks:
        raise _full(f"{settings.kb_tenant_chunks} passages")


def _full(limit: str) -> ProblemError:
    detail = f"The knowledge of a tenant may have {limit}, and with this it would have more. Remove a source first."
    return ProblemError(409, detail, kind="knowledge-full")
