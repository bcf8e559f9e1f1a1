"""Settings of one process, read from `MAINSTAY_*` variables and validated once, at start."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "MAINSTAY_"


class SettingsError(Exception):
    """A variable is missing or wrong; the message names it and says what would be right."""


class Settings(BaseSettings):
    """Everything that an operator can set. Tenants' own rules live in the database, not here."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", env_file_encoding="utf-8", extra="ignore")

    data_dir: Path = Field(Path(".mainstay"), description="Folder of the embedded servers' data, logs and caches.")
    host: str = Field("127.0.0.1", description="Address that the gateway listens on.")
    port: int = Field(8080, ge=0, le=65535, description="Port of the gateway; 0 picks a free one.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe level logged.")
    log_format: Literal["json", "console"] = Field("json", description="One JSON object a line, or for people.")

    database_url: SecretStr | None = Field(
        None, description="Postgres for the application role (no BYPASSRLS). Unset: embedded Postgres."
    )
    admin_database_url: SecretStr | None = Field(
        None, description="Postgres for migrations, as the owner of the tables. Unset: MAINSTAY_DATABASE_URL."
    )
    database_pool_size: int = Field(10, ge=1, le=200, description="Database connections a process keeps.")

    temporal_address: str | None = Field(
        None, description="host:port of a Temporal frontend. Unset: embedded dev server."
    )
    temporal_namespace: str = Field("default", min_length=1, description="Temporal namespace.")
    temporal_ui_url: str | None = Field(None, description="Where operators find the Temporal UI; only printed.")
    metrics_address: str | None = Field(
        None, description="host:port on which the worker serves Temporal SDK metrics for Prometheus."
    )

    worker_processes: int = Field(1, ge=1, le=64, description="Worker processes that `mainstay up` starts.")
    worker_cached_workflows: int = Field(
        1000, ge=0, le=100_000, description="Conversations a worker keeps in memory, about 120 KB each."
    )
    worker_llm_slots: int = Field(8, ge=1, le=1000, description="Answers that one worker generates at a time.")
    drain_seconds: float = Field(30, ge=0, le=600, description="Grace for running work when a process stops.")

    message_max_chars: int = Field(8000, ge=1, le=100_000, description="Longest customer or manager message.")
    body_max_bytes: int = Field(1_048_576, ge=1024, le=104_857_600, description="Largest request body.")

    embedding_provider: Literal["embedded", "ollama", "openai", "tei"] = Field(
        "embedded", description="Where texts become vectors; `embedded` needs nothing."
    )
    embedding_model: str = Field("multilingual-e5-small", description="Model name at the embedding provider.")
    embedding_url: str | None = Field(None, description="Base URL of the embedding provider.")
    embedding_api_key: SecretStr | None = Field(None, description="Key of the embedding provider, if it wants one.")
    embedding_dimension: int = Field(384, ge=1, le=4000, description="Length of the model's vectors.")

    llm_provider: Literal["extractive", "ollama", "openai"] = Field(
        "extractive", description="Who writes answers; `extractive` quotes the best passage and needs no model."
    )
    llm_model: str | None = Field(None, description="Model name; required unless extractive.")
    llm_url: str | None = Field(None, description="Base URL; required unless extractive.")
    llm_api_key: SecretStr | None = Field(None, description="Key of the model server, if it wants one.")
    llm_understands: bool = Field(
        False, description="Let the model classify intents too (structured output), examples as fallback."
    )
    llm_turn_seconds: float = Field(
        30, gt=0, le=600, description="Time the model has for one answer, retries included."
    )
    llm_stall_seconds: float = Field(10, gt=0, le=120, description="Longest pause between two tokens.")

    reconcile_seconds: int = Field(15, ge=1, le=3600, description="How often unaccepted messages are looked for.")

    @field_validator("llm_url", "embedding_url")
    @classmethod
    def _http_url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value

    def model_post_init(self, _: object) -> None:
        if self.llm_provider != "extractive":
            for name in ("llm_model", "llm_url"):
                if not getattr(self, name):
                    raise SettingsError(
                        f"{PREFIX}{name.upper()} is required when {PREFIX}LLM_PROVIDER is not extractive"
                    )
        if self.embedding_provider != "embedded" and not self.embedding_url:
            raise SettingsError(f"{PREFIX}EMBEDDING_URL is required when {PREFIX}EMBEDDING_PROVIDER is not embedded")
        if self.llm_understands and self.llm_provider == "extractive":
            raise SettingsError(f"{PREFIX}LLM_UNDERSTANDS needs a model: set {PREFIX}LLM_PROVIDER")


def load(**overrides: object) -> Settings:
    """Read the environment (and `.env`). Raises SettingsError naming every wrong variable."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # overrides are validated like the environment
    except ValidationError as error:
        # The input itself is left out: it may be a secret.
        lines = [f"{PREFIX}{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()]
        raise SettingsError("; ".join(lines)) from None
