"""What holds for every test of this repository."""

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

# A deadline would measure the machine, not the code. CI tries the same examples on every run.
settings.register_profile("mainstay", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("mainstay")

# Before numerical libraries load: one thread each, as the product's own processes have it. Several fight over the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

exit_status = pytest.StashKey[int]()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is imported and collected stays for good: the garbage collector need not go through it again and again."""
    gc.disable()
    yield
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow files first, quick ones last: processes that take file after file then end together."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path not in slow, "unit" in item.path.parts))


class Scheduling(LoadFileScheduling):  # type: ignore[misc]  # it ships no types
    """A process takes a file at a time; the tests of isolation are taken as one, because they share a world."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        folder = PurePosixPath(file).parent
        return str(folder) if folder.name == "isolation" else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    return Scheduling(config, log)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    session.config.stash[exit_status] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave without the interpreter's shutdown: a thread of Temporal's core that outlives it aborts the process
    (`PyGILState_Release`, temporalio/sdk-python#300) and would turn a green run red."""
    if exit_status in config.stash:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(config.stash[exit_status])
