"""Ports of the embedded servers: free ones, and the same again after a restart where possible."""

import json
import random
import socket
from collections.abc import Sequence
from pathlib import Path

from runtime.errors import OperatorError
from runtime.home import write_private

LOOPBACK = "127.0.0.1"
# Below the range from which kernels take the ports of outgoing connections (32768 on Linux, 49152 elsewhere):
# what was free at the last start is then most likely free at the next.
CANDIDATES = range(20_000, 32_000)
ATTEMPTS = 200


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen on `port` now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # As servers do: connections that linger from the last run do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def claim(record: Path, names: Sequence[str]) -> dict[str, int]:
    """A free port for each name, remembered in the JSON file `record`; the remembered one if it is still free."""
    try:
        remembered: dict[str, int] = json.loads(record.read_text())
    except (FileNotFoundError, ValueError):
        remembered = {}
    claimed: dict[str, int] = {}
    for name in names:
        port = remembered.get(name)
        claimed[name] = port if port is not None and is_free(port) else pick({*claimed.values(), *remembered.values()})
    write_private(record, json.dumps({**remembered, **claimed}))
    return claimed


def pick(taken: set[int]) -> int:
    """A free port that is not in `taken`."""
    for port in random.sample(CANDIDATES, ATTEMPTS):
        if port not in taken and is_free(port):
            return port
    raise OperatorError(f"no free port found on {LOOPBACK} between {CANDIDATES.start} and {CANDIDATES.stop}")
