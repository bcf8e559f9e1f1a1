"""What the Bot API takes, method by method. What is not named here, it refuses; the published schema is asked as well."""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from tests.fakes.faults import Json
from tests.fakes.schemas import complaint
from tests.fakes.telegram.world import RefusalError

SCHEMA = "telegram-bot-api.jsonschema.json"


def _decoded(value: object) -> object:
    """In a form, objects and arrays come as JSON in a string."""
    return json.loads(value) if isinstance(value, str) else value


def _chat(value: object) -> object:
    return int(value) if isinstance(value, str) and value.lstrip("-").isdigit() else value


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _no_nulls(cls, fields: Any) -> Any:
        empty = [name for name, value in fields.items() if value is None] if isinstance(fields, dict) else []
        if empty:
            raise ValueError(f"{empty[0]} is null")
        return fields


class Button(Strict):
    text: str
    callback_data: str | None = None
    url: str | None = None


class Keyboard(Strict):
    inline_keyboard: list[list[Button]]


class Reply(Strict):
    message_id: int
    allow_sending_without_reply: bool = False
    quote: str = ""


class Preview(Strict):
    is_disabled: bool = False
    url: str = ""
    prefer_small_media: bool = False


class Command(Strict):
    command: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,32}$")]
    description: Annotated[str, Field(min_length=1, max_length=256)]


ChatId = Annotated[int | str, BeforeValidator(_chat)]
Markup = Annotated[Keyboard | None, BeforeValidator(_decoded)]
Entities = Annotated[list[Json], BeforeValidator(_decoded)]


class Empty(Strict):
    pass


class InChat(Strict):
    chat_id: ChatId


class InTopic(InChat):
    message_thread_id: int


class OnMessage(InChat):
    message_id: int


class Sending(InChat):
    message_thread_id: int = 0
    disable_notification: bool = False
    protect_content: bool = False
    reply_parameters: Annotated[Reply | None, BeforeValidator(_decoded)] = None
    reply_markup: Markup = None


class SendMessage(Sending):
    text: str
    parse_mode: str = ""
    entities: Entities = []
    link_preview_options: Annotated[Preview, BeforeValidator(_decoded)] = Preview()


class Caption(Strict):
    caption: str = ""
    parse_mode: str = ""
    caption_entities: Entities = []
    show_caption_above_media: bool = False


class SendingFile(Sending, Caption):
    pass


class SendPhoto(SendingFile):
    photo: str
    has_spoiler: bool = False


class SendDocument(SendingFile):
    document: str
    thumbnail: str = ""
    disable_content_type_detection: bool = False


class SendVoice(SendingFile):
    voice: str
    duration: int = 0


class SendAudio(SendingFile):
    audio: str
    duration: int = 0
    performer: str = ""
    title: str = ""


class SendVideo(SendingFile):
    video: str
    duration: int = 0
    width: int = 0
    height: int = 0
    supports_streaming: bool = False


class SendAnimation(SendingFile):
    animation: str


class SendSticker(Sending):
    sticker: str
    emoji: str = ""


class SendLocation(Sending):
    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]


class SendVenue(SendLocation):
    title: str
    address: str


class SendContact(Sending):
    phone_number: str
    first_name: str
    last_name: str = ""
    vcard: str = ""


class InputMedia(Caption):
    type: Literal["photo", "video", "document", "audio"]
    media: str


class SendMediaGroup(Sending):
    media: Annotated[list[InputMedia], BeforeValidator(_decoded)]


class SendChatAction(InChat):
    action: Literal[
        "typing", "upload_photo", "record_video", "upload_video", "record_voice", "upload_voice", "upload_document",
        "choose_sticker", "find_location", "record_video_note", "upload_video_note",
    ]  # fmt: skip
    message_thread_id: int = 0


class ForwardMessage(InChat):
    from_chat_id: ChatId
    message_id: int
    message_thread_id: int = 0
    disable_notification: bool = False
    protect_content: bool = False


class CopyMessage(Sending, Caption):
    """Without a caption it keeps the one it has."""

    from_chat_id: ChatId
    message_id: int


