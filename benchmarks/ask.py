"""What agent/ask takes beside its model: a fast server of OpenAI's protocol at the far side, everything else real."""

import argparse
import asyncio
import statistics
import sys
from dataclasses import dataclass
from typing import Any

from llmock.pytest_plugin import LLMock
from llmock.testing import LLMockServer

from benchmarks import system

ANSWER = "Delivery to Astana takes 2–3 days and costs 1,490 ₸ for orders up to 20 kg."
# In ever new words: a cache of embeddings must not help.
QUESTION = "How much is delivery to Astana and how long does it take, order {n}?"
WARM_UP = 20


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds of one question: in all as its client sees them, of the model, and of the embedding."""

    total: float
    model: float
    embedding: float

    @property
    def beside(self) -> float:
        return self.total - self.model - self.embedding


async def costs(asked: int) -> list[Cost]:
    """Of `asked` questions, one after the other, through the whole product."""
    with LLMockServer() as server:
        LLMock(server).reply(ANSWER, times=None)
        settings = {"LLM_PROVIDER": "openai", "LLM_MODEL": "gpt-4o", "LLM_URL": server.base_url()}
        async with system.running(**settings) as under_test:
            found = [await _ask(under_test, number) for number in range(WARM_UP + asked)]
    return found[WARM_UP:]


async def _ask(under_test: system.System, number: int) -> Cost:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    response = await under_test.api.post("/v1/agent/ask", json={"question": QUESTION.format(n=number), "explain": True})
    total = 1000 * (loop.time() - begun)
    answered: dict[str, Any] = response.raise_for_status().json()
    assert answered["decision"] == "answer", answered
    why = answered["explanation"]
    return Cost(total, sum(call["milliseconds"] for call in why["calls"]), why["milliseconds"]["embedding"])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ask", description=__doc__)
    parser.add_argument("--questions", type=int, default=200)
    found = asyncio.run(costs(parser.parse_args().questions))
    for name in ("total", "model", "embedding", "beside"):
        taken = sorted(getattr(cost, name) for cost in found)
        print(f"{name}: p50 {statistics.median(taken):.1f} ms, p99 {taken[int(0.99 * len(taken))]:.1f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
