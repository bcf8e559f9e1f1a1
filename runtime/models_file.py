"""Which models there are and in which order they are asked: MAINSTAY_MODELS_FILE, or one endpoint by MAINSTAY_LLM_*."""

import os
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, ValidationError

from runtime import yaml_document
from runtime.settings import USUAL_SECRETS_DIR, Settings, SettingsError
from runtime.yaml_document import NotYamlError, dotted
from runtime.yaml_document import Path as Place

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,64}$")]
KeyReference = Annotated[str, StringConstraints(pattern=r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$")]
HttpUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^\s@]+$")]

LARGEST_BYTES = 262_144


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Price(_Strict):
    """Of a million tokens, in whatever currency all prices are in."""

    prompt: float = Field(0.0, ge=0)
    completion: float = Field(0.0, ge=0)


class EndpointConfig(_Strict):
    """A model behind a server. `fallback_models` are asked at the same server, with the same keys, after `model`."""

    provider: Literal["ollama", "openai"]
    url: HttpUrl
    model: str = Field(min_length=1, max_length=200)
    fallback_models: tuple[str, ...] = ()
    keys: tuple[KeyReference, ...] = Field((), description="env:NAME, or file:NAME in the folder of secrets.")
    proxy: HttpUrl | None = None
    first_token_seconds: float | None = Field(None, gt=0, le=600, description="None: all the time that a turn has.")
    stall_seconds: float = Field(10, gt=0, le=120)
    price: Price = Price()
    max_context: int | None = Field(
        None, ge=256, description="Tokens of a question and its answer together; Ollama is asked for as many."
    )


class ModelsFile(_Strict):
    """The file. `purposes` says which route other calls than answers take; without, the default one."""

    endpoints: dict[Name, EndpointConfig] = Field(min_length=1)
    routes: dict[Name, tuple[Name, ...]]
    purposes: dict[Literal["understand", "rewrite"], Name] = Field(default_factory=dict)


class Models(_Strict):
    """What is configured, with the keys themselves: `secrets` by endpoint, one empty key where none is wanted."""

    file: ModelsFile
    secrets: dict[str, tuple[SecretStr | None, ...]]


def configured(settings: Settings) -> Models | None:
    """The models of an installation; None when answers quote. Raises SettingsError with file, line and field."""
    if settings.models_file is not None:
        file = read(settings.models_file)
        folder = settings.secrets_dir or USUAL_SECRETS_DIR
        secrets: dict[str, tuple[SecretStr | None, ...]] = {
            name: tuple(_secret(settings.models_file, name, reference, folder) for reference in endpoint.keys)
            or (None,)
            for name, endpoint in file.endpoints.items()
        }
        return Models(file=file, secrets=secrets)
    if settings.llm_provider == "extractive":
        return None
    assert settings.llm_url, "settings require it"
    assert settings.llm_model, "settings require it"
    endpoint = EndpointConfig(
        provider=settings.llm_provider,
        url=settings.llm_url,
        model=settings.llm_model,
        stall_seconds=settings.llm_stall_seconds,
    )
    file = ModelsFile(endpoints={"default": endpoint}, routes={"default": ("default",)})
    return Models(file=file, secrets={"default": (settings.llm_api_key,)})


def read(path: Path) -> ModelsFile:
    """The file, checked. Raises SettingsError with its line and field."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read ({type(error).__name__})") from None
    if len(text) > LARGEST_BYTES:
        raise SettingsError(f"{path}: must not be longer than {LARGEST_BYTES} characters")
    try:
        document = yaml_document.read(text)
    except NotYamlError as wrong:
        faults = [(each.path, each.message, 1 if each.mark is None else each.mark.line + 1) for each in wrong.faults]
        raise SettingsError(_told(path, faults)) from None
    try:
        file = ModelsFile.model_validate(document.value)
    except ValidationError as error:
        # Without the input: somebody may have written a key where its name belongs.
        found = [(each["loc"], each["msg"]) for each in error.errors(include_input=False)]
    else:
        found = _dangling(file)
    if found:
        raise SettingsError(_told(path, [(place, what, document.line(place)) for place, what in found]))
    return file


def _told(path: Path, faults: list[tuple[Place, str, int]]) -> str:
    return "; ".join(f"{path}:{line}: {dotted(place) or 'the file'}: {what}" for place, what, line in faults)


def _dangling(file: ModelsFile) -> list[tuple[Place, str]]:
    """Names that are not those of anything."""
    known = ", ".join(file.endpoints)
    wrong: list[tuple[Place, str]] = [
        (("routes", route, number), f"there is no endpoint {name}; there are {known}")
        for route, names in file.routes.items()
        for number, name in enumerate(names)
        if name not in file.endpoints
    ]
    wrong += [
        (("purposes", purpose), f"there is no route {route}; there are {', '.join(file.routes)}")
        for purpose, route in file.purposes.items()
        if route not in file.routes
    ]
    wrong += [(("routes", route), "name at least one endpoint") for route, names in file.routes.items() if not names]
    if "default" not in file.routes:
        wrong.append((("routes",), "a route named default is required"))
    if "quote" in file.routes:
        wrong.append((("routes", "quote"), "is the route without a model: choose another name"))
    return wrong


def _secret(path: Path, endpoint: str, reference: str, folder: Path) -> SecretStr:
    kind, _, name = reference.partition(":")
    if kind == "env":
        value = os.environ.get(name, "")
    else:
        try:
            value = (folder / name).read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            value = ""
    if not re.fullmatch(r"[!-~]+", value.strip()):
        raise SettingsError(f"{path}: endpoints.{endpoint}.keys: {reference} has no key in it")
    return SecretStr(value.strip())
