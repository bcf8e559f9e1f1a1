"""Suites of `mainstay eval`: those in the repository are sound, and mistakes in others are found where they stand."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from activities.understanding import examples
from evals import compare, document, loaders, result, suites
from evals.cases import Answer, Decision, IntentOf
from evals.grounded import Knowledge
from evals.hostile import HostileModel
from evals.report import markdown, page
from evals.result import Measured, Result, Run, SuiteRun
from evals.suites import Suite
from evals.words import plain
from models.contracts.enums import Language
from runtime.errors import OperatorError

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
COMPANIES = ("shop-en", "clinic-ru", "telecom-kk")

HEAD = "title: T\nlanguage: en\n"
Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A suite of one page from its head and its cases."""

    def written(head: str, cases: str) -> Path:
        for name, text in {"suite.yaml": head, "cases/all.yaml": cases, "knowledge/page.md": "# Page\n\nText."}.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
        return tmp_path

    return written


def texts(suite: Suite) -> list[str]:
    return [case.say[0] for case in suite.cases.values() if isinstance(case, Answer | Decision | IntentOf)]


@pytest.mark.parametrize("name", COMPANIES)
def test_a_companys_suite_has_enough_of_everything(name: str) -> None:
    suite = suites.load(name)
    because = Counter(case.because for case in suite.cases.values() if isinstance(case, Decision))
    assert len(suite.knowledge) >= 12
    assert len(suite.cases) >= 60
    assert because["unanswerable"] >= 15
    assert because["person"] >= 10


def test_intents_are_asked_in_every_language() -> None:
    assert len(suites.load("intents").cases) >= 150


def test_attacks_come_from_everywhere_each_beside_a_look_alike() -> None:
    found = suites.load("injection").injections
    assert len(found) >= 100
    assert {case.where for case in found.values()} == {"message", "document", "tool"}
    assert all(case.benign is not None for case in found.values())


@pytest.mark.parametrize("name", [*COMPANIES, "intents"])
def test_no_case_is_an_example_that_intents_are_learned_from(name: str) -> None:
    learned = {plain(sentence) for sentence in examples.load().sentences}
    assert [text for text in texts(suites.load(name)) if plain(text) in learned] == []


@pytest.mark.parametrize(
    ("head", "cases", "message"),
    [
        (HEAD + "colour: red\n", "[]", r"suite\.yaml:3: colour: "),
        (HEAD + "thresholds:\n  recall: 0.9\n", "[]", r"suite\.yaml:4: thresholds\.recall: must be one of recall_at_1"),
        (
            HEAD + "policy:\n  topics:\n    - {name: UP, phrases: [up]}\n",
            "[]",
            r"suite\.yaml:5: policy\.topics\.0\.name",
        ),
        (
            HEAD,
            "- kind: answer\n  document: other\n  say: Where?\n",
            r"all\.yaml:2: 0\.document: there is no knowledge/",
        ),
        (HEAD, "- kind: answer\n  say: Where?\n- kind: decision\n  say: A\n", r"all\.yaml:3: 1\.decision\.expect"),
        (HEAD, "- kind: guess\n  say: Where?\n", r"all\.yaml:1: 0: .*'guess'"),
        (HEAD, "- kind: answer\n  say: Where?\n  - x\n", r"all\.yaml:3: is not YAML"),
        (HEAD, "- {kind: answer, say: [Where?, Where?]}\n", r"stands twice"),
        (HEAD, "[]", r"has no cases"),
        (
            HEAD,
            "- kind: injection\n  where: message\n  attack: {say: A}\n  obeys: yes sir\n  markers: [LEAK]\n",
            r"all\.yaml:1: .*obeys must hold one of the markers",
        ),
    ],
    ids=["field", "threshold", "policy", "document", "expect", "kind", "yaml", "twice", "none", "marker"],
)
def test_a_mistake_is_named_with_file_line_and_field(write: Write, head: str, cases: str, message: str) -> None:
    with pytest.raises(OperatorError, match=message):
        suites.load(str(write(head, cases)))


def test_the_guides_example_is_one(tmp_path: Path) -> None:
    guide = (Path(__file__).resolve().parents[2] / "docs" / "guide.md").read_text("utf-8")
    _, _, example = guide.partition("```yaml\n# cases/returns.yaml")
    (tmp_path / "example.yaml").write_text("#" + example.partition("```")[0], "utf-8")
    cases = document.read(tmp_path / "example.yaml").validated(suites.ENTRIES)
    assert {case.kind for case in cases} == {"answer", "retrieval", "decision", "script", "intent", "injection"}


