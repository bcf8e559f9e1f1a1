"""What takes a process's powers away before it looks at a stranger's file."""

import ctypes
import math
import resource
import signal
import sys

OPEN_FILES = 64
WRITTEN_BYTES = 1 << 20
"""Enough for Python's cache of its own bytecode; the reader itself writes no file."""

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000


def confine(memory_bytes: int, seconds: float) -> None:
    """Bound this process's memory, time and files for good, and cut it off from the network where the kernel allows.

    Nothing that reads files opens connections; cutting the network off matters only once a file has taken the process
    over, and is refused to unprivileged processes on some machines. There the other bounds have to do.
    """
    time = math.ceil(seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (time, time + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (WRITTEN_BYTES, WRITTEN_BYTES))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform != "linux":
        return
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    if libc.unshare(_CLONE_NEWNET) != 0:
        libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
