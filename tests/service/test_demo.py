"""The scripted day, as an operator runs it: on a system of its own, and on one that runs already."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow


def mainstay(*words: str, typed: str = "", timeout: float = 160) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", *words],
        cwd=ROOT,
        input=typed,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data directory of a system that runs, with the sample company in it."""
    folder = tmp_path_factory.mktemp("demo") / "data"
    words = [sys.executable, "-m", "cli", "up", "--data-dir", str(folder), "--port", "0", "--demo", "--json"]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as up:
        assert up.stdout is not None
        document = ""
        for line in up.stdout:
            document += line
            if line == "}\n":
                break
        assert json.loads(document)["api"].startswith("http://127.0.0.1:"), "ready"
        yield folder
        up.terminate()
        assert up.wait(60) == 0, "it drains"


def passed(outcome: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    document: dict[str, Any] = json.loads(outcome.stdout)
    return document


def test_the_day_is_played_on_a_system_of_its_own(tmp_path: Path) -> None:
    day = passed(mainstay("demo", "--json", "--data-dir", str(tmp_path / "none")))
    assert day["passed"]
    assert all(step["passed"] for step in day["steps"])
    assert len(day["steps"]) > 20


def test_the_day_is_played_on_a_running_system(running: Path) -> None:
    assert passed(mainstay("demo", "--json", "--data-dir", str(running)))["passed"]


@pytest.mark.parametrize(
    ("question", "language", "words"),
    [
        ("How much is delivery to Astana?", "en", "1,490"),
        ("Сколько дней есть на возврат, если товар не подошёл?", "ru", "14 дней"),
    ],
)
def test_a_question_is_answered_in_its_language_with_its_source(
    running: Path, question: str, language: str, words: str
) -> None:
    answer = passed(mainstay("ask", question, "--tenant", "altyn-home", "--json", "--data-dir", str(running)))
    assert answer["decision"] == "quote"
    assert answer["language"] == language
    assert words in answer["text"].replace("\u202f", " ").replace("\u00a0", " ")
    assert answer["citations"]


def test_what_the_pages_do_not_cover_goes_to_a_person(running: Path) -> None:
    words = ("ask", "Do you rent out appliances for exhibitions?", "--tenant", "altyn-home", "--json")
    answer = passed(mainstay(*words, "--data-dir", str(running)))
    assert (answer["decision"], answer["reason"]) == ("escalate", "knowledge_gap")


def test_an_operator_sees_the_request_and_doctor_finds_nothing_wrong(running: Path) -> None:
    typed = "Can I speak to a real person, please?\n"
    assert mainstay("chat", "--tenant", "altyn-home", "--data-dir", str(running), typed=typed).returncode == 0
    waiting = mainstay("escalations", "list", "--tenant", "altyn-home", "--json", "--data-dir", str(running))
    assert waiting.returncode == 0
    assert "pending" in waiting.stdout
    assert mainstay("doctor", "--json", "--data-dir", str(running)).returncode == 0
