"""Independent model servers, each a process of its own: of embeddings, of a small chat model, and of Ollama's native API
in front of either."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from runtime.embedded.ports import LOOPBACK, pick

ROOT = Path(__file__).parents[1]
READY_SECONDS = 60


@contextmanager
def embeddings(folder: Path) -> Iterator[str]:
    """The base URL of an OpenAI-compatible server of multilingual-e5-small."""
    port = pick(set())
    with _process("embeddings", ("-m", "benchmarks.e5_server", str(port)), folder, port, "/health"):
        yield f"http://{LOOPBACK}:{port}/v1"


@contextmanager
def chat(folder: Path) -> Iterator[str]:
    """The base URL of an OpenAI-compatible server of SmolLM2-135M-Instruct."""
    port = pick(set())
    with _process("chat", ("-m", "benchmarks.small_chat", str(port)), folder, port, "/health"):
        yield f"http://{LOOPBACK}:{port}/v1"


@contextmanager
def ollama(openai_url: str, folder: Path) -> Iterator[str]:
    """The URL of a server of Ollama's native API, whose models (`vllm/<name>`) are those of an OpenAI-compatible one."""
    port = pick(set())
    upstream = {"HOME": str(folder), "PROVIDERS_VLLM_BASE_URL": openai_url, "PROVIDERS_VLLM_API_KEY": "EMPTY"}
    arguments = ("-m", "ollama_proxy", "serve", "--host", LOOPBACK, "--port", str(port))
    with _process(f"ollama-{port}", arguments, folder, port, "/api/version", upstream, cwd=folder):
        yield f"http://{LOOPBACK}:{port}"


@contextmanager
def _process(
    name: str,
    arguments: tuple[str, ...],
    folder: Path,
    port: int,
    path: str,
    variables: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
) -> Iterator[None]:
    """Python with these arguments, ready when `path` answers, ended with the block. What it says is in a log there."""
    with (folder / f"{name}.log").open("wb") as log:
        server = subprocess.Popen(  # noqa: S603  # ours
            [sys.executable, *arguments], env={**os.environ, **(variables or {})}, cwd=cwd, stdout=log, stderr=log
        )
        try:
            _await_ready(f"http://{LOOPBACK}:{port}{path}", server, Path(log.name))
            yield
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _await_ready(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            if httpx.get(url, trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise RuntimeError(f"{url} did not come up: {log.read_text(errors='replace')[-2000:]}")
