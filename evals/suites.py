"""Where suites are, and how one is read: suite.yaml, knowledge/*.md and cases/*.yaml in a folder."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, TypeAdapter

from evals import document
from evals.cases import Answer, Case, Injection, Retrieval, Strict, Text, id_of, single
from evals.metrics import METRICS
from models.contracts.enums import Language
from models.contracts.policy import Policy
from models.contracts.settings import TenantSettings
from runtime.errors import OperatorError

HERE = Path(__file__).resolve().parent


class Head(Strict):
    """suite.yaml: who the company is, its rules, and what its figures must reach.

    `knowledge_of` names suites whose pages it knows too, as <suite>/<page>.
    """

    title: Text
    language: Language
    knowledge_of: tuple[Text, ...] = ()
    settings: TenantSettings = TenantSettings()
    policy: Policy = Policy()
    thresholds: dict[str, float] = Field(default_factory=dict)


@dataclass(frozen=True)
class Suite:
    """`knowledge` has each document's text by its name, `cases` the cases by their ids."""

    name: str
    head: Head
    knowledge: dict[str, str]
    cases: dict[str, Case]

    @property
    def injections(self) -> dict[str, Injection]:
        return {name: case for name, case in self.cases.items() if isinstance(case, Injection)}

    def only(self, wanted: str) -> "Suite":
        """The suite with the cases whose id or words hold `wanted`."""
        kept = {name: case for name, case in self.cases.items() if wanted.casefold() in f"{name} {case!r}".casefold()}
        return Suite(self.name, self.head, self.knowledge, kept)


HEAD = TypeAdapter(Head)
ENTRIES: TypeAdapter[list[Case]] = TypeAdapter(list[Case])


def names() -> list[str]:
    """The suites that come with the product."""
    return sorted(path.parent.name for path in HERE.glob("*/suite.yaml"))


def load(given: str) -> Suite:
    """The suite of that name, or in that folder. Raises OperatorError saying what is wrong, and where."""
    folder = HERE / given if given in names() else Path(given)
    if not (folder / "suite.yaml").is_file():
        raise OperatorError(f"there is no suite {given}: name one of {', '.join(names())}, or a folder with suite.yaml")
    head = document.read(folder / "suite.yaml")
    read: Head = head.validated(HEAD)
    for name in read.thresholds:
        if name not in METRICS:
            raise OperatorError(head.fault(("thresholds", name), f"must be one of {', '.join(METRICS)}"))
    knowledge = _pages(folder)
    for number, other in enumerate(read.knowledge_of):
        if other not in names():
            raise OperatorError(head.fault(("knowledge_of", number), f"must be one of {', '.join(names())}"))
        knowledge |= {f"{other}/{name}": text for name, text in _pages(HERE / other).items()}
    cases: dict[str, Case] = {}
    for path in sorted((folder / "cases").glob("*.yaml")):
        for name, case in _cases(path, knowledge):
            if name in cases:
                raise OperatorError(f"{path}: {name}: the same case stands twice in the suite: {case!r}")
            cases[name] = case
    if not cases:
        raise OperatorError(f"{folder}: has no cases: put them into cases/*.yaml")
    return Suite(folder.resolve().name, read, knowledge, cases)


def _pages(folder: Path) -> dict[str, str]:
    return {page.stem: page.read_text("utf-8") for page in sorted((folder / "knowledge").glob("*.md"))}


def _cases(path: Path, knowledge: dict[str, str]) -> Iterator[tuple[str, Case]]:
    read = document.read(path)
    entries: list[Case] = read.validated(ENTRIES)
    for number, entry in enumerate(entries):
        if isinstance(entry, Retrieval | Answer) and entry.document not in (None, *knowledge):
            raise OperatorError(read.fault((number, "document"), f"there is no knowledge/{entry.document}.md"))
        for case in single(entry):
            yield id_of(case), case


def described(suite: Suite) -> dict[str, int]:
    """How many cases of each kind."""
    return dict(sorted(Counter(case.kind for case in suite.cases.values()).items()))
