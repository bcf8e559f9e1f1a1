"""What holds for every test of this repository."""

import os
import sys

import pytest
from hypothesis import settings

# A deadline would measure the machine, not the code. CI tries the same examples on every run.
settings.register_profile("mainstay", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("mainstay")

exit_status = pytest.StashKey[int]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow files first, quick ones last: processes that take file after file then end together."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path not in slow, "unit" in item.path.parts))


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
