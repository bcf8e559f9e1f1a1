"""The grounding check against answers that people have judged: none that is unproven passes, and few proven ones fail."""

import pytest

from activities.embedding.nano import NanoEmbedder
from evals import audit
from models.contracts.enums import Language

CASES = list(audit.load())
UNPROVEN = [case for case in CASES if not case.right]


@pytest.fixture(scope="module")
def embedder() -> NanoEmbedder:
    return NanoEmbedder()


@pytest.mark.parametrize("case", UNPROVEN, ids=lambda case: f"{case.language}-{case.kind}-{UNPROVEN.index(case)}")
async def test_what_is_not_proven_is_blocked(case: audit.Judged, embedder: NanoEmbedder) -> None:
    assert await case.blocked(embedder), case.answer


async def test_nearly_all_that_is_proven_passes(embedder: NanoEmbedder) -> None:
    """A quote in its place is no harm, so a few may fail."""
    proven = [case for case in CASES if case.right]
    blocked = [case.answer for case in proven if await case.blocked(embedder)]
    assert len(blocked) <= 0.05 * len(proven), blocked


def test_the_audit_is_broad() -> None:
    assert {case.language for case in CASES} == set(Language)
    assert len(UNPROVEN) >= 120
