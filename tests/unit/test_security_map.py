"""docs/security.md keeps its word: what it names exists, what it leaves out has a reason, what is missing is on its list."""

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security.md"
IDS = ROOT / "tests" / "data" / "asvs-5.0-l2.txt"

NOTHING = "—"
REQUIREMENT = re.compile(r"\d+\.\d+\.\d+")
TEST = re.compile(r"(tests/[\w/]+\.py)::(\w+)")
GAP = re.compile(r"\[(G\d+)\]\(#gaps\)")
REASON_CHARACTERS = 15


def sections() -> dict[str, list[list[str]]]:
    """The rows of all tables, by the heading above them; heads of tables are left out."""
    found: dict[str, list[list[str]]] = {}
    heading, body = "", False
    for line in PAGE.read_text().splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        if not line.startswith("|"):
            body = False
        elif set(line) <= set("|- "):
            body = True
        elif body:
            found.setdefault(heading, []).append([cell.strip() for cell in line.strip("|").split(" | ")])
    return found


SECTIONS = sections()
REQUIREMENTS = [row for rows in SECTIONS.values() for row in rows if REQUIREMENT.fullmatch(row[0])]
REPORTS = SECTIONS["What went wrong elsewhere"]
RISKS = SECTIONS["OWASP API Top 10 2023"] + SECTIONS["OWASP LLM Top 10 2025"]
CLAIMS = REQUIREMENTS + REPORTS + RISKS
GAPS = {row[0]: row for row in SECTIONS["Gaps"]}


@cache
def functions(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text())
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@cache
def kept() -> frozenset[str]:
    """The files of the repository, and those that are to be."""
    listing = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return frozenset(listing.stdout.splitlines())


def test_every_test_that_is_named_exists() -> None:
    named = set(TEST.findall(PAGE.read_text()))
    assert len(named) > 100
    missing = [f"{path}::{name}" for path, name in sorted(named) if path not in kept() or name not in functions(path)]
    assert missing == []


def test_every_requirement_is_there_once() -> None:
    about, *lines = IDS.read_text().splitlines()
    assert "OWASP/ASVS" in about
    assert "fe04986" in about
    assert {line.split()[1] for line in lines} == {"1", "2"}
    assert [row[0] for row in REQUIREMENTS] == [line.split()[0] for line in lines]


@pytest.mark.parametrize("row", CLAIMS, ids=lambda row: row[0])
def test_a_row_names_its_proof_or_its_reason(row: list[str]) -> None:
    *_, control, proof = row
    if proof == NOTHING:
        assert len(control) >= REASON_CHARACTERS, "without a test, a reason"
        return
    for each in proof.split("<br>"):
        named = each.strip("`")
        if not TEST.fullmatch(named):
            assert named in kept(), f"neither a test nor a file: {each}"
            assert REQUIREMENT.fullmatch(row[0]), "a risk is met by what a test shows"


def test_every_gap_is_on_the_list_and_says_what_would_close_it() -> None:
    for row in CLAIMS:
        named = GAP.findall(row[-2])
        assert ("gap" in row[-2].lower()) == bool(named), f"{row[0]} names no gap of the list"
        for gap in named:
            assert row[0].split()[0] in re.split(r",\s*", GAPS[gap][3]), f"{gap} does not name {row[0]}"
    assert all(len(cell) >= REASON_CHARACTERS for row in GAPS.values() for cell in row[1:3])
    met = {row[0].split()[0] for row in CLAIMS if not GAP.search(row[-2])}
    assert not met & {each for row in GAPS.values() for each in re.split(r",\s*", row[3])}, "a gap that no row has"


def test_what_went_wrong_elsewhere_was_looked_at() -> None:
    assert len({row[0] for row in REPORTS}) == len(REPORTS) >= 15
    for product in ("Chatwoot", "Zammad", "osTicket", "FreeScout", "Rocket.Chat"):
        assert any(product in row[0] for row in REPORTS), product


def test_both_lists_of_ten_are_whole() -> None:
    expected = [f"API{number}" for number in range(1, 11)] + [f"LLM{number:02}" for number in range(1, 11)]
    assert [row[0].split()[0] for row in RISKS] == expected


def test_nobody_is_told_that_we_comply() -> None:
    assert not re.search(r"\bcomplian|\bcertified\b(?! anything)", PAGE.read_text(), re.IGNORECASE)
