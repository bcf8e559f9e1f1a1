"""Two runs side by side: which figures moved, and which cases turned."""

from collections.abc import Iterator
from dataclasses import dataclass

from evals.metrics import mcnemar
from evals.result import Result, Run, SuiteRun


@dataclass(frozen=True, slots=True)
class Comparison:
    """One suite, before and after. `p`: how likely so uneven a split of turned cases is by chance alone."""

    before: SuiteRun
    after: SuiteRun
    better: tuple[Result, ...]
    worse: tuple[Result, ...]

    @property
    def p(self) -> float:
        return mcnemar(len(self.better), len(self.worse))

    @property
    def moved(self) -> Iterator[tuple[str, float, float]]:
        """Figures that both runs have and that differ: name, before, after."""
        for name, measured in self.after.metrics.items():
            earlier = self.before.metrics.get(name)
            if earlier is not None and earlier.value != measured.value:
                yield name, earlier.value, measured.value


def compare(before: Run, after: Run) -> list[Comparison]:
    """The suites that both runs have with the same answerer; cases that only one of them has are left out."""
    earlier = {(each.suite, each.answerer): each for each in before.suites}
    pairs = [(earlier.get((each.suite, each.answerer)), each) for each in after.suites]
    return [_compared(then, now) for then, now in pairs if then is not None]


def _compared(then: SuiteRun, now: SuiteRun) -> Comparison:
    passed = {result.id: result.passed for result in then.results}
    turned = [result for result in now.results if passed.get(result.id, result.passed) is not result.passed]
    better = tuple(result for result in turned if result.passed)
    worse = tuple(result for result in turned if not result.passed)
    return Comparison(then, now, better, worse)
