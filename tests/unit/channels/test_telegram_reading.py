"""Updates of the Bot API, as Telegram documents them and as nobody would send them."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.channels.telegram.addressing import addressed
from activities.channels.telegram.reading import FILES, SERVICE, UNSUPPORTED, read
from activities.channels.telegram.wire import Head
from models.contracts.accounts import TelegramSettings
from models.contracts.channels import (
    Attachment,
    ButtonPressed,
    Chat,
    ChatKind,
    ChatMoved,
    ContactCard,
    MediaKind,
    MessageArrived,
    MessageEdited,
    Person,
    Place,
    ReachChanged,
)
from tests.fakes.schemas import SPECS, complaint

AIDA = {"id": 5_000_001, "is_bot": False, "first_name": "Айда", "last_name": "К.", "language_code": "kk"}
BOT = {"id": 700_001, "is_bot": True, "first_name": "Shop", "username": "shop_bot"}
ANONYMOUS = {"id": 1_087_968_824, "is_bot": True, "first_name": "Group", "username": "GroupAnonymousBot"}
PRIVATE = {"id": 5_000_001, "type": "private", "first_name": "Айда"}
DESK = {"id": -1_001_234_567_890, "type": "supergroup", "title": "Desk", "is_forum": True}
CHANNEL = {"id": -1_009_999_999_999, "type": "channel", "title": "News"}
WHERE = Chat(id="5000001")
THERE = Chat(id="-1001234567890", kind=ChatKind.GROUP)
WHO = Person(id="5000001", name="Айда К.", language="kk")
SETTINGS = TelegramSettings(bot_id=700_001, username="shop_bot")


def message(chat: dict[str, Any] = PRIVATE, sender: Any = AIDA, **content: Any) -> dict[str, Any]:
    return {"message_id": 42, "date": 1_744_312_496, "chat": chat, "from": sender, **content}


def update(kind: str, content: Any) -> dict[str, Any]:
    return {"update_id": 100_001, kind: content}


def arrived(chat: Chat = WHERE, **fields: Any) -> MessageArrived:
    at = datetime(2025, 4, 10, 19, 14, 56, tzinfo=UTC)
    return MessageArrived(**{"id": "42", "chat": chat, "sender": WHO, "sent_at": at, **fields})


def file(file_id: str, **told: Any) -> dict[str, Any]:
    return {"file_id": file_id, "file_unique_id": f"u{file_id}", **told}


def attached(kind: MediaKind, mime: str, **told: Any) -> tuple[Attachment, ...]:
    return (Attachment(kind=kind, ref="F1", mime=mime, **told),)


SIZES = [file("small", width=90, height=67), file("F1", width=1280, height=960, file_size=200_000)]
MOVING = {"duration": 3, "width": 10, "height": 10}
POINT: dict[str, Any] = {"latitude": 43.238, "longitude": 76.889}
STICKER = {"type": "regular", "width": 512, "height": 512, "is_animated": False, "is_video": False, "emoji": "👍"}
FORWARDED = {"type": "hidden_user", "date": 1, "sender_user_name": "Somebody"}

SAID = [
    ({"text": "Салем 👋🏽 <&#+>\n_x_"}, arrived(text="Салем 👋🏽 <&#+>\n_x_")),
    ({"text": "a\x00b"}, arrived(text="ab")),
    ({"text": "/start ref_7", "entities": [{"type": "bot_command", "offset": 0, "length": 6}]}, arrived(text="/start ref_7")),
    ({"text": "see", "forward_origin": FORWARDED}, arrived(text="see")),
    (
        {"photo": SIZES, "caption": "Вот", "media_group_id": "777"},
        arrived(text="Вот", album="777", attachments=attached(MediaKind.IMAGE, "image/jpeg", size=200_000)),
    ),
    ({"voice": file("F1", duration=4, mime_type="audio/ogg")}, arrived(attachments=attached(MediaKind.VOICE, "audio/ogg", seconds=4))),
    (
        {"audio": file("F1", duration=4, file_name="s.mp3", mime_type="audio/mpeg")},
        arrived(attachments=attached(MediaKind.AUDIO, "audio/mpeg", name="s.mp3", seconds=4)),
    ),
    ({"video": file("F1", **MOVING, mime_type="video/mp4")}, arrived(attachments=attached(MediaKind.VIDEO, "video/mp4", seconds=3))),
    ({"video_note": file("F1", duration=3, length=240)}, arrived(attachments=attached(MediaKind.VIDEO, "video/mp4", seconds=3))),
    (
        {"animation": file("F1", **MOVING), "document": file("F2", file_name="a.gif")},
        arrived(attachments=attached(MediaKind.VIDEO, "video/mp4", seconds=3)),
    ),
    (
        {"document": file("F1", file_name="счёт.pdf", mime_type="application/pdf", file_size=10), "caption": "c"},
        arrived(text="c", attachments=attached(MediaKind.DOCUMENT, "application/pdf", name="счёт.pdf", size=10)),
    ),
    ({"sticker": file("F1", **STICKER)}, arrived(attachments=attached(MediaKind.STICKER, "image/webp"))),
    (
        {"sticker": file("F1", **{**STICKER, "is_animated": True})},
        arrived(attachments=attached(MediaKind.STICKER, "application/x-tgsticker")),
    ),
    ({"location": POINT}, arrived(place=Place(**POINT))),
    (
        {"location": POINT, "venue": {"location": POINT, "title": "Кафе", "address": "Абая 1"}},
        arrived(place=Place(**POINT, title="Кафе", address="Абая 1")),
    ),
    (
        {"contact": {"phone_number": "+77010000000", "first_name": "Ильяс", "last_name": "А."}},
        arrived(contact=ContactCard(name="Ильяс А.", phones=("+77010000000",))),
    ),
    ({"text": "yes", "reply_to_message": message(text="no")}, arrived(text="yes", reply_to="42")),
    ({"dice": {"emoji": "🎲", "value": 6}}, arrived(unsupported="dice")),
    ({"story": {"chat": PRIVATE, "id": 1}}, arrived(unsupported="story")),
]  # fmt: skip


@pytest.mark.parametrize(("content", "event"), SAID, ids=range(len(SAID)))
def test_what_people_say(content: dict[str, Any], event: MessageArrived) -> None:
    given = update("message", message(**content))
    assert complaint("telegram-bot-api.jsonschema.json", ("$defs", "Update"), given) is None
    assert read(given) == (event,)


TOPIC = {"message_thread_id": 7, "is_topic_message": True}
OPENED = {
    "message_id": 7,
    "date": 1,
    "chat": DESK,
    "from": BOT,
    "forum_topic_created": {"name": "Aida", "icon_color": 1},
}


def test_messages_in_groups_and_their_topics() -> None:
    (said,) = read(update("message", message(DESK, text="hi", **TOPIC, reply_to_message=OPENED)))
    assert said == arrived(THERE.model_copy(update={"topic": "7"}), text="hi")
    # An answer in a group without topics has a thread, too.
    (said,) = read(update("message", message(DESK, text="hi", message_thread_id=9, reply_to_message=message(DESK))))
    assert said == arrived(THERE, text="hi", reply_to="42")
    (said,) = read(update("message", message(DESK, ANONYMOUS, sender_chat=DESK, text="hi")))
    assert isinstance(said, MessageArrived)
    assert said.sender == Person(id="-1001234567890", name="Desk")


def test_edits_presses_reach_and_moves() -> None:
    (edited,) = read(update("edited_message", message(caption="new", edit_date=2, photo=SIZES)))
    assert edited == MessageEdited(id="42", chat=WHERE, text="new")
    press = {
        "id": "4000000001",
        "from": AIDA,
        "chat_instance": "1",
        "data": "take:1",
        "message": message(DESK, BOT, **TOPIC),
    }
    where = THERE.model_copy(update={"topic": "7"})
    (pressed,) = read(update("callback_query", press))
    assert pressed == ButtonPressed(id="4000000001", chat=where, sender=WHO, data="take:1", message_id="42")
    # Of a message that is too old Telegram tells no more than where it was.
    (pressed,) = read(update("callback_query", {**press, "message": {"chat": DESK, "message_id": 42, "date": 0}}))
    assert isinstance(pressed, ButtonPressed)
    assert pressed.message_id == "42"
    moved = ChatMoved(chat="-5", to="-1001234567890")
    assert read(update("message", message({"id": -5, "type": "group"}, migrate_to_chat_id=-1_001_234_567_890))) == (
        moved,
    )
    assert read(update("message", message(DESK, ANONYMOUS, migrate_from_chat_id=-5))) == (moved,)


@pytest.mark.parametrize(
    ("chat", "status", "reachable"),
    [
        (PRIVATE, {"status": "kicked"}, False),
        (PRIVATE, {"status": "member"}, True),
        (DESK, {"status": "administrator"}, True),
        (DESK, {"status": "left"}, False),
        (DESK, {"status": "restricted", "is_member": True}, True),
        (DESK, {"status": "restricted", "is_member": False}, False),
    ],
)
def test_whether_we_may_write(chat: dict[str, Any], status: dict[str, Any], reachable: bool) -> None:
    changed = {"chat": chat, "from": AIDA, "date": 1, "old_chat_member": {"status": "left", "user": BOT}}
    (event,) = read(update("my_chat_member", {**changed, "new_chat_member": {**status, "user": BOT}}))
    assert event == ReachChanged(chat=THERE if chat is DESK else WHERE, sender=WHO, reachable=reachable)


@pytest.mark.parametrize(
    "nothing",
    [
        update("message", message(DESK, BOT, text="hi")),
        update("message", message(CHANNEL, None, sender_chat=CHANNEL, text="hi")),
        update("message", message(DESK, {**AIDA, "id": 777_000}, sender_chat=CHANNEL, is_automatic_forward=True, text="hi")),
        update("channel_post", message(CHANNEL, text="hi")),
        update("edited_message", message(location=POINT, edit_date=2)),
        update("callback_query", {"id": "1", "from": AIDA, "chat_instance": "1", "game_short_name": "g"}),
        update("my_chat_member", {"chat": CHANNEL, "from": AIDA, "date": 1, "new_chat_member": {"status": "left"}}),
        update("poll", {"id": "1"}),
        {"update_id": 1},
    ],
    ids=range(9),
)  # fmt: skip
def test_what_is_of_no_concern(nothing: dict[str, Any]) -> None:
    assert read(nothing) == ()


def test_what_was_done_in_a_chat_is_nothing_said() -> None:
    assert [kind for kind in SERVICE if read(update("message", message(DESK, **{kind: True})))] == []


def test_every_kind_of_message_is_known() -> None:
    published = SPECS / "telegram-bot-api.jsonschema.json"
    if not published.is_file():
        pytest.skip("the published schema of the Bot API is not beside the repository")
    said = {
        "text",
        "photo",
        "live_photo",
        "caption",
        "migrate_to_chat_id",
        "migrate_from_chat_id",
        *FILES,
        *UNSUPPORTED,
    }
    beside = set(
        "message_id message_thread_id direct_messages_topic from sender_chat sender_boost_count sender_business_bot "
        "sender_tag date guest_query_id business_connection_id chat forward_origin is_topic_message "
        "is_automatic_forward reply_to_message external_reply quote reply_to_story reply_to_checklist_task_id "
        "reply_to_poll_option_id via_bot guest_bot_caller_user guest_bot_caller_chat edit_date has_protected_content "
        "is_from_offline is_paid_post media_group_id author_signature paid_star_count entities link_preview_options "
        "suggested_post_info effect_id caption_entities show_caption_above_media has_media_spoiler reply_markup".split()
    )
    assert set(json.loads(published.read_text())["$defs"]["Message"]["properties"]) - beside == said | SERVICE


@pytest.mark.parametrize("kind", [*UNSUPPORTED, "voice", "photo", "hologram"])
def test_what_cannot_be_shown_is_told(kind: str) -> None:
    (event,) = read(update("message", message(**{kind: {}})))
    assert event == arrived(unsupported="unknown" if kind == "hologram" else kind)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"update_id": "1", "message": {}},
        update("message", {}),
        update("message", message(chat={"id": "x", "type": "private"})),
        update("callback_query", {"message": {}, "data": "x"}),
    ],
)
def test_what_is_no_update_is_refused_without_a_word_of_it(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Bot API"):
        read(wrong)


NAMES = st.sampled_from(
    [*Head.model_fields, "from", "voice", "location", "contact", "venue", "sticker", "poll", "id", "type"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from([AIDA, DESK, PRIVATE]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=3), inner, max_size=6),
    max_leaves=12,
)  # fmt: skip


@given(
    st.sampled_from(["message", "edited_message", "callback_query", "my_chat_member", "other"]),
    st.dictionaries(NAMES, VALUES, max_size=6),
    st.booleans(),
)
def test_anything_is_read_or_refused(kind: str, content: dict[str, Any], whole: bool) -> None:
    odd = update(kind, message(**content) if whole and not {"chat", "from"} & content.keys() else content)
    with suppress(ValueError):
        assert isinstance(read(odd), tuple)
    assert addressed(odd, SETTINGS) in (True, False)


ENTITY = {"type": "text_mention", "offset": 0, "length": 4, "user": BOT}


@pytest.mark.parametrize(
    ("content", "for_us"),
    [
        ({"text": "Hello, @Shop_Bot!"}, True),
        ({"photo": SIZES, "caption": "@shop_bot"}, True),
        ({"text": "Shop, hello", "entities": [ENTITY]}, True),
        ({"text": "/help"}, True),
        ({"text": "/help@shop_bot now"}, True),
        ({"text": "ok", "reply_to_message": message(DESK, BOT)}, True),
        ({"text": "Hello, all"}, False),
        ({"text": "@shop_bot2 or me@shop_bot"}, False),
        ({"text": "/help@other_bot"}, False),
        ({"text": "ok", "reply_to_message": message(DESK, AIDA)}, False),
        ({"text": "ok", "reply_to_message": OPENED}, False),
        ({"voice": file("F1")}, False),
    ],
)
def test_what_is_for_the_bot_in_a_group(content: dict[str, Any], for_us: bool) -> None:
    assert addressed(update("message", message(DESK, **content)), SETTINGS) is for_us
    assert addressed(update("message", message(PRIVATE, **content)), SETTINGS)
