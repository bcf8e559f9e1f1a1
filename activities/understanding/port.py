"""The port through which a message is understood."""

from typing import Protocol

from activities.embedding.port import Vector
from models.contracts.enums import Language
from models.contracts.knowledge import Understanding


class Classifier(Protocol):
    async def load(self) -> None:
        """Make ready what the first message would have to wait for. May raise ProviderError."""

    def read_ahead(self, text: str) -> None:
        """Do what `understand` can do without a vector, while one is being made."""

    async def understand(
        self, text: str, vector: Vector | None = None, previous: Language | None = None
    ) -> Understanding:
        """What `text` (a message or a burst, one message per line) asks for.

        `vector` is the embedding of `classify.core(text)` as a query, where the caller has it already; `previous` is
        the conversation's language so far. May raise ProviderError.
        """
