"""A process does not start with a secret that others know, and says which one it is without showing it."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from runtime.crypto.roots import new_root
from runtime.errors import OperatorError
from runtime.home import Home
from runtime.secrets import WELL_KNOWN, check, make_root_keys
from runtime.settings import Settings, SettingsError, load

ROOT_KEY = re.compile(r"[a-z0-9-]+:[A-Za-z0-9+/]{43}=")
STRONG = "3f9c1e7ab2d84c60"


def settings(**given: Any) -> Settings:
    defaults: dict[str, Any] = {"root_keys": SecretStr(new_root()), "environment": "production"}
    return Settings(_env_file=None, **(defaults | given))


def url(password: str | None) -> SecretStr:
    return SecretStr(f"postgresql://mainstay_app{'' if password is None else f':{password}'}@db:5432/mainstay")


@pytest.mark.parametrize("password", [None, STRONG])
def test_production_starts_with_secrets_of_its_own(password: str | None) -> None:
    check(settings(database_url=url(password), admin_database_url=url(password)))


@pytest.mark.parametrize("password", [*sorted(WELL_KNOWN), "PASSWORD", "mainstay_app", "short"])
def test_production_does_not_start_with_a_known_password(password: str) -> None:
    with pytest.raises(OperatorError, match="MAINSTAY_ADMIN_DATABASE_URL") as refused:
        check(settings(database_url=url(STRONG), admin_database_url=url(password)))
    assert "MAINSTAY_DATABASE_URL" not in str(refused.value)
    assert str(url(password).get_secret_value()) not in str(refused.value)
    check(settings(environment="development", admin_database_url=url(password)))


def test_every_wrong_secret_is_named_at_once() -> None:
    with pytest.raises(OperatorError, match=r"MAINSTAY_DATABASE_URL.*MAINSTAY_ADMIN_DATABASE_URL"):
        check(settings(database_url=url("postgres"), admin_database_url=url("admin")))


@pytest.mark.parametrize("environment", ["development", "production"])
@pytest.mark.parametrize("given", [None, SecretStr(""), SecretStr(" \n")])
def test_nothing_starts_without_a_root_key(environment: str, given: SecretStr | None) -> None:
    with pytest.raises(OperatorError, match="mainstay keys new"):
        check(settings(environment=environment, root_keys=given))


@pytest.mark.parametrize("environment", ["development", "production"])
def test_nothing_starts_with_a_root_key_that_is_none(environment: str) -> None:
    zeros = "a:" + "A" * 43 + "="
    with pytest.raises(OperatorError, match="MAINSTAY_ROOT_KEYS: root key a is not random") as refused:
        check(settings(environment=environment, root_keys=SecretStr(zeros)))
    assert "AAAA" not in str(refused.value)


def test_no_document_shows_a_root_key() -> None:
    """Whatever stands in a document, somebody will use."""
    pages = [*Path().glob("*.md"), *Path("docs").rglob("*.md"), Path(".env.example"), Path("docker-compose.yml")]
    assert len(pages) > 10
    assert [page for page in pages if ROOT_KEY.search(page.read_text())] == []
    assert ROOT_KEY.fullmatch(new_root())


def test_the_embedded_database_keeps_its_root_key(tmp_path: Path) -> None:
    home = Home.create(tmp_path / "home")
    made = make_root_keys(home)
    assert make_root_keys(home) == made
    assert home.root_keys.stat().st_mode & 0o777 == 0o600
    check(settings(root_keys=SecretStr(made)))


# Files --------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MAINSTAY_LLM_API_KEY", raising=False)
    monkeypatch.setenv("MAINSTAY_SECRETS_DIR", str(tmp_path))
    return tmp_path


def test_a_setting_can_stand_in_a_file(folder: Path) -> None:
    (folder / "mainstay_llm_api_key").write_text("from a file\n")
    found = load().llm_api_key
    assert found is not None
    assert found.get_secret_value() == "from a file"


def test_the_environment_wins_over_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "mainstay_llm_api_key").write_text("from a file")
    monkeypatch.setenv("MAINSTAY_LLM_API_KEY", "from the environment")
    found = load().llm_api_key
    assert found is not None
    assert found.get_secret_value() == "from the environment"


def test_a_folder_of_secrets_that_is_not_there_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAINSTAY_SECRETS_DIR", str(folder / "nowhere"))
    with pytest.raises(SettingsError, match="MAINSTAY_SECRETS_DIR"):
        load()