class EditMessageText(OnMessage):
    text: str
    parse_mode: str = ""
    entities: Entities = []
    link_preview_options: Annotated[Preview, BeforeValidator(_decoded)] = Preview()
    reply_markup: Markup = None


class EditMessageCaption(OnMessage, Caption):
    reply_markup: Markup = None


class EditMarkup(OnMessage):
    reply_markup: Markup = None


class PinChatMessage(OnMessage):
    disable_notification: bool = False


class AnswerCallbackQuery(Strict):
    callback_query_id: str
    text: Annotated[str, Field(max_length=200)] = ""
    show_alert: bool = False
    url: str = ""
    cache_time: int = 0


class GetUpdates(Strict):
    offset: int = 0
    limit: Annotated[int, Field(ge=1, le=100)] = 100
    timeout: Annotated[int, Field(ge=0, le=50)] = 0
    allowed_updates: Annotated[list[str] | None, BeforeValidator(_decoded)] = None


class SetWebhook(Strict):
    url: str
    secret_token: str = ""
    max_connections: Annotated[int, Field(ge=1, le=100)] = 40
    allowed_updates: Annotated[list[str] | None, BeforeValidator(_decoded)] = None
    drop_pending_updates: bool = False


class DeleteWebhook(Strict):
    drop_pending_updates: bool = False


class CreateForumTopic(InChat):
    name: Annotated[str, Field(min_length=1, max_length=128)]
    icon_color: Literal[7322096, 16766590, 13338331, 9367192, 16749490, 16478047] = 7322096


class EditForumTopic(InTopic):
    name: Annotated[str, Field(max_length=128)] = ""


class GetChatMember(InChat):
    user_id: int


class GetFile(Strict):
    file_id: str


class SetMyCommands(Strict):
    commands: Annotated[list[Command], BeforeValidator(_decoded), Field(max_length=100)]
    language_code: Annotated[str, Field(pattern=r"^([a-z]{2})?$")] = ""
    scope: Annotated[Json, BeforeValidator(_decoded)] = {}


METHODS: dict[str, type[Strict]] = {
    "getMe": Empty,
    "getWebhookInfo": Empty,
    "getChat": InChat,
    "leaveChat": InChat,
    "deleteMessage": OnMessage,
    "unpinChatMessage": OnMessage,
    "editMessageReplyMarkup": EditMarkup,
    "closeForumTopic": InTopic,
    "reopenForumTopic": InTopic,
    "deleteForumTopic": InTopic,
    **{
        f"{model.__name__[0].lower()}{model.__name__[1:]}": model
        for model in (
            SendMessage, SendPhoto, SendDocument, SendVoice, SendAudio, SendVideo, SendAnimation, SendSticker,
            SendLocation, SendVenue, SendContact, SendMediaGroup, SendChatAction, ForwardMessage, CopyMessage,
            EditMessageText, EditMessageCaption, PinChatMessage, AnswerCallbackQuery,
            GetUpdates, SetWebhook, DeleteWebhook, CreateForumTopic, EditForumTopic, GetChatMember, GetFile,
            SetMyCommands,
        )
    },
}  # fmt: skip


class WrongRequestError(RefusalError):
    """It is no request of the Bot API at all."""


def judged(method: str, fields: Json) -> Strict:
    """The request, if it is one. Raises RefusalError, the real words where Telegram's are known."""
    try:
        request = METHODS[method].model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(step) for step in first["loc"] if not isinstance(step, int))
        known = {("text", "missing"): "message text is empty", ("chat_id", "missing"): "chat_id is empty"}
        why = known.get((field, first["type"]), f"{field or 'request'}: {first['msg']}")
        raise WrongRequestError(400, f"Bad Request: {why}") from None
    except json.JSONDecodeError:
        raise WrongRequestError(400, "Bad Request: can't parse JSON object") from None
    # What came in a form is compared as what it stands for.
    complained = complaint(SCHEMA, ("x-method-requests", method), request.model_dump(mode="json", exclude_unset=True))
    if complained is not None:
        raise WrongRequestError(400, f"Bad Request: {complained}")
    return request
