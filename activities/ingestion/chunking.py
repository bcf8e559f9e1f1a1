"""A document's text becomes its chunks in the database: cut, each with its language, and told from what is known."""

from collections import defaultdict
from dataclasses import dataclass, replace
from uuid import UUID

from activities.ingestion.likeness import Features, features
from activities.ingestion.splitting import Markup, split
from activities.understanding.language import detect
from models.contracts.enums import Language
from models.repositories import ingestion, likenesses
from models.repositories.ingestion import NewChunk
from runtime.database import TenantTx

LANGUAGE_CHARACTERS = 4_000
"""A document's beginning tells its language."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A chunk that nobody has compared yet, with what it is compared by."""

    chunk: NewChunk
    features: Features


@dataclass(frozen=True, slots=True)
class Written:
    """`duplicates`: those that were left out, because the document says them twice, and those among `chunks` that other
    passages say too."""

    chunks: int
    duplicates: int


def cut(text: str, markup: Markup, language: Language | None) -> list[Cut]:
    """A text's chunks, each in the `language` that its document states, or else in its own."""
    whole = language or detect(text[:LANGUAGE_CHARACTERS])
    return [
        Cut(
            NewChunk(
                ordinal=chunk.ordinal,
                heading=chunk.heading,
                text=chunk.text,
                language=language or detect(chunk.text, previous=whole),
                content_hash=chunk.content_hash,
            ),
            features(chunk.heading, chunk.text),
        )
        for chunk in split(text, markup)
    ]


async def write(tx: TenantTx, document: UUID, pieces: list[Cut]) -> Written:
    """Write a staged document's chunks, all at once, with the vectors that are known.

    What the document repeats is left out. What other documents say too, or what is nearly the same, is kept, for they
    may go, and shares their likeness, so that a search shows the one that fits best.
    """
    once = {piece.features.exact: piece for piece in reversed(pieces)}
    kept = sorted(once.values(), key=lambda piece: piece.chunk.ordinal)
    known = await likenesses.known(tx, document, list(once))
    comparable = await _comparable(tx, document, kept)
    chunks, duplicates = [], len(pieces) - len(kept)
    for ordinal, piece in enumerate(kept):
        said, likeness = piece.features, piece.features.exact
        if said.exact in known:
            duplicates += 1
        elif like := next((one for band in said.bands for one in comparable[band] if said.like(one.features)), None):
            duplicates += 1
            likeness = like.likeness
        chunks.append(replace(piece.chunk, ordinal=ordinal, likeness=likeness, bands=said.bands))
        for band in said.bands:
            comparable[band].append(_Compared(said, likeness))
    await ingestion.put_chunks(tx, document, chunks)
    await ingestion.reuse_vectors(tx, document)
    return Written(len(chunks), duplicates)


@dataclass(frozen=True, slots=True)
class _Compared:
    features: Features
    likeness: str


async def _comparable(tx: TenantTx, document: UUID, pieces: list[Cut]) -> defaultdict[int, list[_Compared]]:
    """By band, what other documents have that may be nearly the same."""
    found: defaultdict[int, list[_Compared]] = defaultdict(list)
    for one in await likenesses.sharing(tx, document, [band for piece in pieces for band in piece.features.bands]):
        found[one.band].append(_Compared(features(one.heading, one.text), one.likeness))
    return found
