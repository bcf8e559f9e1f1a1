"""What agent/ask takes beside its model: a fast server of OpenAI's protocol at the far side, everything else real.

Three spans of the same questions: as the client sees them, without the model's own calls, and without the embedding of
the question either, which with the embedded model is arithmetic of the same processor. Server-Timing tells the times of
model and embedding.
"""

import http.client
import json
import multiprocessing
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any
from urllib.parse import urlsplit

from llmock.pytest_plugin import LLMock
from llmock.testing import LLMockServer

from benchmarks import system
from benchmarks.figures import Figures, command, console
from benchmarks.load import median, percentile

# Word for word what the page says: no check of answers can have a doubt.
ANSWER = "Delivery is free for orders above 25,000 ₸ if they weigh less than 20 kg."
# In ever new words: a cache of embeddings must not help.
QUESTION = "How much is delivery to Astana and how long does it take, order {n}?"
WARM_UP = 20
ANSWERS_WHATEVER_IS_FOUND = {"slug": "bench", "name": "Bench", "assistant": {"answer_at": 0, "unsure_at": 0}}
"""How sure of its passages the product is, is not measured here."""
BESIDE_MS = 12.0


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds of one question: in all as its client sees them, of the model, and of the embedding."""

    total: float
    model: float
    embedding: float

    @property
    def without_model(self) -> float:
        return self.total - self.model

    @property
    def beside(self) -> float:
        return self.total - self.model - self.embedding


async def measure(figures: Figures) -> None:
    console.print("agent/ask, with a model that answers at once")
    found = await costs(40 if figures.quick else 300)
    for name in ("total", "without_model", "beside"):
        taken = [getattr(cost, name) for cost in found]
        goal = BESIDE_MS if name == "beside" else None
        shown = {"total": "ask", "without_model": "ask_without_model", "beside": "ask_without_model_and_embedding"}[
            name
        ]
        figures.add(f"{shown}_p50", median(taken), "ms", at_most=goal)
        figures.add(f"{shown}_p99", percentile(taken, 0.99), "ms")
    # A machine that is twice as slow takes twice as long for both.
    beside, embedding = (median([getattr(cost, name) for cost in found]) for name in ("beside", "embedding"))
    figures.add("ask_beside_to_embedding", beside, "ms", embedding)


async def costs(asked: int) -> list[Cost]:
    """Of `asked` questions, one after the other, through the whole product."""
    with _model() as url:
        settings = {"LLM_PROVIDER": "openai", "LLM_MODEL": "gpt-4o", "LLM_URL": url}
        async with system.running(**settings, **system.WITHOUT_LIMITS) as under_test:
            (await under_test.api.post("/v1/assistants", json=ANSWERS_WHATEVER_IS_FOUND)).raise_for_status()
            # The plainest client there is: what a better one does besides is no part of the product's time.
            connection = http.client.HTTPConnection(urlsplit(under_test.run.api_url).netloc)
            sender = {"Authorization": under_test.api.headers["Authorization"], "Content-Type": "application/json"}
            found = [_ask(connection, sender, number) for number in range(WARM_UP + asked)]
            connection.close()
    return found[WARM_UP:]


@contextmanager
def _model() -> Iterator[str]:
    """The address of a model's server in a process of its own: in this one it would hold up the client."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_answer_for_ever, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def _answer_for_ever(pipe: Connection) -> None:
    with LLMockServer() as server:
        LLMock(server).reply(ANSWER, times=None)
        pipe.send(server.base_url())
        threading.Event().wait()


def _ask(connection: http.client.HTTPConnection, sender: Mapping[str, str], number: int) -> Cost:
    body = json.dumps({"question": QUESTION.format(n=number), "assistant": "bench"})
    begun = time.perf_counter()
    connection.request("POST", "/v1/agent/ask", body, sender)
    response = connection.getresponse()
    answered: dict[str, Any] = json.loads(response.read())
    total = 1000 * (time.perf_counter() - begun)
    if answered.get("decision") != "answer":
        raise RuntimeError(f"no answer but {response.status}, {answered.get('decision')}")
    timing = (each.split(";dur=") for each in response.headers["Server-Timing"].split(", "))
    spent = {step: float(taken) for step, taken in timing}
    return Cost(total, spent["model"], spent["embedding"])


if __name__ == "__main__":
    command("benchmarks.ask", __doc__, measure)
