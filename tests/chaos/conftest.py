"""One running system for all tests of faults: starting it takes longer than most of them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from tests.chaos import model
from tests.chaos.model import Model
from tests.chaos.system import System, running


@dataclass(frozen=True)
class UnderTest:
    system: System
    model: Model


@pytest.fixture(scope="package")
async def under_test(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[UnderTest]:
    """A system of two workers with a model that writes. Its reconcile looks every second, to keep the tests short."""
    data_dir = tmp_path_factory.mktemp("chaos") / "data"
    settings = {
        "WORKER_PROCESSES": "2",
        "LLM_PROVIDER": "openai",
        "LLM_MODEL": "copyist",
        "RECONCILE_SECONDS": "1",
    }
    async with model.serving() as writer, running(data_dir, LLM_URL=writer.url, **settings) as system:
        yield UnderTest(system, writer)
