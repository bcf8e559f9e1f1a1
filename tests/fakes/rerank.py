"""A reranker's two APIs as a real server: refuses every request that fails its schema, and fails on demand.

Schemas after the OpenAPI document of text-embeddings-inference (RerankRequest) and Cohere's v2 reference (rerank).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Header, HTTPException, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr

from tests.fakes.listening import listening

KEY = "a-key"
Texts = Annotated[list[StrictStr], Field(min_length=1, max_length=32)]


class TeiRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    query: StrictStr
    texts: Texts
    raw_scores: StrictBool = False
    return_text: StrictBool = False
    truncate: StrictBool = False


class CohereRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    model: Annotated[StrictStr, Field(min_length=1)]
    query: StrictStr
    documents: Texts
    top_n: Annotated[StrictInt, Field(ge=1)] | None = None


@dataclass
class FakeReranker:
    """Whatever names `favourite` is best. `failing`: what it does instead of answering."""

    url: str = ""
    favourite: str = ""
    failing: Literal["", "error", "silence", "garbage", "short"] = ""
    asked: list[TeiRequest | CohereRequest] = field(default_factory=list)
    silent: asyncio.Event = field(default_factory=asyncio.Event)

    async def ranked(self, request: TeiRequest | CohereRequest, texts: list[str]) -> list[tuple[int, float]]:
        self.asked.append(request)
        if self.failing == "error":
            raise HTTPException(500)
        if self.failing == "silence":
            self.silent.set()
            await asyncio.Event().wait()
        scores = [(place, 0.9 if self.favourite in text else 0.1) for place, text in enumerate(texts)]
        # Best first, as the servers answer: only the index says which text is meant.
        ranked = sorted(scores, key=lambda scored: -scored[1])
        return ranked[1:] if self.failing == "short" else ranked


def application(fake: FakeReranker) -> FastAPI:
    app = FastAPI()

    def authorized(authorization: str | None) -> None:
        if authorization != f"Bearer {KEY}":
            raise HTTPException(401)

    @app.post("/rerank")
    async def tei(body: TeiRequest, authorization: Annotated[str | None, Header()] = None) -> Any:
        authorized(authorization)
        if fake.failing == "garbage":
            return Response(b"<html>")
        return [{"index": place, "score": score} for place, score in await fake.ranked(body, body.texts)]

    @app.post("/v2/rerank")
    async def cohere(body: CohereRequest, authorization: Annotated[str | None, Header()] = None) -> Any:
        authorized(authorization)
        if fake.failing == "garbage":
            return Response(b'{"results": [{"score": 1}]}')
        ranked = await fake.ranked(body, body.documents)
        return {"id": "1", "results": [{"index": place, "relevance_score": score} for place, score in ranked]}

    return app


@asynccontextmanager
async def serving() -> AsyncIterator[FakeReranker]:
    fake = FakeReranker()
    async with listening(application(fake)) as fake.url:
        yield fake
