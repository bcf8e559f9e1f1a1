"""Deliveries of the Cloud API, as Meta documents them and as nobody would send them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.channels.whatsapp_cloud.reading import read
from models.contracts.channels import (
    Attachment,
    Chat,
    ChatMoved,
    ContactCard,
    DeliveryChanged,
    MediaKind,
    MessageArrived,
    MessageDeleted,
    MessageEdited,
    Person,
    Place,
)
from models.contracts.enums import SendStatus
from tests.fakes.schemas import complaint

NUMBER = "106540352242922"
SENDER = "16505551234"
ID = "wamid.HBgLMTY1MDM4Nzk0MzkVAgASGBQzQTRBNjU5OUFFRTAzODEwMTQ0RgA="
ASKED = "wamid.HBgLMTY1MDM4Nzk0MzkVAgARGBJFNjk2OTMwNEZCQjhGMzUyQUYA"
AT = datetime(2025, 4, 10, 19, 14, 56, tzinfo=UTC)
LONG = "Delivery to Almaty and its suburbs"
SHA = "SfInY0gGKTsJlUWbwxC1k+FAD0FZHvzwfpvO0zX0GUI="
FILE = {"id": "1003383421387256", "mime_type": "image/jpeg", "sha256": SHA}


def message(kind: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"from": SENDER, "id": ID, "timestamp": "1744312496", "type": kind, kind: content} | more


def delivery(*messages: Any, number: str = NUMBER, field: str = "messages", **value: Any) -> dict[str, Any]:
    told = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550783881", "phone_number_id": number},
        "contacts": [{"profile": {"name": "Sheena"}, "wa_id": SENDER}],
    }
    if messages:
        told["messages"] = list(messages)
    return {
        "object": "whatsapp_business_account",
        "entry": [{"id": "419561257915477", "changes": [{"field": field, "value": told | value}]}],
    }


def arrived(**fields: Any) -> MessageArrived:
    return MessageArrived(id=ID, chat=Chat(id=SENDER), sender=Person(id=SENDER, name="Sheena"), sent_at=AT, **fields)


def file(kind: MediaKind, mime: str = "image/jpeg", name: str | None = None) -> tuple[Attachment, ...]:
    return (Attachment(kind=kind, ref=FILE["id"], name=name, mime=mime),)


DOCUMENTED = [
    (message("text", {"body": "Салем 👋🏽 <&#+>\n_x_"}), arrived(text="Салем 👋🏽 <&#+>\n_x_")),
    (message("image", {**FILE, "caption": "Taj"}), arrived(text="Taj", attachments=file(MediaKind.IMAGE))),
    (message("video", FILE), arrived(attachments=file(MediaKind.VIDEO))),
    (message("audio", {**FILE, "voice": True}), arrived(attachments=file(MediaKind.VOICE))),
    (message("audio", {**FILE, "voice": False}), arrived(attachments=file(MediaKind.AUDIO))),
    (
        message("document", {**FILE, "filename": "счёт.pdf", "caption": "c"}),
        arrived(text="c", attachments=file(MediaKind.DOCUMENT, name="счёт.pdf")),
    ),
    (message("sticker", {**FILE, "animated": True}), arrived(attachments=file(MediaKind.STICKER))),
    (
        message("location", {"latitude": 37.44, "longitude": -122.16, "name": "Coffee", "address": "101 Forest Ave"}),
        arrived(place=Place(latitude=37.44, longitude=-122.16, title="Coffee", address="101 Forest Ave")),
    ),
    (
        message(
            "contacts",
            [
                {"name": {"formatted_name": "Lucía"}, "phones": [{"phone": "+1 983", "wa_id": "1983"}]},
                {"name": {"formatted_name": "Ben"}, "phones": [{"phone": "+7 701"}, {"phone": "+7 702"}]},
            ],
        ),
        arrived(contact=ContactCard(name="Lucía", phones=("+1 983",)), text="Ben +7 701 +7 702"),
    ),
    (
        message("button", {"payload": "STOP", "text": "Stop"}, context={"from": "15550783881", "id": ASKED}),
        arrived(text="Stop", reply_to=ASKED),
    ),
    (
        message("order", {"catalog_id": "1", "text": "", "product_items": []}),
        arrived(unsupported="order"),
    ),
    (
        message("unsupported", None, errors=[{"code": 131051, "title": "t", "message": "m", "type": "t"}]),
        arrived(unsupported="unsupported"),
    ),
    (
        message(
            "interactive",
            {"type": "button_reply", "button_reply": {"id": "yes/1", "title": "Yes"}},
            context={"from": "15550783881", "id": ASKED},
        ),
        arrived(text="Yes", reply_to=ASKED),
    ),
    (
        message(
            "interactive",
            {"type": "list_reply", "list_reply": {"id": "row", "title": "Row", "description": "d"}},
            context={"from": "15550783881", "id": ASKED},
        ),
        arrived(text="Row", reply_to=ASKED),
    ),
    (
        message(
            "interactive",
            {"type": "list_reply", "list_reply": {"id": "row", "title": "Delivery to Alm…", "description": LONG}},
            context={"from": "15550783881", "id": ASKED},
        ),
        arrived(text=LONG, reply_to=ASKED),
    ),
]


@pytest.mark.parametrize(
    ("sent", "expected"), DOCUMENTED, ids=lambda each: each.get("type") if isinstance(each, dict) else ""
)
def test_each_kind_of_message(sent: dict[str, Any], expected: Any) -> None:
    payload = delivery(sent)
    assert complaint("whatsapp-cloud.jsonschema.json", ("x-roots", "webhook"), payload) is None
    assert list(read(payload, NUMBER)) == [expected]


def test_kinds_that_are_newer_than_the_published_schema() -> None:
    text = {"type": "text", "text": {"body": "new"}}
    caption = {"type": "image", "image": {**FILE, "caption": "below"}}
    chat = Chat(id=SENDER)
    assert list(
        read(
            delivery(
                message("edit", {"original_message_id": ASKED, "message": text}),
                message("edit", {"original_message_id": ASKED, "message": caption}),
                message("revoke", {"original_message_id": ASKED}),
                message("edit", {"original_message_id": ASKED, "message": {"type": ["text"]}}),
                message("hologram", {"x": 1}),
                message("Hologram V2!", {"x": 1}),
                message("interactive", {"type": "nfm_reply", "nfm_reply": {"response_json": "{}"}}),
            ),
            NUMBER,
        )
    ) == [
        MessageEdited(id=ASKED, chat=chat, text="new"),
        MessageEdited(id=ASKED, chat=chat, text="below"),
        MessageDeleted(id=ASKED, chat=chat),
        arrived(unsupported="edit"),
        arrived(unsupported="hologram"),
        arrived(unsupported="unknown"),
        arrived(unsupported="interactive"),
    ]


def test_somebody_without_a_number_is_known_by_their_id() -> None:
    sent = message("text", {"body": "hi"}, from_user_id="KZ.1349120")
    del sent["from"]
    contacts = [{"profile": {"name": "Aru"}, "user_id": "KZ.1349120"}]
    (event,) = read(delivery(sent, contacts=contacts), NUMBER)
    assert isinstance(event, MessageArrived)
    assert (event.chat.id, event.sender) == ("KZ.1349120", Person(id="KZ.1349120", name="Aru"))


def test_a_number_that_changes_and_what_nobody_said() -> None:
    moved = message("system", {"body": "changed", "wa_id": "12195555358", "type": "user_changed_number"})
    silent = [
        message("reaction", {"message_id": ASKED, "emoji": "👍"}),
        message("request_welcome", None),
        message("text", {"body": "in a group"}, group_id="g1"),
    ]
    assert list(read(delivery(moved, *silent), NUMBER)) == [ChatMoved(chat=SENDER, to="12195555358")]


def test_a_batch_is_read_in_its_order_and_ours_alone() -> None:
    first, second = (message("text", {"body": body}) for body in ("1", "2"))
    other = delivery(message("text", {"body": "not ours"}), number="999999")
    template = delivery(message("text", {"body": "of long ago"}), field="history")
    batch = delivery(first) | {
        "entry": [*delivery(first)["entry"], *other["entry"], *template["entry"], *delivery(second)["entry"]]
    }
    assert [event.text for event in read(batch, NUMBER) if isinstance(event, MessageArrived)] == ["1", "2"]


def test_what_became_of_our_messages() -> None:
    def status(word: str, **more: Any) -> dict[str, Any]:
        return {"id": ASKED, "status": word, "timestamp": "1744312496", "recipient_id": SENDER} | more

    closed = [{"code": 131047, "title": "Re-engagement message", "error_data": {"details": "24 hours"}}]
    payload = delivery(
        statuses=[
            status("delivered"),
            status("sent"),
            status("read"),
            status("failed", errors=closed),
            status("warning"),
        ]
    )
    assert [(event.status, event.code) for event in read(payload, NUMBER) if isinstance(event, DeliveryChanged)] == [
        (SendStatus.DELIVERED, None),
        (SendStatus.SENT, None),
        (SendStatus.READ, None),
        (SendStatus.FAILED, "window_closed"),
    ]
    codes = (131026, 131049, 131042, 131031, 190, 368, 10, 200, 130472)
    refused = delivery(statuses=[status("failed", errors=[{"code": code}]) for code in codes])
    events = [event for event in read(refused, NUMBER) if isinstance(event, DeliveryChanged)]
    assert [code for code, event in zip(codes, events, strict=True) if event.unreachable] == [131026]
    assert {code for code, event in zip(codes, events, strict=True) if event.account} == {*codes[2:-1]}


def test_one_that_cannot_be_read_costs_nobody_else() -> None:
    broken = [
        message("text", {"body": 7}),
        message("image", {"caption": "no file"}),
        message("location", {"latitude": 1e9, "longitude": 0}),
        {"id": ID, "timestamp": "1744312496"},
        message("text", {"body": "x"}, timestamp="soon"),
        "nothing",
    ]
    events = read(delivery(*broken, message("text", {"body": "good"})), NUMBER)
    assert [event.unsupported or event.text for event in events if isinstance(event, MessageArrived)] == [
        "text",
        "image",
        "location",
        "good",
    ]


def test_what_postgres_cannot_hold_is_not_kept() -> None:
    sent = message("document", {**FILE, "filename": "a\x00b", "caption": "\x00c"})
    (event,) = read(delivery(sent), NUMBER)
    assert isinstance(event, MessageArrived)
    assert (event.text, event.attachments[0].name) == ("c", "ab")


@pytest.mark.parametrize("payload", [{}, {"object": "page", "entry": []}, {"object": "whatsapp_business_account"}])
def test_what_is_no_delivery(payload: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not a delivery"):
        read(payload, NUMBER)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(ID) | st.just("1744312496"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
SOMEHOW_DOCUMENTED = st.builds(
    lambda base, name, value: base[0] | {name: value},
    st.sampled_from(DOCUMENTED),
    st.sampled_from(
        ["from", "id", "timestamp", "type", "context", "text", "image", "contacts", "interactive", "location"]
    ),
    ANYTHING,
)


@given(st.lists(ANYTHING | SOMEHOW_DOCUMENTED, max_size=3), ANYTHING, ANYTHING)
def test_nothing_that_is_delivered_breaks_the_reading(messages: list[Any], contacts: Any, statuses: Any) -> None:
    read(delivery(*messages, contacts=contacts, statuses=statuses), NUMBER)


@given(st.dictionaries(st.sampled_from(["object", "entry", "changes"]) | st.text(max_size=4), ANYTHING, max_size=4))
def test_any_object_is_a_delivery_or_a_value_error(payload: dict[str, Any]) -> None:
    raised: Exception | None = None
    try:
        read(payload | {"object": "whatsapp_business_account"}, NUMBER)
    except ValueError as error:
        raised = error
    # Not one of its kinds, which tell what was delivered.
    assert raised is None or type(raised) is ValueError
