"""A server of Ollama's native API, whose models are those of a server of OpenAI's."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

READY_SECONDS = 30


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def serving(openai_url: str, folder: Path) -> Iterator[str]:
    """Its URL; its models are `vllm/<name>`."""
    port = free_port()
    environment = {
        **os.environ,
        "HOME": str(folder),
        "PROVIDERS_VLLM_BASE_URL": openai_url,
        "PROVIDERS_VLLM_API_KEY": "EMPTY",
    }
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "ollama_proxy", "serve", "--host", "127.0.0.1", "--port", str(port)],
            env=environment,
            cwd=folder,
            stdout=log,
            stderr=log,
        )
        try:
            await_ready(f"http://127.0.0.1:{port}/api/version", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(10)


def await_ready(url: str, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        assert server.poll() is None, "the server exited while starting"
        try:
            if httpx.get(url).status_code < 500:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("the server was not ready in time")
