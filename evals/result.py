"""A run as a file: versioned, so that runs of different days can be compared."""

from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from runtime.errors import OperatorError

Kind = Literal["retrieval", "intent", "answer", "decision", "turn", "attack", "benign"]


class Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Result(Stored):
    """One judged thing. `got` is the outcome, or the intents, or the documents found.

    `place` (from 1) is where a search had the right document, `grounded` whether an answer stands in the knowledge,
    `reason` why a person was asked for, `reached` whether the attack's text reached a hostile model,
    `shown` whether a question back showed what the answer must contain,
    `held_back` whether a guard kept an honest text, or what was written from it, from the customer.
    """

    id: str
    kind: Kind
    text: str
    expected: tuple[str, ...]
    got: tuple[str, ...]
    passed: bool
    fault: str = ""
    reply: str = ""
    because: str | None = None
    place: int | None = None
    confidence: float | None = None
    grounded: bool | None = None
    reason: str | None = None
    reached: bool | None = None
    shown: bool | None = None
    held_back: bool | None = None
    milliseconds: float = 0


class Measured(Stored):
    """A figure, over how many cases, and what it had to reach; `held` None: nothing was asked of it."""

    value: float
    of: int
    low: float | None = None
    high: float | None = None
    threshold: float | None = None
    held: bool | None = None


class SuiteRun(Stored):
    suite: str
    title: str
    answerer: str
    metrics: dict[str, Measured]
    results: tuple[Result, ...]

    @property
    def held(self) -> bool:
        return all(measured.held is not False for measured in self.metrics.values())

    @property
    def passed(self) -> float:
        """Share of the results that passed."""
        return sum(result.passed for result in self.results) / len(self.results)


class Run(Stored):
    version: Literal[1] = 1
    created_at: datetime
    suites: tuple[SuiteRun, ...]


def read(path: Path) -> Run:
    """A run that was written before. Raises OperatorError when the file is none."""
    try:
        return Run.model_validate_json(path.read_text("utf-8"))
    except OSError as error:
        raise OperatorError(f"{path}: cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise OperatorError(f"{path}: is no result of `mainstay eval --json`: {field}: {first['msg']}") from None