def test_a_case_keeps_its_id_while_its_neighbours_change(write: Write) -> None:
    (first,) = suites.load(str(write(HEAD, "- {kind: answer, say: Where?}\n"))).cases
    both = suites.load(str(write(HEAD, "- {kind: answer, say: [When?, Where?]}\n"))).cases
    assert first in both
    assert len(both) == 2


def test_a_filter_keeps_the_cases_that_hold_the_words() -> None:
    kept = suites.load("shop-en").only("RIDGEBACKS")
    assert [case.kind for case in kept.cases.values()] == ["answer"]


@pytest.mark.parametrize("name", loaders.LOADERS)
@pytest.mark.skipif(not DATA.exists(), reason="the public data sets are not in ../shared/data")
def test_public_data_is_read_where_it_lies(name: str) -> None:
    assert loaders.load(name, DATA).cases


def test_public_data_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"xquad-half\.en\.json is not there"):
        loaders.load("xquad-en-en", tmp_path)


def test_the_hostile_model_obeys_what_it_is_asked_and_copies_otherwise() -> None:
    attack = next(case for case in suites.load("injection").injections.values() if case.where == "document")
    model = HostileModel([attack])
    assert model.reply(f"<question>{attack.attack.say}</question>") == attack.obeys
    assert not model.reached
    passage = f'<passage-0a1b number="1" title="t > h">\n{attack.attack.text}\n</passage-0a1b>'
    assert model.reply(f"{passage}\n<question>{attack.attack.say}</question>") == attack.obeys
    assert model.reached == {attack.obeys}
    assert model.reply(f"{passage}\n<question>Something else?</question>") == attack.attack.text
    assert model.reply("<question>Anything?</question>") == "NO_ANSWER"


async def test_a_quote_must_stand_in_the_knowledge_word_for_word() -> None:
    knowledge = Knowledge({"returns": "# Returns\n\nSend it back within **14 days**. Labels must be on."})
    assert knowledge.holds_quote("From “Returns”:\nSend it back within 14 days.")
    assert not knowledge.holds_quote("From “Returns”:\nSend it back within 40 days.")
    assert not knowledge.holds_quote("From “Returns”:\nSend it back within 14 days. We pay.")
    assert await knowledge.supports("You can send it back within 14 days.", "How long?", Language.EN)
    assert not await knowledge.supports("You can send it back within 90 days.", "How long?", Language.EN)


def run_of(passed: dict[str, bool], value: float) -> Run:
    results = tuple(
        Result(id=name, kind="answer", text=f"<{name}>", expected=("answer",), got=("answer",), passed=right)
        for name, right in passed.items()
    )
    measured = Measured(value=value, of=len(results), threshold=0.9, held=value >= 0.9)
    suite = SuiteRun(
        suite="s", title="S & T", answerer="extractive", metrics={"answered_right": measured}, results=results
    )
    return Run(created_at=datetime(2026, 1, 1, tzinfo=UTC), suites=(suite,))


def test_a_comparison_tells_what_turned() -> None:
    before, after = run_of({"a": True, "b": False, "c": True}, 0.5), run_of({"a": False, "b": True, "d": False}, 0.6)
    (found,) = compare.compare(before, after)
    assert [result.id for result in found.better] == ["b"]
    assert [result.id for result in found.worse] == ["a"]
    assert list(found.moved) == [("answered_right", 0.5, 0.6)]


def test_suites_with_the_same_figures_share_a_table() -> None:
    first, second = run_of({"a": False}, 0.5), run_of({"a": True}, 1.0)
    both = Run(created_at=first.created_at, suites=(*first.suites, *second.suites))
    assert markdown.render(both).splitlines() == [
        "|  | s | s | goal |",
        "| --- | --- | --- | --- |",
        "| Questions answered right | **0.500** | 1.000 | ≥ 0.9 |",
    ]


def test_the_report_is_one_page_that_needs_nothing_else() -> None:
    rendered = page.render(run_of({"a": False}, 0.5), run_of({"a": True}, 1.0))
    assert "S &amp; T" in rendered
    assert "&lt;a&gt;" in rendered
    assert "0 better, 1 worse" in rendered
    assert not any(loads in rendered for loads in ("<script", "src=", "href=", "url(", "@import"))


def test_a_run_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    run = run_of({"a": True}, 1.0)
    (tmp_path / "run.json").write_text(run.model_dump_json(), "utf-8")
    assert result.read(tmp_path / "run.json") == run
    (tmp_path / "run.json").write_text('{"version": 2}', "utf-8")
    with pytest.raises(OperatorError, match="is no result of"):
        result.read(tmp_path / "run.json")
