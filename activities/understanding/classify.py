"""Intent by example: what a message asks for, judged by its likeness to sentences in examples/."""

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from activities.embedding.port import Embedder, Vector
from activities.language.sentences import sentences
from activities.understanding import examples
from activities.understanding.head import KernelHead, Matrix, fingerprint
from activities.understanding.language import detect
from activities.understanding.spelling import plain, unquoted
from activities.understanding.vector_cache import Row, VectorCache
from activities.understanding.weights_cache import WeightsCache
from models.contracts.enums import Intent, Language
from models.contracts.knowledge import Understanding

MAX_SENTENCES = 6
"""A longer message is judged by its first five sentences and its last: people end with what they want."""

_STRENGTH = list(Intent)
_COURTESIES = frozenset({Intent.GREETING, Intent.THANKS})
_SETTLED = 0.99
"""Confidence in a sentence that a cue settles."""

_NEEDED = {
    Intent.OPT_OUT: 0.8,
    Intent.HUMAN_REQUEST: 0.25,
    Intent.FRUSTRATION: 0.7,
    Intent.GREETING: 0.35,
    Intent.THANKS: 0.35,
    Intent.OUT_OF_SCOPE: 0.4,
}
"""Probability below which a sentence counts as a question after all: the error that harms least. A question that is
taken for an opt-out silences the bot; an opt-out that is taken for a question gets an answer. A request for a person
needs so little because missing one is the worse error: it need not even be more probable than a question."""

_ASKING_PENALTY = 0.35
"""What a question mark leaves of the probabilities of intents that do not ask."""
_NOT_ASKING = frozenset({Intent.OPT_OUT, Intent.GREETING, Intent.THANKS, Intent.FRUSTRATION})


@lru_cache(maxsize=512)  # a turn asks five times for the same
def core(text: str) -> str:
    """The message without sentences that only greet or thank: what is worth embedding, for search as for intent.

    All of it when nothing else is left.
    """
    said = sentences(text)
    rest = [sentence for sentence in said if _settled(plain(sentence)) not in _COURTESIES]
    return text.strip() if len(rest) in (0, len(said)) else " ".join(rest)


class ExampleClassifier:
    """Needs `load` once; `understand` then costs nothing beyond the embedding of the message's sentences.

    The examples' vectors and what is fitted to them come with the product for the model that does. Another model's are
    kept in `cache_dir`, because embedding them takes half a minute of a core and a restarted worker has five seconds.
    """

    def __init__(self, embedder: Embedder, cache_dir: Path | None = None) -> None:
        self._embedder = embedder
        self._cache_dir = cache_dir
        self._head: KernelHead | None = None
        self._loading = asyncio.Lock()

    async def load(self) -> None:
        """Embed or read back the examples. Raises ProviderError when they must be embedded and cannot be."""
        await self._loaded()

    def read_ahead(self, text: str) -> None:
        """Each sentence by itself, which is remembered."""
        _read(text)

    async def understand(
        self, text: str, vector: Vector | None = None, previous: Language | None = None
    ) -> Understanding:
        """`vector` is the embedding of `core(text)` as a query, where the caller has it already."""
        return combined(await self.judged(text, vector), detect(text, previous))

    async def judged(self, text: str, vector: Vector | None = None) -> list[tuple[Intent, float]]:
        """What each sentence of `text` asks for, and how surely. The same `vector` and errors as for `understand`."""
        read = _read(text)
        found = [(intent, _SETTLED) for _, intent in read if intent]
        open_sentences = [sentence for sentence, intent in read if intent is None]
        if open_sentences:
            if vector is not None and open_sentences == [core(text)]:
                vectors = [vector]
            else:
                vectors = await self._embedder.embed_queries(open_sentences)
            head = await self._loaded()
            shares = head.probabilities(np.asarray(vectors, dtype=np.float32))
            found += [verdict(sentence, row) for sentence, row in zip(open_sentences, shares, strict=True)]
        return found

    async def _loaded(self) -> KernelHead:
        async with self._loading:
            if self._head is None:
                known = examples.load()
                vectors = await self._vectors([plain(sentence) for sentence in known.sentences])
                classes = np.array([_STRENGTH.index(intent) for intent in known.intents], dtype=np.intp)
                self._head = await asyncio.to_thread(self._fitted, vectors, classes)
            return self._head

    def _fitted(self, vectors: Matrix, classes: NDArray[np.intp]) -> KernelHead:
        name, space = fingerprint(vectors, classes, len(_STRENGTH)), self._embedder.space
        caches = [WeightsCache(folder, space) for folder in (examples.FOLDER, self._cache_dir) if folder is not None]
        for cache in caches:
            weights = cache.known(name)
            if weights is not None and weights.shape == (len(classes), len(_STRENGTH)):
                return KernelHead.fitted(vectors, weights)
        head = KernelHead.fit(vectors, classes, len(_STRENGTH))
        if self._cache_dir is not None:
            caches[-1].keep(name, head.weights)
        return head

    async def _vectors(self, texts: Sequence[str]) -> Matrix:
        known = await asyncio.to_thread(VectorCache(examples.FOLDER, self._embedder.space).known, texts)
        if rest := [text for text in dict.fromkeys(texts) if text not in known]:
            known |= await self._embedded(rest)
        # As precise as they are kept, so that what has just been embedded is judged by like what is read back.
        return np.asarray([known[text] for text in texts], dtype=np.float16).astype(np.float32)

    async def _embedded(self, texts: Sequence[str]) -> dict[str, Row]:
        cache = None if self._cache_dir is None else VectorCache(self._cache_dir, self._embedder.space)
        known: dict[str, Row] = {} if cache is None else await asyncio.to_thread(cache.known, texts)
        if new := [text for text in texts if text not in known]:
            half = len(new) // 2
            # Two at a time, as many as the embedder within the process has threads.
            parts = await asyncio.gather(*map(self._embedder.embed_queries, filter(None, (new[:half], new[half:]))))
            known |= zip(new, (vector for part in parts for vector in part), strict=True)
            if cache is not None:
                await asyncio.to_thread(cache.keep, known)
        return known


