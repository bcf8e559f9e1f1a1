"""`mainstay eval` as an operator runs it: a small suite, on systems that are started for it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Two systems start here: half a minute alone, more beside other tests.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def evaluate(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", "eval", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=230,
        check=False,
    )


def test_a_suite_is_run_judged_and_written(tmp_path: Path) -> None:
    outcome = evaluate(
        "tests/data/eval-smoke",
        "--json",
        f"{tmp_path}/run.json",
        "--html",
        f"{tmp_path}/run.html",
        "--markdown",
        f"{tmp_path}/run.md",
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    quoting, writing = json.loads((tmp_path / "run.json").read_text("utf-8"))["suites"]

    assert quoting["answerer"] == "extractive"
    of = {result["id"]: result for result in quoting["results"]}
    assert all(result["passed"] for result in of.values()), outcome.stdout
    assert counted(of.values()) == {
        "retrieval": 2, "answer": 1, "decision": 2, "turn": 2, "attack": 1, "benign": 1,
    }  # fmt: skip
    assert {result["reason"] for result in of.values() if result["because"] == "policy"} == {"policy"}

    # The same attack on a model that obeys: it was reached, and what it said went no further.
    assert writing["answerer"] == "hostile model"
    attack = next(result for result in writing["results"] if result["kind"] == "attack")
    assert attack["reached"]
    assert attack["passed"], attack
    assert "| goal |" in (tmp_path / "run.md").read_text("utf-8")
    assert "Lamp shop" in (tmp_path / "run.html").read_text("utf-8")


def counted(results: Any) -> dict[str, int]:
    kinds = [result["kind"] for result in results]
    return {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}


def test_what_is_wrong_with_the_command_is_said() -> None:
    assert "there is no suite shop-de" in evaluate("shop-de").stderr
    assert evaluate().returncode == 2
    listed = evaluate("--list")
    assert listed.returncode == 0
    assert "telecom-kk" in listed.stdout
