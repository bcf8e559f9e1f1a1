"""Intent by example: what a message asks for, judged by its likeness to sentences in examples/."""

import asyncio
import hashlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from activities.embedding.port import Embedder, Vector
from activities.sentences import sentences
from activities.understanding import examples
from activities.understanding.head import LinearHead, Matrix
from activities.understanding.language import detect
from models.contracts.enums import Intent, Language
from models.contracts.knowledge import Understanding

MAX_SENTENCES = 6
"""A longer message is judged by its first five sentences and its last: people end with what they want."""

_STRENGTH = list(Intent)
_COURTESIES = frozenset({Intent.GREETING, Intent.THANKS})
_SETTLED = 0.99
"""Confidence in a sentence that a cue settles."""

_NEEDED = {
    Intent.OPT_OUT: 0.85,
    Intent.HUMAN_REQUEST: 0.55,
    Intent.FRUSTRATION: 0.7,
    Intent.GREETING: 0.5,
    Intent.THANKS: 0.5,
    Intent.OUT_OF_SCOPE: 0.55,
}
"""Probability below which a sentence counts as a question after all: the error that harms least. A question that is
taken for an opt-out silences the bot; an opt-out that is taken for a question gets an answer."""

_ASKING_PENALTY = 0.35
"""What a question mark leaves of the probabilities of intents that do not ask."""
_NOT_ASKING = frozenset({Intent.OPT_OUT, Intent.GREETING, Intent.THANKS, Intent.FRUSTRATION})


def core(text: str) -> str:
    """The message without sentences that only greet or thank: what is worth embedding, for search as for intent.

    All of it when nothing else is left.
    """
    said = sentences(text)
    rest = [sentence for sentence in said if examples.load().settled(sentence) not in _COURTESIES]
    return text.strip() if len(rest) in (0, len(said)) else " ".join(rest)


class ExampleClassifier:
    """Needs `load` once; `understand` then costs nothing beyond the embedding of the message's sentences.

    The examples' vectors are kept in `cache_dir` under a name that changes with the examples and with the embedding
    space, because embedding them takes ten seconds and a restarted worker has five.
    """

    def __init__(self, embedder: Embedder, cache_dir: Path | None = None) -> None:
        self._embedder = embedder
        self._cache_dir = cache_dir
        self._head: LinearHead | None = None
        self._loading = asyncio.Lock()

    async def load(self) -> None:
        """Embed or read back the examples. Raises ProviderError when they must be embedded and cannot be."""
        await self._loaded()

    async def understand(
        self, text: str, vector: Vector | None = None, previous: Language | None = None
    ) -> Understanding:
        """`vector` is the embedding of `core(text)` as a query, where the caller has it already."""
        judged = [(sentence, examples.load().settled(sentence)) for sentence in _bounded(sentences(text))]
        found = [(intent, _SETTLED) for _, intent in judged if intent]
        open_sentences = [sentence for sentence, intent in judged if intent is None]
        if open_sentences:
            if vector is not None and len(open_sentences) == 1 and open_sentences[0] == core(text):
                vectors = [vector]
            else:
                vectors = await self._embedder.embed_queries(open_sentences)
            head = await self._loaded()
            shares = head.probabilities(np.asarray(vectors, dtype=np.float32))
            found += [_verdict(sentence, row) for sentence, row in zip(open_sentences, shares, strict=True)]
        return combined(found, detect(text, previous))

    async def _loaded(self) -> LinearHead:
        async with self._loading:
            if self._head is None:
                known = examples.load()
                vectors = await self._vectors(known.sentences)
                classes = np.array([_STRENGTH.index(intent) for intent in known.intents], dtype=np.intp)
                self._head = await asyncio.to_thread(LinearHead.fit, vectors, classes, len(_STRENGTH))
            return self._head

    async def _vectors(self, texts: Sequence[str]) -> Matrix:
        path = self._cache_path(texts)
        if (
            path
            and (cached := await asyncio.to_thread(_read, path, (len(texts), self._embedder.space.dimension)))
            is not None
        ):
            return cached
        vectors = np.asarray(await self._embedder.embed_queries(texts), dtype=np.float32)
        if path:
            await asyncio.to_thread(_write, path, vectors)
        return vectors

    def _cache_path(self, texts: Sequence[str]) -> Path | None:
        if self._cache_dir is None:
            return None
        content = "\n".join((self._embedder.space.name, *texts))
        return self._cache_dir / f"intents-{hashlib.sha256(content.encode()).hexdigest()[:16]}.npy"


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


def _verdict(sentence: str, probabilities: Matrix) -> tuple[Intent, float]:
    shares = dict(zip(_STRENGTH, map(float, probabilities), strict=True))
    if "?" in sentence:
        shares = {intent: share * (_ASKING_PENALTY if intent in _NOT_ASKING else 1) for intent, share in shares.items()}
        whole = sum(shares.values())
        shares = {intent: share / whole for intent, share in shares.items()}
    intent = max(shares, key=shares.__getitem__)
    if shares[intent] < _NEEDED.get(intent, 0.0):
        intent = Intent.QUESTION
    return intent, shares[intent]


def _bounded(said: list[str]) -> list[str]:
    return said if len(said) <= MAX_SENTENCES else [*said[: MAX_SENTENCES - 1], said[-1]]


def _read(path: Path, shape: tuple[int, int]) -> Matrix | None:
    """The cached vectors; None when absent or not what was written (a cut file, another shape)."""
    try:
        vectors: Matrix = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return vectors if vectors.shape == shape and vectors.dtype == np.float32 else None


def _write(path: Path, vectors: Matrix) -> None:
    """Written beside and renamed, so that a worker that starts meanwhile never reads half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(descriptor, "wb") as file:
        np.save(file, vectors, allow_pickle=False)
    Path(temporary).replace(path)
