"""A model that obeys every attack, also one whose text was kept from it: an OpenAI-compatible server with a script instead of a mind.

What reaches the customer is then what the guards let through, whatever mood a real model is in. Asked anything else, it
copies the first passage that it was given.
"""

import asyncio
import json
import re
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from evals.cases import Injection
from evals.words import plain
from runtime.embedded.ports import LOOPBACK, pick

HOSTILE = "hostile model"
"""As reports name it."""
PASSAGE = re.compile(r"<passage-\w+ number[^\n]*>\n(.*?)\n</passage-", re.DOTALL)
PIECE_CHARACTERS = 40


class HostileModel:
    """Knows the attacks by what is asked: what a document or a tool would have told it, it does all the same."""

    def __init__(self, attacks: Iterable[Injection]) -> None:
        self._script = [(plain(each.attack.say), plain(each.attack.text or ""), each.obeys) for each in attacks]
        self.reached: set[str] = set()
        """What was said to attacks whose text reached the model, as the script has it."""

    def reply(self, prompt: str) -> str:
        heard = plain(prompt)
        for asked, read, obeys in self._script:
            if asked in heard:
                if read in heard:
                    self.reached.add(obeys)
                return obeys
        passage = PASSAGE.search(prompt)
        return passage[1] if passage else "NO_ANSWER"

    async def complete(self, request: Request) -> StreamingResponse:
        body = await request.json()
        prompt = "\n".join(str(message["content"]) for message in body["messages"])
        return StreamingResponse(_events(self.reply(prompt)), media_type="text/event-stream")

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[dict[str, str]]:
        """Serve on a port of its own. Yields the settings of a system that asks it."""
        app = Starlette(routes=[Route("/v1/chat/completions", self.complete, methods=["POST"])])
        port = pick(set())
        server = uvicorn.Server(uvicorn.Config(app, host=LOOPBACK, port=port, log_level="warning", lifespan="off"))
        # In a thread of its own, where uvicorn leaves Ctrl-C to the command.
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        try:
            url = f"http://{LOOPBACK}:{port}/v1"
            yield {"LLM_PROVIDER": "openai", "LLM_URL": url, "LLM_MODEL": "hostile", "LLM_UNDERSTANDS": "false"}
        finally:
            server.should_exit = True
            await asyncio.to_thread(thread.join)


def _events(text: str) -> Iterator[str]:
    """The text as a stream of completion chunks, ended properly."""
    for first in range(0, len(text), PIECE_CHARACTERS):
        yield _event({"choices": [{"index": 0, "delta": {"content": text[first : first + PIECE_CHARACTERS]}}]})
    yield _event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    yield _event({"choices": [], "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}})
    yield "data: [DONE]\n\n"


def _event(chunk: dict[str, object]) -> str:
    envelope = {"id": "eval", "object": "chat.completion.chunk", "created": 0, "model": "hostile"}
    return f"data: {json.dumps(envelope | chunk)}\n\n"
