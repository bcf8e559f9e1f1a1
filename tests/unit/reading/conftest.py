"""What reads files here: limits as an operator would set them, and a reader that stays within them."""

import pytest

from activities.reading.port import Limits
from activities.reading.process import ProcessReader

LIMITS = Limits(unpacked_bytes=50 << 20, pages=200, seconds=20, memory_bytes=512 << 20, characters=500_000)


@pytest.fixture
def limits() -> Limits:
    return LIMITS


@pytest.fixture
def reader() -> ProcessReader:
    return ProcessReader(LIMITS)
