"""What the linters are counted on to find they do find, with the project's own configuration."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.test_house import ROOT, tracked

# A check that lacks its `await` lets everybody in (CVE-2022-31013): however it is written, it is an error.
WITHOUT_AWAIT = {
    "truthy-bool": """
        async def handler(user: str) -> str:
            if not may(user):
                raise PermissionError
            return "secret"
    """,
    "unused-coroutine": """
        async def handler(user: str) -> str:
            authorize(user)
            return "secret"
    """,
    "unused-awaitable": """
        import asyncio
        async def handler(user: str) -> str:
            asyncio.gather(authorize(user))
            return "secret"
    """,
    "comparison-overlap": """
        async def handler(user: str) -> str:
            return "secret" if role(user) == "admin" else ""
    """,
    "return-value": """
        async def handler(user: str) -> bool:
            return may(user)
    """,
    "arg-type": """
        async def handler(user: str) -> str:
            return str(any([may(user)])) + needs(may(user))
    """,
}
CHECKS = """
async def may(user: str) -> bool:
    return user == "admin"
async def role(user: str) -> str:
    return user
async def authorize(user: str) -> None:
    if not await may(user):
        raise PermissionError
def needs(allowed: bool) -> str:
    return "secret" if allowed else ""
"""

INSECURE = {
    "S102": "exec(given)",
    "S105": 'password = "hunter2hunter2"',
    "S108": 'open("/tmp/secret")',
    "S113": "requests.get(given)",
    "S301": "pickle.loads(given)",
    "S307": "eval(given)",
    "S311": "random.random()",
    "S314": "xml.etree.ElementTree.fromstring(given)",
    "S324": "hashlib.md5(given)",
    "S501": "httpx.get(given, verify=False)",
    "S506": "yaml.load(given)",
    "S602": "subprocess.run(given, shell=True)",
    "S608": "execute(f\"SELECT * FROM t WHERE name = '{given}'\")",
    "S701": "jinja2.Environment(autoescape=False)",
}
# Every line of the product where a security rule is silenced, and why that is right.
SILENCED = {
    ("S104", "cli/system.py"): "the address is compared, nothing listens on it",
    ("S105", "api/schemas/auth.py"): "a word of OAuth",
    ("S105", "api/site_identity.py"): "how every identity secret begins",
    ("S105", "api/visits.py"): "what stands before a token",
    ("S105", "api/webhooks/signatures.py"): "how every webhook secret begins",
    ("S105", "models/contracts/audit.py"): "names of actions",
    ("S105", "models/contracts/people.py"): "a purpose of a mail",
    ("S105", "models/repositories/passes.py"): "what a key is called",
    ("S311", "activities/routes/endpoint.py"): "spreads load",
    ("S311", "activities/turn/write.py"): "jitter of a pause",
    ("S311", "benchmarks/channels.py"): "a load",
    ("S311", "benchmarks/decision_cases.py"): "a reproducible sample",
    ("S311", "worker/parking.py"): "spreads runs over time",
    ("S314", "activities/reading/office/package.py"): "what it is parsed into refuses declarations",
    ("S603", "benchmarks/endpoints.py"): "starts this project's own command",
    ("S603", "benchmarks/model_servers.py"): "starts servers that stand in for providers",
    ("S603", "runtime/embedded/guard.py"): "starts our own servers, from our own package",
    ("S603", "runtime/embedded/process.py"): "asks the same binaries what they can",
    ("S608", "models/repositories/gap_queue.py"): "SQL made of constants",
    ("S608", "models/repositories/gaps.py"): "SQL made of constants",
    ("S608", "models/repositories/intake.py"): "SQL made of two constants",
    ("S608", "models/repositories/ledger.py"): "SQL made of constants",
    ("S608", "models/repositories/likenesses.py"): "SQL made of a constant",
    ("S608", "models/repositories/records.py"): "SQL made of constants",
    ("S608", "models/repositories/retrieval.py"): "SQL made of a constant",
    ("S608", "models/repositories/typing_signs.py"): "SQL made of constants",
    ("S608", "models/repositories/usage.py"): "SQL made of constants",
    ("S608", "models/repositories/usage_history.py"): "SQL made of constants",
}


@pytest.mark.slow
def test_an_await_that_is_missing_in_a_check_is_an_error(tmp_path: Path) -> None:
    for code, function in WITHOUT_AWAIT.items():
        lines = function.strip("\n").split("\n")
        (tmp_path / f"{code.replace('-', '_')}.py").write_text(CHECKS + "\n".join(line[8:] for line in lines))
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--config-file",
        str(ROOT / "pyproject.toml"),
        "--cache-dir",
        str(tmp_path),
    ]
    checked = subprocess.run([*command, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, check=False)
    found = {
        (Path(name).stem.replace("_", "-"), code)
        for name, code in re.findall(r"^(\S+?):\d+: error: .*\[(\S+)\]$", checked.stdout, re.MULTILINE)
    }
    assert found >= {(code, code) for code in WITHOUT_AWAIT}, checked.stdout + checked.stderr


def test_security_rules_are_on(tmp_path: Path) -> None:
    for rule, line in INSECURE.items():
        (tmp_path / f"{rule.lower()}.py").write_text(f"{IMPORTS}\n{line}\n")
    command = [sys.executable, "-m", "ruff", "check", "--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    checked = subprocess.run(
        [*command, "--output-format", "concise", str(tmp_path)], capture_output=True, text=True, check=False
    )
    found = set(re.findall(r"(s\d+)\.py:\d+:\d+: (S\d+)", checked.stdout))
    assert found >= {(rule.lower(), rule) for rule in INSECURE}, checked.stdout + checked.stderr


IMPORTS = """
import hashlib, pickle, random, subprocess, xml.etree.ElementTree
import httpx, jinja2, requests, yaml
from typing import Any
given: Any = None
"""


def test_security_rules_are_silenced_where_there_is_a_reason_and_nowhere_else() -> None:
    silenced = set()
    for path in tracked("*.py"):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith("tests/"):
            for rules in re.findall(r"# (?:ruff: )?noqa: ([A-Z0-9, ]+)", path.read_text()):
                silenced |= {(rule, name) for rule in re.findall(r"\bS\d+", rules)}
            assert not re.search(r"# (ruff: )?noqa(?!:)", path.read_text()), f"{name}: silences everything"
    assert silenced == SILENCED.keys()
