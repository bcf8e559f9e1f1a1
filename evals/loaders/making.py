"""A suite put together in code."""

from collections.abc import Iterable, Mapping

from evals.cases import Case, id_of
from evals.suites import Head, Suite
from models.contracts.enums import Language


def suite(
    name: str,
    title: str,
    cases: Iterable[Case],
    thresholds: dict[str, float],
    knowledge: Mapping[str, str] | None = None,
) -> Suite:
    """Cases that are asked twice in a data set are one."""
    head = Head(title=title, language=Language.EN, thresholds=thresholds)
    return Suite(name, head, dict(knowledge or {}), {id_of(case): case for case in cases})
