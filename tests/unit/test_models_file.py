"""The file of models: what is wrong in it is told by line and field, and no key is ever told."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from runtime.models_file import configured, read
from runtime.settings import Settings, SettingsError

GOOD = """\
endpoints:
  cloud:
    provider: openai
    url: https://api.example.com/v1
    model: large
    fallback_models: [small]
    keys: [env:TEST_KEY_ONE, file:key_two]
    price: {prompt: 2.5, completion: 10}
    max_context: 128000
  local:
    provider: ollama
    url: http://localhost:11434
    model: qwen2.5:3b
routes:
  default: [cloud, local]
  cheap: [local]
purposes:
  understand: cheap
"""


def settings(path: Path, **more: object) -> Settings:
    return Settings(_env_file=None, models_file=path, secrets_dir=path.parent, **more)  # type: ignore[arg-type]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "models.yaml"


def test_a_file_has_endpoints_routes_and_keys_from_elsewhere(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(GOOD)
    monkeypatch.setenv("TEST_KEY_ONE", "sk-one")
    (file.parent / "key_two").write_text("sk-two\n")
    models = configured(settings(file))
    assert models is not None
    assert models.file.routes == {"default": ("cloud", "local"), "cheap": ("local",)}
    assert [key and key.get_secret_value() for key in models.secrets["cloud"]] == ["sk-one", "sk-two"]
    assert models.secrets["local"] == (None,)
    assert "sk-one" not in repr(models)


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "words"),
    [
        ("provider: ollama", "provider: olama", 11, "endpoints.local.provider", "openai"),
        ("model: large", "modle: large", 5, "endpoints.cloud.modle", "not permitted"),
        ("    url: http://localhost:11434\n", "", 10, "endpoints.local.url", "required"),
        ("prompt: 2.5", "prompt: -1", 8, "endpoints.cloud.price.prompt", "greater than or equal"),
        (
            "cheap: [local]",
            "cheap: [lokal]",
            16,
            "routes.cheap.0",
            "there is no endpoint lokal; there are cloud, local",
        ),
        ("cheap: [local]", "quote: [local]", 16, "routes.quote", "without a model"),
        ("understand: cheap", "understand: chep", 18, "purposes.understand", "there is no route chep"),
        ("  default: [cloud, local]\n", "", 14, "routes", "default is required"),
        ("default: [cloud, local]", "default: []", 15, "routes.default", "at least one"),
        ("max_context: 128000", "model: other", 9, "endpoints.cloud.model", "twice"),
        ("keys: [env:TEST_KEY_ONE, file:key_two]", "keys: [sk-secret]", 7, "endpoints.cloud.keys.0", "pattern"),
    ],
)
def test_what_is_wrong_is_told_by_line_and_field(
    file: Path, old: str, new: str, line: int, field: str, words: str
) -> None:
    assert old in GOOD
    file.write_text(GOOD.replace(old, new))
    with pytest.raises(SettingsError) as raised:
        read(file)
    assert f"{file}:{line}: {field}: " in str(raised.value)
    assert words in str(raised.value)
    assert "sk-secret" not in str(raised.value)


@pytest.mark.parametrize("text", ["endpoints: [", "a: b: c", "", "- 1", "x" * 300_000])
def test_what_is_no_such_document_is_refused(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(SettingsError, match=r"models\.yaml"):
        read(file)


def test_a_key_that_is_not_there_is_named_and_not_shown(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(GOOD)
    monkeypatch.setenv("TEST_KEY_ONE", "sk-one")
    with pytest.raises(SettingsError, match=r"endpoints\.cloud\.keys: file:key_two has no key in it") as raised:
        configured(settings(file))
    assert "sk-one" not in str(raised.value)


def test_without_a_file_one_endpoint_is_that_of_the_settings() -> None:
    chosen = Settings(
        _env_file=None,
        llm_provider="ollama",
        llm_url="http://localhost:1",
        llm_model="m",
        llm_api_key=SecretStr("sk-three"),
    )
    models = configured(chosen)
    assert models is not None
    assert models.file.routes == {"default": ("default",)}
    assert models.secrets == {"default": (SecretStr("sk-three"),)}
    assert configured(Settings(_env_file=None)) is None
