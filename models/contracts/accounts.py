"""What a channel account of a provider is set up with: settings that anybody may see, and credentials that are sealed."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    SecretStr,
    StrictBool,
    StrictInt,
    StringConstraints,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue

from models.contracts.channels import Provider
from models.contracts.settings import Origin, Strict

Receive = Literal["webhook", "poll"]
"""Whether the provider tells us of news, at an address that it must be able to reach, or is asked for them."""


@dataclass(frozen=True)
class _Fits:
    """A text that the whole pattern matches, or an error that says what it must be. The schema has the pattern."""

    pattern: str
    must: str

    def check(self, value: str) -> str:
        if not re.fullmatch(self.pattern, value):
            raise ValueError(self.must)
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        return AfterValidator(self.check).__get_pydantic_core_schema__(source, handler)

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(schema) | {"pattern": f"^{self.pattern}$"}


Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
MAILBOX = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*"
"""An address in ASCII, without quotes and comments: fit for headers and commands as it is."""
Host = Annotated[
    str,
    StringConstraints(strip_whitespace=True),
    _Fits(r"[A-Za-z0-9.-]{1,253}", "must be the name of a server, as mail.shop.example"),
]


def _bot_token(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[0-9]{1,20}:[A-Za-z0-9_-]{20,100}", value.get_secret_value()):
        raise ValueError("must be a token as BotFather gives it: 123456:ABC…")
    return value


class TelegramSettings(Strict):
    """`customers` false: the bot only serves a desk of managers. `bot_id` and `username` are what the provider calls it;
    they are found out when it is added."""

    receive: Receive = "poll"
    customers: StrictBool = True
    bot_id: StrictInt | None = None
    username: Annotated[str, StringConstraints(max_length=64)] | None = None


class TelegramCredentials(Strict):
    token: Annotated[SecretStr, AfterValidator(_bot_token)] = Field(description="As BotFather gives it: 123456:ABC…")


TemplateParameter = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[^\r\n\t]+$", max_length=200)]
"""Meta refuses breaks of lines in it."""


class CloudSettings(Strict):
    """A number of Meta's WhatsApp Cloud API. `template` is sent where the window for free words is closed; its
    `template_parameters` are what stands in its body for {{1}}, {{2}}, …"""

    phone_number_id: Annotated[str, _Fits(r"[0-9]{5,30}", "must be Meta's id of the number, 5 to 30 digits")]
    template: (
        Annotated[str, _Fits(r"[a-z0-9_]{1,512}", "must be a name of a-z, 0-9 and _, as Meta shows it")] | None
    ) = None
    template_language: Annotated[str, _Fits(r"[A-Za-z_]{2,10}", "must be a code of Meta's, as en or pt_BR")] = "en"
    template_parameters: Annotated[tuple[TemplateParameter, ...], Field(max_length=10)] = ()


class CloudCredentials(Strict):
    """`app_secret` signs what Meta delivers; `verify_token` is what it shows when the webhook is set up."""

    access_token: SecretStr
    app_secret: SecretStr
    verify_token: SecretStr


class ChatflowSettings(Strict):
    instance_id: Word


class ChatflowCredentials(Strict):
    """`token` goes into the addresses of requests, which must therefore never be logged. ChatFlow signs nothing: what
    it delivers is proved by a secret in the address it delivers to, which we make."""

    token: SecretStr


Security = Literal["tls", "starttls", "none"]
"""`none` only reaches hosts in the networks that the operator permits: a password goes there."""
Port = Annotated[StrictInt, Field(ge=1, le=65_535)]


class EmailSettings(Strict):
    """A mailbox. `receive` poll asks by IMAP; webhook takes what a mail provider posts, and needs no `imap_host`.

    `username` is the address where it is not given, `sender_name` what people see before the address. `signature` is
    plain text.
    """

    address: Annotated[
        str,
        StringConstraints(strip_whitespace=True, max_length=254),
        _Fits(MAILBOX, "must be an address, as help@shop.example"),
    ]
    receive: Receive = "poll"
    smtp_host: Host
    smtp_port: Port = 465
    smtp_security: Security = "tls"
    imap_host: Host | None = None
    imap_port: Port = 993
    imap_security: Security = "tls"
    folder: Annotated[str, StringConstraints(pattern=r"^[ -~]{1,200}$")] = "INBOX"
    username: Word | None = None
    sender_name: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)] = ""
    signature: Annotated[str, StringConstraints(max_length=2_000)] = ""

    @model_validator(mode="after")
    def _asks_somewhere(self) -> "EmailSettings":
        if self.receive == "poll" and self.imap_host is None:
            raise ValueError("imap_host is required when receive is poll")
        return self

    @property
    def user(self) -> str:
        return self.username or self.address


class EmailCredentials(Strict):
    """Of SMTP and IMAP alike. Large providers want a password made for one program (app password)."""

    password: Annotated[SecretStr, Field(min_length=1, max_length=500)]


class WebSettings(Strict):
    """A site with the widget. Pages of other origins may not open it."""

    origins: tuple[Origin, ...] = ()
    title: Annotated[str, StringConstraints(max_length=80)] = ""
    color: Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$")] = "#2457d6"
    files: StrictBool = True
    """Whether visitors may send files."""


class ApiSettings(Strict):
    """Nothing: the other side signs what it delivers."""


AccountSettings = ApiSettings | WebSettings | TelegramSettings | CloudSettings | ChatflowSettings | EmailSettings
AccountCredentials = TelegramCredentials | CloudCredentials | ChatflowCredentials | EmailCredentials

SETTINGS: dict[Provider, type[AccountSettings]] = {
    Provider.API: ApiSettings,
    Provider.WEB: WebSettings,
    Provider.TELEGRAM: TelegramSettings,
    Provider.WHATSAPP_CLOUD: CloudSettings,
    Provider.CHATFLOW: ChatflowSettings,
    Provider.EMAIL: EmailSettings,
}

CREDENTIALS: dict[Provider, type[AccountCredentials]] = {
    Provider.TELEGRAM: TelegramCredentials,
    Provider.WHATSAPP_CLOUD: CloudCredentials,
    Provider.CHATFLOW: ChatflowCredentials,
    Provider.EMAIL: EmailCredentials,
}
