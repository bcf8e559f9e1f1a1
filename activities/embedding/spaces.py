"""The embedders of a process by their spaces: the usual one and, while tenants change over to it, the next."""

from collections.abc import Mapping
from dataclasses import dataclass

from activities.embedding.choice import embedder_for
from activities.embedding.port import Embedder
from models.repositories import knowledge, spaces
from runtime.database import SystemTx, TenantTx
from runtime.settings import Settings


@dataclass(frozen=True)
class Spaces:
    """`by_id` holds the embedders by the ids of their spaces; `usual` and `target` are among them. A re-index leads
    to `target`: the next embedder where one is configured, otherwise the usual one."""

    by_id: Mapping[int, Embedder]
    usual: int
    target: int

    @classmethod
    async def of(cls, tx: TenantTx | SystemTx, usual: Embedder, following: Embedder | None = None) -> "Spaces":
        """Registers the spaces that are new."""
        ids = [
            (await knowledge.ensure_space(tx, each.space.provider, each.space.model, each.space.dimension), each)
            for each in (usual, following)
            if each is not None
        ]
        return cls(by_id=dict(ids), usual=ids[0][0], target=ids[-1][0])

    async def searched(self, tx: TenantTx) -> int:
        """The space to search the tenant in. One whose embedder is not configured any more gives way to the usual one:
        there words find until a re-index has brought the vectors."""
        return self.searched_at(await spaces.active(tx))

    def searched_at(self, found: int | None) -> int:
        """The same, of what `spaces.active` has found."""
        return self.usual if found is None or found not in self.by_id else found

    async def wanted(self, tx: TenantTx) -> list[int]:
        """The spaces in which a new chunk of the tenant must have a vector before it is published."""
        found = [space for space in await spaces.wanted(tx, self.usual) if space in self.by_id]
        return found or [self.usual]


def configured(settings: Settings) -> tuple[Embedder, Embedder | None]:
    """The usual embedder and the next, as the settings say. Nothing is loaded or reached yet."""
    key, next_key = settings.embedding_api_key, settings.embedding_next_api_key
    usual = embedder_for(
        settings.embedding_provider,
        model=settings.embedding_model,
        base_url=settings.embedding_url,
        api_key=None if key is None else key.get_secret_value(),
        dimension=settings.embedding_dimension,
    )
    if settings.embedding_next_provider is None:
        return usual, None
    following = embedder_for(
        settings.embedding_next_provider,
        model=settings.embedding_next_model,
        base_url=settings.embedding_next_url,
        api_key=None if next_key is None else next_key.get_secret_value(),
        dimension=settings.embedding_next_dimension,
    )
    return usual, following
