"""Deliveries of ChatFlow: the one that was recorded, others of the fields that were seen, and whatever else comes."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.channels.chatflow.reading import LONGEST_DATA, read
from models.contracts.channels import Chat, MediaKind, MessageArrived, Person
from tests.fakes.schemas import SPECS

RECORDED = SPECS / "chatflow" / "inbound-text.json"
JID = "77000000000@s.whatsapp.net"
MEDIA = {"type": "image", "url": "https://files.chatflow.kz/1.jpg", "mimetype": "image/jpeg", "size": 1234}


def delivery(kind: str = "text", message: Any = "hi", jid: str = JID, media: Any = None, **told: Any) -> dict[str, Any]:
    metadata = {"sender": "Zh.", "timestamp": 1764929737, "messageId": "3F6E61E2301EC33CF87A", "remoteJid": jid}
    return {
        "messageType": kind,
        "message": message,
        "metadata": metadata | told,
        "mediaData": media,
        "nodeData": {"webHook": {"text": "https://bot.example/webhook/flow", "method": "POST"}},
    }


def one(payload: dict[str, Any]) -> MessageArrived:
    (event,) = read(payload)
    assert isinstance(event, MessageArrived)
    return event


@pytest.mark.skipif(not RECORDED.is_file(), reason="the recorded delivery lies beside the repository")
def test_the_recorded_delivery() -> None:
    assert one(json.loads(RECORDED.read_text())) == MessageArrived(
        id="3F6E61E2301EC33CF87A",
        chat=Chat(id="77000000000"),
        sender=Person(id="77000000000", name="Zh."),
        sent_at=datetime(2025, 12, 5, 10, 15, 37, tzinfo=UTC),
        text="вы кто",
    )


@pytest.mark.parametrize(
    ("kind", "media", "expected"),
    [
        ("image", MEDIA, MediaKind.IMAGE),
        ("audio", MEDIA | {"type": "audio", "ptt": True, "mimetype": "audio/ogg"}, MediaKind.VOICE),
        ("audio", MEDIA | {"type": "audio", "ptt": False, "mimetype": "audio/ogg"}, MediaKind.AUDIO),
        ("media", MEDIA | {"type": None, "mimetype": "video/mp4"}, MediaKind.VIDEO),
        ("document", MEDIA | {"type": "application/pdf", "size": "many"}, MediaKind.DOCUMENT),
        ("sticker", MEDIA | {"type": None}, MediaKind.STICKER),
    ],
)
def test_files(kind: str, media: dict[str, Any], expected: MediaKind) -> None:
    event = one(delivery(kind, "", media=media | {"caption": "below", "fileName": "f"}))
    (attachment,) = event.attachments
    assert (attachment.kind, attachment.ref, attachment.name) == (expected, MEDIA["url"], "f")
    assert (event.text, event.unsupported) == ("below", None)


def test_a_file_that_comes_along_is_kept_where_its_address_is_of_no_use() -> None:
    encrypted = {"url": "https://mmg.whatsapp.net/v/t62.enc", "mimetype": "image/png"}
    for data in ("aGk=", "data:image/png;base64,aGk="):
        (attachment,) = one(delivery("image", "", media=encrypted | {"base64": data})).attachments
        assert attachment.ref == "data:image/png;base64,aGk="
    assert one(delivery("image", "", media=encrypted | {"base64": "A" * (LONGEST_DATA + 1)})).unsupported == "image"


@pytest.mark.parametrize(
    ("payload", "unsupported"),
    [
        (delivery("image", "caption of a picture that did not come"), "image"),
        (delivery("location", ""), "location"),
        (delivery("Poll V3!", None), "unknown"),
        (delivery("text", ""), "text"),
        (delivery("image", "", media=MEDIA | {"url": "file:///etc/passwd"}), "image"),
    ],
)
def test_what_cannot_be_shown_says_so(payload: dict[str, Any], unsupported: str) -> None:
    event = one(payload)
    assert (event.text, event.attachments, event.unsupported) == ("", (), unsupported)


@pytest.mark.parametrize("kind", ["extendedTextMessage", "buttonsResponseMessage", "listResponseMessage"])
def test_words_of_a_kind_that_is_not_known_are_words(kind: str) -> None:
    """What somebody chose among them."""
    assert one(delivery(kind, "Delivery to Almaty")).text == "Delivery to Almaty"


@pytest.mark.parametrize(
    ("jid", "chat"),
    [
        (JID, "77000000000"),
        ("77000000000:12@s.whatsapp.net", "77000000000"),
        ("77000000000@c.us", "77000000000"),
        ("123456789012345@lid", "123456789012345@lid"),
    ],
)
def test_whoever_writes_has_one_name(jid: str, chat: str) -> None:
    assert one(delivery(jid=jid)).chat.id == chat


@pytest.mark.parametrize(
    "payload",
    [
        {},
        delivery(jid="120363025246125486@g.us"),
        delivery(jid="status@broadcast"),
        delivery(jid="120363@newsletter"),
        delivery(fromMe=True),
        delivery("reaction", "👍"),
    ],
)
def test_what_is_of_no_concern(payload: dict[str, Any]) -> None:
    assert list(read(payload)) == []


@pytest.mark.parametrize("payload", [{"ping": 1}, delivery() | {"metadata": None}, delivery(timestamp="soon")])
def test_what_is_no_delivery(payload: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not a delivery of ChatFlow"):
        read(payload)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(JID),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
CHANGES = st.dictionaries(st.sampled_from(["messageType", "message", "metadata", "mediaData"]), ANYTHING)
DETAILS = st.dictionaries(st.sampled_from(["type", "url", "base64", "mimetype", "size", "ptt", "caption"]), ANYTHING)


@given(CHANGES, DETAILS)
def test_any_object_is_a_delivery_or_a_value_error(changes: dict[str, Any], media: dict[str, Any]) -> None:
    raised: Exception | None = None
    try:
        read(delivery("image", media=media) | changes)
    except ValueError as error:
        raised = error
    # Not one of its kinds, which tell what was delivered.
    assert raised is None or type(raised) is ValueError
