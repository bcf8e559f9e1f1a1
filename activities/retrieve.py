"""Finds what knowledge has for a question, and says how likely it is that the first passage answers it."""

from collections.abc import Sequence

from activities.confidence import confidence
from activities.embedding.port import Vector
from models.contracts.enums import Language
from models.contracts.knowledge import Retrieval
from models.repositories import retrieval
from runtime.database import TenantTx


async def retrieve(
    tx: TenantTx,
    question: str,
    vector: Vector,
    space_id: int,
    language: Language | None,
    tags: Sequence[str] | None = None,
    limit: int = 5,
) -> Retrieval:
    """The best `limit` passages for `question`, whose `vector` is of the space `space_id`."""
    found = await retrieval.search(tx, question, vector, space_id, language, tags=tags, limit=limit)
    return Retrieval(passages=tuple(found), confidence=confidence(question, found))