def cued(text: str) -> list[tuple[Intent, float]]:
    """What the sentences of `text` that a cue settles ask for."""
    return [(intent, _SETTLED) for _, intent in _read(text) if intent]


def _read(text: str) -> list[tuple[str, Intent | None]]:
    """The sentences of `text` as they are compared, each with what a cue settles it to be."""
    said = [plain(unquoted(sentence)) for sentence in _bounded(sentences(text))]
    return [(sentence, _settled(sentence)) for sentence in said]


@lru_cache(maxsize=512)  # of each sentence it is asked for its embedding first, then for its meaning
def _settled(sentence: str) -> Intent | None:
    return examples.load().settled(sentence, _denied(sentence))


@lru_cache(maxsize=512)
def _denied(sentence: str) -> frozenset[Intent]:
    return examples.load().denied(sentence)


def combined(found: Sequence[tuple[Intent, float]], language: Language) -> Understanding:
    """One understanding of all sentences: strongest intent first, each with the best of its confidences."""
    confidences: dict[Intent, float] = {}
    for intent, confidence in found or [(Intent.QUESTION, 0.0)]:
        confidences[intent] = max(confidence, confidences.get(intent, 0.0))
    intents = tuple(intent for intent in _STRENGTH if intent in confidences)
    return Understanding(
        intent=intents[0],
        confidence=confidences[intents[0]],
        intents=intents,
        language=language,
        has_question=Intent.QUESTION in intents[1:],
    )


def verdict(sentence: str, probabilities: Matrix) -> tuple[Intent, float]:
    """What a sentence that no cue settles asks for, from the (k,) probabilities of the intents in their order."""
    shares = dict(zip(_STRENGTH, map(float, probabilities), strict=True))
    if "?" in sentence:
        shares = {intent: share * (_ASKING_PENALTY if intent in _NOT_ASKING else 1) for intent, share in shares.items()}
        whole = sum(shares.values())
        shares = {intent: share / whole for intent, share in shares.items()}
    shares |= dict.fromkeys(_denied(sentence), 0.0)
    intent = max(shares, key=shares.__getitem__)
    if shares[intent] < _NEEDED.get(intent, 0.0):
        intent = Intent.QUESTION
    if intent is Intent.QUESTION and shares[Intent.HUMAN_REQUEST] >= _NEEDED[Intent.HUMAN_REQUEST]:
        intent = Intent.HUMAN_REQUEST
    return intent, shares[intent]


def _bounded(said: list[str]) -> list[str]:
    return said if len(said) <= MAX_SENTENCES else [*said[: MAX_SENTENCES - 1], said[-1]]
