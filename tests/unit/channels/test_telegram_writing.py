"""Requests to the Bot API: each fits its published schema. And what its refusals mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.channels.port import AccountError, MovedError, RefusedError, TryLaterError, UnclearError
from activities.channels.telegram import writing
from activities.channels.telegram.errors import failure
from models.contracts.channels import Button, Chat, ChatKind, ContactCard, Media, MediaKind, Part, Place
from tests.fakes.schemas import complaint

CHAT = Chat(id="5000001")
TOPIC = Chat(id="-1001234567890", kind=ChatKind.GROUP, topic="7")
BUTTONS = ((Button(text="Беру", data="take:1"), Button(text="No", data="skip:1")), (Button(text="End", data="end"),))


def media(kind: MediaKind, mime: str, size: int = 1_000) -> Media:
    return Media(kind=kind, key="t/1", name="счёт.pdf", mime=mime, size=size)


def fits(call: writing.Request) -> bool:
    sent = call.fields if call.name is None else {**call.fields, call.name: "attach://file"}
    return complaint("telegram-bot-api.jsonschema.json", ("x-method-requests", call.method), sent) is None


PHOTO = media(MediaKind.IMAGE, "image/jpeg")
PLACE = Place(latitude=43.2, longitude=76.9)
CARD = ContactCard(name="Айда", phones=("+7701", "+7702"))


@pytest.mark.parametrize(
    ("part", "method"),
    [
        (Part(text="<b>hi</b>"), "sendMessage"),
        (Part(text="hi", buttons=BUTTONS, reply_to="42"), "sendMessage"),
        (Part(text="below", media=PHOTO, buttons=BUTTONS), "sendPhoto"),
        (Part(media=media(MediaKind.IMAGE, "image/gif")), "sendDocument"),
        (Part(media=media(MediaKind.IMAGE, "image/png", writing.LARGEST_PHOTO + 1)), "sendDocument"),
        (Part(media=media(MediaKind.VOICE, "audio/ogg; codecs=opus")), "sendVoice"),
        (Part(media=media(MediaKind.VOICE, "audio/wav")), "sendDocument"),
        (Part(media=media(MediaKind.AUDIO, "audio/mpeg")), "sendAudio"),
        (Part(media=media(MediaKind.VIDEO, "video/mp4")), "sendVideo"),
        (Part(media=media(MediaKind.DOCUMENT, "application/pdf")), "sendDocument"),
        (Part(text="unseen", media=media(MediaKind.STICKER, "image/webp")), "sendSticker"),
        (Part(place=PLACE), "sendLocation"),
        (Part(place=PLACE.model_copy(update={"title": "Кафе"})), "sendVenue"),
        (Part(contact=CARD), "sendContact"),
    ],
)
def test_each_part_is_one_request_that_fits_the_schema(part: Part, method: str) -> None:
    call = writing.request(TOPIC, part)
    assert call.method == method
    assert fits(call)
    assert (call.fields["chat_id"], call.fields["message_thread_id"]) == (-1_001_234_567_890, 7)
    assert ("reply_markup" in call.fields, "reply_parameters" in call.fields) == (
        bool(part.buttons),
        bool(part.reply_to),
    )


@pytest.mark.parametrize(
    ("part", "method"),
    [
        (Part(text="new", buttons=BUTTONS), "editMessageText"),
        (Part(text="new", media=PHOTO), "editMessageCaption"),
        (Part(buttons=BUTTONS), "editMessageReplyMarkup"),
        (Part(), "editMessageReplyMarkup"),
    ],
)
def test_changes_fit_the_schema(part: Part, method: str) -> None:
    call = writing.edited(CHAT, "42", part)
    assert call.method == method
    assert fits(call)


@pytest.mark.parametrize(
    ("chat", "part", "code"),
    [
        (CHAT, Part(), "empty"),
        (CHAT, Part(contact=ContactCard(name="Айда")), "no_number"),
        (CHAT, Part(media=media(MediaKind.VIDEO, "video/mp4", writing.LARGEST_FILE + 1)), "too_large"),
        (Chat(id="@shop"), Part(text="hi"), "bad_name"),
    ],
)
def test_what_telegram_would_not_take_is_refused_here(chat: Chat, part: Part, code: str) -> None:
    with pytest.raises(RefusedError) as refused:
        writing.request(chat, part)
    assert refused.value.code == code


def test_markup_that_is_not_understood_goes_as_plain_text() -> None:
    call = writing.request(CHAT, Part(text='<b>a</b> &lt;<a href="https://x.kz">t</a>'))
    plain = writing.unmarked(call)
    assert (plain.fields["text"], "parse_mode" in plain.fields) == ("a <t", False)
    assert fits(plain)


@pytest.mark.parametrize(
    ("status", "said", "code", "unreachable"),
    [
        (403, "Forbidden: bot was blocked by the user", "blocked", True),
        (403, "Forbidden: user is deactivated", "deactivated", True),
        (403, "Forbidden: bot was kicked from the supergroup chat", "removed", True),
        (403, "Forbidden: bot is not a member of the supergroup chat", "removed", True),
        (403, "Forbidden: bot can't initiate conversation with a user", "never_wrote", True),
        (403, "Forbidden: something of tomorrow", "forbidden", True),
        (400, "Bad Request: chat not found", "chat_not_found", True),
        (400, "Bad Request: message is not modified: specified new message content", "not_modified", False),
        (400, "Bad Request: message thread not found", "topic_gone", False),
        (400, "Bad Request: TOPIC_DELETED", "topic_gone", False),
        (400, "Bad Request: TOPIC_CLOSED", "topic_closed", False),
        (400, "Bad Request: not enough rights to send text messages to the chat", "no_rights", False),
        (400, "Bad Request: can't parse entities: Unsupported start tag", "bad_markup", False),
        (400, "Bad Request: PHOTO_INVALID_DIMENSIONS", "photo_refused", False),
        (400, "Bad Request: message to edit not found", "message_gone", False),
        (400, "Bad Request: query is too old and response timeout expired", "too_late", False),
        (413, "", "too_large", False),
        (400, "Bad Request: they said +7 701 000 00 00", "bad_request", False),
    ],
)
def test_refusals_have_words_of_ours(status: int, said: str, code: str, unreachable: bool) -> None:
    error = failure(status, {"ok": False, "description": said}, group=False, acts=True)
    assert isinstance(error, RefusedError)
    assert (error.code, error.unreachable) == (code, unreachable)


def test_what_is_not_the_messages_fault() -> None:
    def of(status: int, description: str | None = "", *, group: bool = False, **parameters: int) -> Exception:
        answer = None if description is None else {"description": description, "parameters": parameters}
        return failure(status, answer, group=group, acts=True)

    slow_down, in_group = of(429, retry_after=7), of(429, group=True, retry_after=7)
    assert isinstance(slow_down, TryLaterError)
    assert isinstance(in_group, TryLaterError)
    assert (slow_down.after, slow_down.chat, in_group.chat) == (7, False, True)
    assert isinstance(of(502), TryLaterError)
    assert isinstance(of(504), UnclearError)
    # A proxy's own refusal says nothing of the chat.
    assert isinstance(of(403, None), TryLaterError)
    assert isinstance(of(401, "Unauthorized"), AccountError)
    assert isinstance(of(404, "Not Found"), AccountError)
    assert isinstance(of(409, "Conflict: can't use getUpdates method while webhook is active"), AccountError)
    assert isinstance(of(409, "Conflict: terminated by other getUpdates request"), TryLaterError)
    moved = of(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=-100)
    assert isinstance(moved, MovedError)
    assert moved.to == "-100"


@given(st.integers(400, 599), st.none() | st.dictionaries(st.sampled_from(["description", "parameters"]), st.text()))
def test_no_answer_is_without_a_meaning(status: int, answer: dict[str, str] | None) -> None:
    assert failure(status, answer, group=False, acts=True).code
