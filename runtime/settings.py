"""Settings of one process, read from `MAINSTAY_*` variables and validated once, at start."""

import os
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "MAINSTAY_"
USUAL_SECRETS_DIR = Path("/run/secrets")


class SettingsError(Exception):
    """A variable is missing or wrong; the message names it and says what would be right."""


class Settings(BaseSettings):
    """Everything that an operator can set. Tenants' own rules live in the database, not here."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", env_file_encoding="utf-8", extra="ignore")

    environment: Literal["development", "production"] = Field(
        "development", description="In production nothing starts with a secret that others know."
    )
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
    root_keys: SecretStr | None = Field(
        None,
        description="Wrap every other key: id:base64 of 32 bytes, newest first, separated by commas. "
        "Unset: made for the embedded Postgres.",
    )
    secrets_dir: Path | None = Field(
        None,
        description="Folder where any setting may be a file of its name (mainstay_root_keys). "
        "Unset: /run/secrets, if it is there.",
    )
    database_pool_size: int = Field(10, ge=1, le=200, description="Database connections a process keeps.")

    temporal_address: str | None = Field(
        None, description="host:port of a Temporal frontend. Unset: embedded dev server."
    )
    temporal_namespace: str = Field("default", min_length=1, description="Temporal namespace.")
    temporal_tls: bool = Field(False, description="Speak TLS to Temporal. On by itself with any of the next three.")
    temporal_ca_file: Path | None = Field(None, description="Certificates (PEM) that Temporal's is checked against.")
    temporal_certificate_file: Path | None = Field(
        None, description="Client certificate (PEM) for Temporal; with MAINSTAY_TEMPORAL_KEY_FILE."
    )
    temporal_key_file: Path | None = Field(None, description="Key (PEM) of the client certificate.")
    temporal_api_key: SecretStr | None = Field(None, description="API key for Temporal, as Temporal Cloud's.")
    temporal_ui_url: str | None = Field(None, description="Where operators find the Temporal UI; only printed.")
    encrypt_payloads: bool = Field(True, description="Encrypt what Temporal stores. What is encrypted stays readable.")
    metrics_address: str | None = Field(
        None, description="host:port on which the worker serves Temporal SDK metrics for Prometheus."
    )

    worker_processes: int = Field(1, ge=1, le=64, description="Worker processes that `mainstay up` starts.")
    worker_cached_workflows: int = Field(
        150, ge=0, le=100_000, description="Conversations a worker keeps in memory, about 220 KB each."
    )
    worker_turns: int = Field(
        6, ge=1, le=1000, description="Steps of turns that one worker does at a time; the others wait for their turn."
    )
    worker_llm_slots: int = Field(8, ge=1, le=1000, description="Answers that one worker generates at a time.")
    worker_lanes: int = Field(
        2_000, ge=10, le=100_000, description="Lanes of channels that one worker works at a time; each waits mostly."
    )
    drain_seconds: float = Field(30, ge=0, le=600, description="Grace for running work when a process stops.")

    public_url: str | None = Field(
        None,
        description="Where people reach the gateway, as https://support.example.com. Unset: localhost and the port.",
    )
    https_subdomains: bool = Field(
        False, description="Browsers that came by https insist on it for the host's subdomains too."
    )
    access_token_minutes: int = Field(10, ge=1, le=60, description="How long an access token is valid.")
    session_idle_days: int = Field(14, ge=1, le=365, description="A session that is not refreshed for so long ends.")
    session_days: int = Field(30, ge=1, le=365, description="Every session ends then, and one signs in again.")

    trusted_proxies: str = Field(
        "",
        description="Addresses and networks of proxies whose X-Forwarded-For is believed, separated by commas. "
        "Empty: nobody's.",
    )
    egress_allow: str = Field(
        "",
        description="Networks that tenants' URLs may lead to besides the public internet, separated by commas. "
        "Empty: none.",
    )
    egress_ports: str = Field("443,8443", description="Ports that tenants' URLs may name, separated by commas.")
    rate_limit_sign_in: str = Field("60/minute", description="Sign-in requests of one address, or of one caller.")
    rate_limit_strangers: str = Field("300/minute", description="Requests of one address with unknown credentials.")
    rate_limit_webhook: str = Field("12000/minute", description="Webhook calls of one address.")
    rate_limit_visits: str = Field("120/minute", description="Chats that pages of one address open in the widget.")
    rate_limit_visitor: str = Field(
        "120/minute", description="Requests of one visitor in the widget; an address may make ten times as many."
    )
    rate_limit_visitor_files: str = Field(
        "60/hour", description="Files that visitors of one address send in the widget."
    )
    rate_limit_read: str = Field("30000/minute", description="Reading requests of one caller.")
    rate_limit_write: str = Field("30000/minute", description="Writing requests of one caller.")
    rate_limit_model: str = Field("6000/minute", description="Questions and searches of one caller.")
    rate_limit_bulk: str = Field("60/hour", description="Exports and deletions of one caller.")
    rate_limit_tenant_factor: int = Field(
        4, ge=1, le=1000, description="A tenant may do this many times what one of its callers may."
    )
    concurrent_requests: int = Field(1000, ge=2, le=100_000, description="Requests at work in one gateway process.")
    concurrent_streams: int = Field(10_000, ge=2, le=1_000_000, description="Streams open in one gateway process.")
    concurrent_share: float = Field(0.5, gt=0, le=1, description="Part of them that one tenant may have.")
    request_seconds: float = Field(60, gt=0, le=600, description="Longest time to an answer, without what ?wait adds.")
    body_seconds: float = Field(30, gt=0, le=600, description="Longest time that a request's body may take to arrive.")

    message_max_chars: int = Field(16_000, ge=1, le=100_000, description="Longest customer or manager message.")
    kb_file_mib: int = Field(25, ge=1, le=1000, description="Largest file that is read into knowledge, in MiB.")
    kb_request_mib: int = Field(100, ge=1, le=2000, description="Largest upload of files in one request, in MiB.")
    kb_tenant_mib: int = Field(
        1024, ge=1, le=1_000_000, description="Texts and waiting files that a tenant's knowledge may have, in MiB."
    )
    kb_tenant_chunks: int = Field(
        200_000, ge=1, le=100_000_000, description="Passages that a tenant's knowledge may have."
    )
    crawl_pages: int = Field(2000, ge=1, le=20_000, description="Most pages that one crawl of a site may ask for.")
    crawl_mib: int = Field(200, ge=1, le=10_000, description="Most that one run of a crawl may fetch, in MiB.")
    crawl_page_mib: int = Field(10, ge=1, le=1000, description="Largest page that a crawl fetches, in MiB.")
    crawl_page_seconds: float = Field(20, gt=0, le=300, description="Longest time that one page may take to arrive.")
    crawl_pause_seconds: float = Field(
        0.5, ge=0, le=60, description="Pause between two requests to one host; its robots.txt may ask for more."
    )
    reading_processes: int = Field(2, ge=1, le=64, description="Files that one worker reads at a time.")
    reading_seconds: int = Field(60, ge=1, le=3600, description="Longest time that reading one file may take.")
    reading_memory_mib: int = Field(
        768, ge=256, le=16_384, description="Most memory that reading one file may take, in MiB."
    )
    reading_unpacked_mib: int = Field(200, ge=1, le=10_000, description="What one file may unpack to, in MiB.")
    reading_pages: int = Field(2000, ge=1, le=100_000, description="Pages, sheets or slides that one file may have.")
    reading_max_chars: int = Field(2_000_000, ge=1000, le=50_000_000, description="Longest text of one file.")
    body_max_bytes: int = Field(1_048_576, ge=1024, le=104_857_600, description="Largest request body.")

    telegram_url: str = Field(
        "https://api.telegram.org", description="Where the Bot API is: Telegram's, or a server of your own."
    )
    whatsapp_url: str = Field("https://graph.facebook.com", description="Where Meta's WhatsApp Cloud API is.")
    chatflow_url: str = Field("https://app.chatflow.kz", description="Where ChatFlow's API is.")
    media_mib: int = Field(20, ge=1, le=1000, description="Largest file beside a message, in MiB.")
    media_tenant_mib: int = Field(
        10_240, ge=1, le=100_000_000, description="Files beside messages that a tenant may have, in MiB."
    )
    media_bucket_url: str | None = Field(
        None,
        description="S3 (or what speaks its protocol) for files beside messages, as https://s3.eu-north-1.amazonaws.com. "
        "Unset: they lie in the data directory.",
    )
    media_bucket: str | None = Field(None, description="Bucket there; it must exist, and need not be public.")
    media_bucket_region: str = Field("us-east-1", description="Region that requests to it are signed for.")
    media_bucket_key: str | None = Field(None, description="Access key, which may put, get and delete objects there.")
    media_bucket_secret: SecretStr | None = Field(None, description="Its secret.")

    transcribe_provider: Literal["openai"] | None = Field(
        None, description="Who writes down voice messages; `openai` is any server with its protocol. Unset: nobody."
    )
    transcribe_model: str = Field("whisper-1", description="Model name at the transcriber.")
    transcribe_url: str | None = Field(None, description="Base URL of the transcriber; /audio/transcriptions is added.")
    transcribe_api_key: SecretStr | None = Field(None, description="Key of the transcriber, if it wants one.")
    transcribe_price: float = Field(
        0, ge=0, description="What a minute of sound costs there, in the currency of the models' prices."
    )
    transcribe_seconds: float = Field(30, gt=0, le=300, description="Time that writing down one message may take.")

    mail_url: SecretStr | None = Field(
        None, description="Mail server, as smtp://user:password@host:587. Unset: mails are files in the data directory."
    )
    mail_from: str = Field("Mainstay <mainstay@localhost>", description="Whom mails come from, as `Name <address>`.")

    password_memory_mib: int = Field(64, ge=8, le=1024, description="Memory that hashing one password takes, in MiB.")
    password_passes: int = Field(3, ge=1, le=20, description="How often hashing a password goes through that memory.")
    password_hash_slots: int = Field(2, ge=1, le=64, description="Passwords that one gateway hashes at a time.")
    breached_passwords_file: Path | None = Field(
        None, description="Passwords nobody may take: SHA-1 hashes in order, one HASH:COUNT a line. Unset: common ones."
    )

    embedding_provider: Literal["embedded", "ollama", "openai", "tei"] = Field(
        "embedded", description="Where texts become vectors; `embedded` needs nothing."
    )
    embedding_model: str = Field("multilingual-e5-small", description="Model name at the embedding provider.")
    embedding_url: str | None = Field(None, description="Base URL of the embedding provider.")
    embedding_api_key: SecretStr | None = Field(None, description="Key of the embedding provider, if it wants one.")
    embedding_dimension: int = Field(384, ge=1, le=4000, description="Length of the model's vectors.")
    embedding_next_provider: Literal["embedded", "ollama", "openai", "tei"] | None = Field(
        None, description="A second embedding provider, to which re-indexing moves knowledge. Unset: none."
    )
    embedding_next_model: str = Field("multilingual-e5-small", description="Model name there.")
    embedding_next_url: str | None = Field(None, description="Base URL of the second embedding provider.")
    embedding_next_api_key: SecretStr | None = Field(None, description="Its key, if it wants one.")
    embedding_next_dimension: int = Field(384, ge=1, le=4000, description="Length of its model's vectors.")

    rerank_provider: Literal["tei", "cohere"] | None = Field(
        None, description="Who orders found passages anew; `cohere` is any server with its /rerank. Unset: nobody."
    )
    rerank_model: str = Field("", description="Model name at the reranker; `tei` serves the one it was started with.")
    rerank_url: str | None = Field(None, description="Base URL of the reranker; /rerank is added.")
    rerank_api_key: SecretStr | None = Field(None, description="Key of the reranker, if it wants one.")
    rerank_seconds: float = Field(
        1, gt=0, le=30, description="Time that the reranker has; then the order found stands."
    )

    llm_provider: Literal["extractive", "ollama", "openai"] = Field(
        "extractive", description="Who writes answers; `extractive` quotes the best passage and needs no model."
    )
    llm_model: str | None = Field(None, description="Model name; required unless extractive.")
    llm_url: str | None = Field(None, description="Base URL; required unless extractive.")
    llm_api_key: SecretStr | None = Field(None, description="Key of the model server, if it wants one.")
    models_file: Path | None = Field(
        None, description="YAML file of endpoints and routes of models, in place of MAINSTAY_LLM_*. Unset: those."
    )
    llm_understands: bool = Field(
        False, description="Let the model classify intents too (structured output), examples as fallback."
    )
    llm_rewrites: bool = Field(
        False, description="Let the model complete follow-up questions before they are searched, words as fallback."
    )
    llm_turn_seconds: float = Field(
        30, gt=0, le=600, description="Time the model has for one answer, retries included."
    )
    llm_stall_seconds: float = Field(10, gt=0, le=120, description="Longest pause between two tokens.")

    reconcile_seconds: int = Field(15, ge=1, le=3600, description="How often unaccepted messages are looked for.")
    retention_hour: int = Field(
        3, ge=0, le=23, description="Hour of the day (UTC) at which old conversations are erased."
    )

    @property
    def origin(self) -> str:
        """The gateway's own origin, as browsers name it."""
        return self.public_url or f"http://localhost:{self.port}"

    @field_validator("public_url")
    @classmethod
    def _origin(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://[A-Za-z0-9.\-\[\]:]+/?", value):
            raise ValueError("must be a scheme and a host, as https://support.example.com, without a path")
        return None if value is None else value.rstrip("/").lower()

    @field_validator("root_keys")
    @classmethod
    def _given(cls, value: SecretStr | None) -> SecretStr | None:
        return value if value is not None and value.get_secret_value().strip() else None

    @field_validator("mail_url")
    @classmethod
    def _mail_server(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value():
            return None
        if not re.fullmatch(
            r"smtps?://([^@/\s]+@)?(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?/?", value.get_secret_value()
        ):
            raise ValueError("must be like smtp://user:password@host:587 (STARTTLS) or smtps://user:password@host:465")
        return value

    @field_validator("mail_from")
    @classmethod
    def _sender(cls, value: str) -> str:
        if not value.isprintable() or not re.fullmatch(
            r"[^<>@]*<[^<>@\s]+@[A-Za-z0-9.-]+>|[^<>@\s]+@[A-Za-z0-9.-]+", value
        ):
            raise ValueError("must be like Support <support@example.com>")
        return value

    @field_validator("egress_ports")
    @classmethod
    def _ports(cls, value: str) -> str:
        if not re.fullmatch(r"\d{1,5}(\s*,\s*\d{1,5})*", value):
            raise ValueError("must be numbers separated by commas, as 443,8443")
        return value

    @field_validator("trusted_proxies", "egress_allow")
    @classmethod
    def _networks(cls, value: str) -> str:
        for part in filter(None, map(str.strip, value.split(","))):
            ip_network(part)
        return value

    @field_validator(
        "rate_limit_sign_in",
        "rate_limit_strangers",
        "rate_limit_webhook",
        "rate_limit_visits",
        "rate_limit_visitor",
        "rate_limit_visitor_files",
        "rate_limit_read",
        "rate_limit_write",
        "rate_limit_model",
        "rate_limit_bulk",
    )
    @classmethod
    def _rate(cls, value: str) -> str:
        if not re.fullmatch(r"[1-9]\d{0,8}/(second|minute|hour|day)", value):
            raise ValueError("must be a number per second, minute, hour or day, as 60/minute")
        return value

    @field_validator(
        "llm_url",
        "embedding_url",
        "embedding_next_url",
        "rerank_url",
        "media_bucket_url",
        "transcribe_url",
        "telegram_url",
        "whatsapp_url",
        "chatflow_url",
    )
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
        if (self.temporal_certificate_file is None) != (self.temporal_key_file is None):
            raise SettingsError(f"{PREFIX}TEMPORAL_CERTIFICATE_FILE and {PREFIX}TEMPORAL_KEY_FILE go together")
        if self.embedding_provider != "embedded" and not self.embedding_url:
            raise SettingsError(f"{PREFIX}EMBEDDING_URL is required when {PREFIX}EMBEDDING_PROVIDER is not embedded")
        if self.embedding_next_provider not in (None, "embedded") and not self.embedding_next_url:
            raise SettingsError(
                f"{PREFIX}EMBEDDING_NEXT_URL is required when {PREFIX}EMBEDDING_NEXT_PROVIDER is not embedded"
            )
        if self.rerank_provider is not None and not self.rerank_url:
            raise SettingsError(f"{PREFIX}RERANK_URL is required when {PREFIX}RERANK_PROVIDER is set")
        self._media()
        if self.llm_understands and self.llm_provider == "extractive" and self.models_file is None:
            raise SettingsError(f"{PREFIX}LLM_UNDERSTANDS needs a model: set {PREFIX}LLM_PROVIDER")
        if self.llm_rewrites and self.llm_provider == "extractive" and self.models_file is None:
            raise SettingsError(f"{PREFIX}LLM_REWRITES needs a model: set {PREFIX}LLM_PROVIDER")

    def _media(self) -> None:
        if self.transcribe_provider is not None and not self.transcribe_url:
            raise SettingsError(f"{PREFIX}TRANSCRIBE_URL is required when {PREFIX}TRANSCRIBE_PROVIDER is set")
        if self.media_bucket_url is not None:
            for name in ("media_bucket", "media_bucket_key", "media_bucket_secret"):
                if not getattr(self, name):
                    raise SettingsError(f"{PREFIX}{name.upper()} is required when {PREFIX}MEDIA_BUCKET_URL is set")


def load(**overrides: object) -> Settings:
    """Read the environment, `.env` and the folder of secrets, the first that has a setting decides.

    Raises SettingsError naming every wrong variable.
    """
    chosen = os.environ.get(f"{PREFIX}SECRETS_DIR")
    folder = Path(chosen) if chosen else USUAL_SECRETS_DIR
    if chosen and not folder.is_dir():
        raise SettingsError(f"{PREFIX}SECRETS_DIR: there is no such folder")
    if folder.is_dir():
        overrides["_secrets_dir"] = folder
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # overrides are validated like the environment
    except ValidationError as error:
        # The input itself is left out: it may be a secret.
        lines = [f"{PREFIX}{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()]
        raise SettingsError("; ".join(lines)) from None
