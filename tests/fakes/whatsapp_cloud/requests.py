"""What the Cloud API takes as a message, beside what its published schema says."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from tests.fakes.faults import Json
from tests.fakes.schemas import complaint

SCHEMA = "whatsapp-cloud.jsonschema.json"


class GraphError(Exception):
    """What the Graph API answers to what it does not do."""

    def __init__(self, status: int, code: int, message: str, details: str = "", kind: str = "OAuthException") -> None:
        super().__init__(message)
        self.status = status
        self.details = details or message
        self.body: Json = {
            "error": {
                "message": f"(#{code}) {message}",
                "type": kind,
                "code": code,
                "error_data": {"messaging_product": "whatsapp", "details": self.details},
                "fbtrace_id": "AbCdEf",
            }
        }


class WrongRequestError(GraphError):
    """It is no request of the API at all."""

    def __init__(self, details: str) -> None:
        super().__init__(400, 100, "Invalid parameter", details)


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _no_nulls(cls, fields: Any) -> Any:
        empty = [name for name, value in fields.items() if value is None] if isinstance(fields, dict) else []
        if empty:
            raise ValueError(f"{empty[0]} is null")
        return fields


Word = Annotated[str, Field(min_length=1)]
Caption = Annotated[str, Field(max_length=1_024)]


class Context(Strict):
    message_id: Word


class Text(Strict):
    body: Annotated[str, Field(min_length=1, max_length=4_096)]
    preview_url: bool = False


class File(Strict):
    """Uploaded before (`id`), or where the API fetches it (`link`)."""

    id: str = ""
    link: Annotated[str, Field(pattern=r"^https?://")] = ""

    @model_validator(mode="after")
    def _one_source(self) -> "File":
        if bool(self.id) == bool(self.link):
            raise ValueError("either an id or a link")
        return self


class Audio(File):
    voice: bool = False


class Picture(File):
    caption: Caption = ""


class Document(Picture):
    filename: Annotated[str, Field(max_length=240)] = ""


class Location(Strict):
    """The published schema wants the degrees as strings."""

    latitude: float | str
    longitude: float | str
    name: str = ""
    address: str = ""


class Name(Strict):
    formatted_name: Word
    first_name: str = ""
    last_name: str = ""


class Phone(Strict):
    phone: Word
    type: str = ""
    wa_id: str = ""


class Contact(Strict):
    name: Name
    phones: list[Phone] = []


class Reply(Strict):
    id: Annotated[str, Field(min_length=1, max_length=256)]
    title: Annotated[str, Field(min_length=1, max_length=20)]


class ReplyButton(Strict):
    type: Literal["reply"]
    reply: Reply


class Buttons(Strict):
    buttons: Annotated[list[ReplyButton], Field(min_length=1, max_length=3)]


class Row(Strict):
    id: Annotated[str, Field(min_length=1, max_length=200)]
    title: Annotated[str, Field(min_length=1, max_length=24)]
    description: Annotated[str, Field(max_length=72)] = ""


class Section(Strict):
    title: Annotated[str, Field(max_length=24)] = ""
    rows: Annotated[list[Row], Field(min_length=1, max_length=10)]


class Choice(Strict):
    button: Annotated[str, Field(min_length=1, max_length=20)]
    sections: Annotated[list[Section], Field(min_length=1, max_length=10)]


class Body(Strict):
    text: Annotated[str, Field(min_length=1, max_length=1_024)]


class Line(Strict):
    text: Annotated[str, Field(min_length=1, max_length=60)]


class Header(Strict):
    type: Literal["text", "image", "video", "document"]
    text: Annotated[str, Field(max_length=60)] = ""
    image: Picture | None = None
    video: Picture | None = None
    document: Document | None = None


class Interactive(Strict):
    type: Literal["button", "list"]
    header: Header | None = None
    body: Body
    footer: Line | None = None
    action: Buttons | Choice

    @model_validator(mode="after")
    def _distinct(self) -> "Interactive":
        if isinstance(self.action, Buttons) != (self.type == "button"):
            raise ValueError(f"action is not one of a {self.type}")
        choices: list[Reply] | list[Row] = (
            [button.reply for button in self.action.buttons]
            if isinstance(self.action, Buttons)
            else [row for section in self.action.sections for row in section.rows]
        )
        if len({choice.id for choice in choices}) < len(choices) or len(choices) > 10:
            raise ValueError("ids of buttons and rows must differ, and be ten at most")
        return self


class Language(Strict):
    code: Word
    policy: Literal["deterministic"] = "deterministic"


class Component(Strict):
    type: Literal["header", "body", "button"]
    sub_type: Literal["quick_reply", "url"] = "quick_reply"
    index: str = ""
    parameters: list[Json] = []


class Template(Strict):
    name: Word
    language: Language
    components: list[Component] = []

    @property
    def parameters(self) -> int:
        """How many words are put into its body."""
        return sum(len(component.parameters) for component in self.components if component.type == "body")


class Message(Strict):
    messaging_product: Literal["whatsapp"]
    recipient_type: Literal["individual"] = "individual"
    to: Annotated[str, Field(pattern=r"^\+?[0-9]{5,20}$")]
    type: Literal[
        "text", "image", "document", "audio", "video", "sticker", "template", "interactive", "location", "contacts"
    ]
    context: Context | None = None
    text: Text | None = None
    image: Picture | None = None
    document: Document | None = None
    audio: Audio | None = None
    video: Picture | None = None
    sticker: File | None = None
    template: Template | None = None
    interactive: Interactive | None = None
    location: Location | None = None
    contacts: Annotated[list[Contact] | None, Field(min_length=1, max_length=5)] = None

    @model_validator(mode="after")
    def _has_what_it_names(self) -> "Message":
        given = self.model_fields_set - {"messaging_product", "recipient_type", "to", "type", "context"}
        if given != {self.type}:
            raise ValueError(f"a {self.type} has exactly the field {self.type}")
        return self

    @property
    def file(self) -> File | None:
        content = getattr(self, self.type)
        return content if isinstance(content, File) else None

    @property
    def said(self) -> str:
        """What a reader sees of it."""
        if self.text is not None:
            return self.text.body
        if self.interactive is not None:
            return self.interactive.body.text
        return str(getattr(self.file, "caption", ""))

    @property
    def buttons(self) -> dict[str, str]:
        """What buttons and rows say, and the ids that they send."""
        if self.interactive is None:
            return {}
        action = self.interactive.action
        if isinstance(action, Buttons):
            return {button.reply.title: button.reply.id for button in action.buttons}
        return {row.title: row.id for section in action.sections for row in section.rows}


class Typing(Strict):
    type: Literal["text"]


class Read(Strict):
    """Marks a message as read, and may show that an answer is being written."""

    messaging_product: Literal["whatsapp"]
    status: Literal["read"]
    message_id: Word
    typing_indicator: Typing | None = None


_MESSAGE, _READ = TypeAdapter(Message), TypeAdapter(Read)


def judged(fields: Json) -> Message | Read:
    """The request, if it is one. Raises WrongRequestError."""
    model: TypeAdapter[Message] | TypeAdapter[Read] = _READ if "status" in fields else _MESSAGE
    try:
        request = model.validate_python(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise WrongRequestError(f"{'.'.join(str(step) for step in first['loc'])}: {first['msg']}") from None
    complained = complaint(SCHEMA, ("x-roots", "send"), fields)
    if complained is not None:
        raise WrongRequestError(complained)
    return request
