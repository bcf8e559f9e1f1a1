"""Requests of the Cloud API: each fits its published schema, and nothing that was to be said is left out."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.channels.port import AccountError, RefusedError, TryLaterError, UnclearError
from activities.channels.whatsapp_cloud import writing
from activities.channels.whatsapp_cloud.errors import failure
from models.contracts.channels import Button, Chat, ContactCard, Media, MediaKind, Part, Place
from tests.fakes.schemas import complaint

CHAT = Chat(id="77012345678")
MIME = {
    MediaKind.IMAGE: "image/jpeg",
    MediaKind.VOICE: "audio/ogg; codecs=opus",
    MediaKind.AUDIO: "audio/mpeg",
    MediaKind.VIDEO: "video/mp4",
    MediaKind.DOCUMENT: "application/pdf",
    MediaKind.STICKER: "image/webp",
}


def media(kind: MediaKind, mime: str | None = None, size: int = 1_000) -> Media:
    return Media(kind=kind, key="t/1", name="счёт.pdf", mime=mime or MIME[kind], size=size)


def rows(*texts: str) -> tuple[tuple[Button, ...], ...]:
    return tuple((Button(text=text, data=f"d/{place}"),) for place, text in enumerate(texts))


def written(part: Part) -> dict[str, Any]:
    body = writing.message(CHAT, part, "4490709327384033")
    assert complaint("whatsapp-cloud.jsonschema.json", ("x-roots", "send"), body) is None
    assert (body["messaging_product"], body["to"]) == ("whatsapp", CHAT.id)
    return body


def test_texts_are_sent_as_they_are_written() -> None:
    text = "*жирный* <&#+>\n" + "😀" * 10
    body = written(Part(text=text, reply_to="wamid.1"))
    assert (body["text"], body["context"]) == ({"body": text, "preview_url": False}, {"message_id": "wamid.1"})


@pytest.mark.parametrize("kind", MediaKind)
def test_each_kind_of_file(kind: MediaKind) -> None:
    caption = "below" if kind in writing.CAPTIONS else ""
    body = written(Part(text=caption, media=media(kind)))
    content = body[body["type"]]
    assert body["type"] == {MediaKind.VOICE: "audio"}.get(kind, kind.value)
    assert (content["id"], content.get("caption", "")) == ("4490709327384033", caption)
    assert content.get("voice", False) is (kind is MediaKind.VOICE)
    assert content.get("filename") == ("счёт.pdf" if kind is MediaKind.DOCUMENT else None)


@pytest.mark.parametrize(
    "sent",
    [media(MediaKind.IMAGE, "image/webp"), media(MediaKind.VOICE, "audio/mpeg"), media(MediaKind.VIDEO, "text/plain")],
)
def test_what_meta_does_not_show_as_its_kind_goes_as_a_document(sent: Media) -> None:
    assert written(Part(media=sent))["type"] == "document"


def test_what_cannot_be_sent_is_refused_and_not_cut_off() -> None:
    for part, code in [
        (Part(), "empty"),
        (Part(text="words", media=media(MediaKind.VOICE)), "no_caption"),
        (Part(media=media(MediaKind.DOCUMENT, size=101 * writing.MEBIBYTE)), "too_large"),
        (Part(media=media(MediaKind.IMAGE, size=6 * writing.MEBIBYTE)), "too_large"),
        (Part(media=media(MediaKind.IMAGE, "image/heic")), "unsupported_type"),
    ]:
        with pytest.raises(RefusedError, match=code):
            writing.message(CHAT, part, "1")


def test_places_and_contacts() -> None:
    place = written(Part(place=Place(latitude=43.2380000001, longitude=-0.00001, title="Altyn", address="Abay 1")))
    assert place["location"] == {
        "latitude": "43.2380000",
        "longitude": "-0.0000100",
        "name": "Altyn",
        "address": "Abay 1",
    }
    contact = written(Part(contact=ContactCard(name="Әсел", phones=("+77010000000",))))
    assert contact["contacts"][0]["name"]["formatted_name"] == "Әсел"
    assert contact["contacts"][0]["phones"] == [{"phone": "+77010000000"}]


def test_a_few_short_choices_are_buttons_and_more_or_longer_ones_a_list() -> None:
    few = written(Part(text="Which?", buttons=rows("Yes", "No", "x" * 20)))["interactive"]
    assert [button["reply"]["id"] for button in few["action"]["buttons"]] == ["d/0", "d/1", "d/2"]
    for texts in (["1", "2", "3", "4"], ["Yes", "y" * 21], [str(n) for n in range(10)]):
        many = written(Part(text="Which?", buttons=rows(*texts)))["interactive"]
        assert [row["title"] for row in many["action"]["sections"][0]["rows"]] == texts
    (row,) = written(Part(text="Which?", buttons=rows("z" * 60)))["interactive"]["action"]["sections"][0]["rows"]
    assert (row["title"], row["description"]) == ("z" * 23 + "…", "z" * 60)


@pytest.mark.parametrize(
    ("text", "texts"),
    [
        ("x" * 1_025, ["a"]),
        ("Which?", ["same", "same"]),
        ("Which?", ["x" * 30, "x" * 31]),
        ("Which?", [str(n) for n in range(11)]),
    ],
)
def test_choices_that_no_button_holds_stand_beneath_the_text(text: str, texts: list[str]) -> None:
    body = written(Part(text=text, buttons=rows(*texts)))
    assert body["text"]["body"] == "\n".join([text, *(f"• {each}" for each in texts)])


@given(st.text(min_size=1, max_size=2_000), st.lists(st.text(min_size=1, max_size=80), max_size=12))
def test_every_text_with_any_choices_fits_the_schema(text: str, choices: list[str]) -> None:
    body = written(Part(text=text, buttons=rows(*choices)))
    shown = body["text"]["body"] if body["type"] == "text" else body["interactive"]["body"]["text"]
    assert text in shown


def test_choices_that_say_the_same_to_us_are_no_buttons() -> None:
    twice = (Button(text="Yes", data="d"), Button(text="No", data="d"))
    assert written(Part(text="Which?", buttons=(twice,)))["type"] == "text"


def test_templates_and_marks() -> None:
    for body in (
        writing.template(CHAT, "hello_again", "kk"),
        writing.template(CHAT, "hello_again", "kk", ("Shop", "Айгерім")),
        writing.typing("wamid.1"),
    ):
        assert complaint("whatsapp-cloud.jsonschema.json", ("x-roots", "send"), body) is None


def test_somebody_without_a_number_is_addressed_by_their_id() -> None:
    body = writing.message(Chat(id="KZ.134"), Part(text="hi"), None)
    assert body["recipient"] == "KZ.134"
    assert "to" not in body


@pytest.mark.parametrize(
    ("status", "error", "kind", "said"),
    [
        (401, {"code": 190}, AccountError, "token_refused"),
        (403, {"code": 200}, AccountError, "permission_missing"),
        (400, {"code": 100, "error_subcode": 33}, AccountError, "number_unknown"),
        (400, {"code": 100, "type": "GraphMethodException"}, AccountError, "number_unknown"),
        (400, {"code": 100, "type": "OAuthException"}, RefusedError, "bad_request"),
        (400, {"code": 131009}, RefusedError, "bad_request"),
        (400, {"code": 131047}, RefusedError, "window_closed"),
        (400, {"code": 131026}, RefusedError, "undeliverable"),
        (400, {"code": 133337}, RefusedError, "meta_133337"),
        (400, {"code": 4}, TryLaterError, "too_many_calls"),
        (429, {"code": 130429}, TryLaterError, "too_many_messages"),
        (400, {"code": 80007}, TryLaterError, "too_many_calls"),
        (429, {"code": 131056}, TryLaterError, "chat_limit"),
        (500, {"code": 131000}, TryLaterError, "provider_failed"),
        (500, {"code": 133337}, TryLaterError, "http_500"),
        (502, {}, TryLaterError, "http_502"),
        (504, {}, UnclearError, "no_answer"),
        (404, {"code": "x"}, RefusedError, "http_404"),
        (401, {}, AccountError, "token_refused"),
    ],
)
def test_what_an_error_means(status: int, error: dict[str, Any], kind: type[Exception], said: str) -> None:
    found = failure(status, error | {"message": "to 77012345678: secret"}, None, acts=True)
    assert (type(found), found.code, str(found)) == (kind, said, said)


def test_only_the_chat_waits_when_a_person_gets_too_much_and_only_they_are_out_of_reach() -> None:
    pair = failure(429, {"code": 131056}, None, acts=True)
    assert isinstance(pair, TryLaterError)
    assert (pair.chat, pair.after) == (True, 6.0)
    account = failure(429, {"code": 130429}, 30.0, acts=True)
    assert isinstance(account, TryLaterError)
    assert (account.chat, account.after) == (False, 30.0)
    gone, closed = failure(400, {"code": 131026}, None, acts=True), failure(400, {"code": 131047}, None, acts=True)
    assert isinstance(gone, RefusedError)
    assert isinstance(closed, RefusedError)
    assert (gone.unreachable, closed.unreachable) == (True, False)
