"""Topics by example: an addition to phrases, for what customers say in words that nobody thought of.

It never takes a topic away that a phrase has found, and the same model finds the same topics every time.
"""

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from activities.embedding.port import Embedder, Vector
from activities.policy.words import Words
from models.contracts.policy import Policy, Topic

MAX_SENTENCES = 6
"""A longer message is compared by its first five sentences and its last, as it is understood."""
KEPT = 4_000
"""Examples whose vectors are kept, 1.5 KB each in 384 dimensions."""


class Likeness:
    """Keeps the examples' vectors from one message to the next."""

    def __init__(self) -> None:
        self._vectors: OrderedDict[tuple[str, str], NDArray[np.float32]] = OrderedDict()

    async def match(self, policy: Policy, said: Sequence[str], vector: Vector, embedder: Embedder) -> Topic | None:
        """The first topic one of whose examples a sentence is like. `vector` is that of the whole message.

        Costs nothing where no topic has examples. Raises ProviderError.
        """
        topics = [topic for topic in policy.topics if topic.examples]
        if not topics:
            return None
        said = said if len(said) <= MAX_SENTENCES else [*said[: MAX_SENTENCES - 1], said[-1]]
        spoken = [vector] if len(said) <= 1 else await embedder.embed_queries(said)
        sentences = list(zip(said, np.asarray(spoken, np.float32), strict=False))
        await self._learn([example for topic in topics for example in topic.examples], embedder)
        for topic in topics:
            examples = np.stack([self._vectors[embedder.space.name, example] for example in topic.examples])
            for sentence, meaning in sentences:
                excluded = Words(sentence, policy.matching).have_one_of(topic.unless)
                if not excluded and float(np.max(examples @ meaning)) >= policy.matching.likeness:
                    return topic
        return None

    async def _learn(self, examples: Sequence[str], embedder: Embedder) -> None:
        keys = [(embedder.space.name, example) for example in dict.fromkeys(examples)]
        # Again, if others have pushed some out meanwhile.
        while new := [key for key in keys if key not in self._vectors]:
            vectors = await embedder.embed_queries([example for _, example in new])
            self._vectors |= {key: np.asarray(vector, np.float32) for key, vector in zip(new, vectors, strict=True)}
        for key in keys:
            self._vectors.move_to_end(key)
        while len(self._vectors) > KEPT:
            self._vectors.popitem(last=False)
