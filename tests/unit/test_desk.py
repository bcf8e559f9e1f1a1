"""What a desk's posts look like, and which events become posts."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.channels.text.plain import plain
from activities.channels.whatsapp_cloud import errors as whatsapp
from activities.desk import compose
from activities.desk.feed import opens, posts_of
from activities.desk.words import WORDS
from models.contracts.channels import FileState, MediaKind, Part
from models.contracts.desk import CardPost, FilePost, LearnedPost, MessagePost, NoticePost, Post, Said
from models.contracts.enums import (
    Author,
    ChannelKind,
    ConversationState,
    EscalationReason,
    EscalationStatus,
    EventType,
    Language,
    LearnedStatus,
    MessageStatus,
)
from models.repositories.attachments import File
from models.repositories.conversations import Conversation
from models.repositories.desk_feed import Happened
from models.repositories.escalations import Escalation
from models.repositories.learned_queue import Listed
from models.repositories.messages import Message
from tests.fakes.telegram.markup import parse, units

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ID = UUID(int=1)
ANY = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=80)
LONG = st.builds(lambda text, times: text * times, ANY, st.integers(1, 200))


def message(text: str, author: Author = Author.CUSTOMER, **more: Any) -> Message:
    plain: dict[str, Any] = {
        "id": ID, "seq": 1, "conversation_id": ID, "author": author, "kind": None, "status": MessageStatus.HANDLED,
        "member_id": None, "text": text, "language": None, "citations": [], "confidence": None, "turn": 1,
        "flooded": False, "created_at": NOW, "edited_at": None, "deleted_at": None, "extras": None, "files": (),
        "delivery": None,
    }  # fmt: skip
    return Message(**{**plain, **more})


def escalation(status: EscalationStatus, name: str) -> Escalation:
    return Escalation(
        id=ID, conversation_id=ID, number=3, status=status, reason=EscalationReason.UNSURE, message_id=None,
        offered_to=None, offered_to_name=None, taken_by=ID, taken_by_name=name, taken_at=NOW, closed_by=ID,
        closed_by_name=name, closed_at=NOW, created_at=NOW, customer_verified=True,
    )  # fmt: skip


def conversation(name: str | None) -> Conversation:
    return Conversation(
        id=ID, channel=ChannelKind.WHATSAPP, customer_id=ID, customer_name=name, customer_external_id=None,
        state=ConversationState.PENDING, language=Language.RU, version=1, muted_until=None, created_at=NOW,
        last_message_at=NOW, closed_at=None, customer_verified=True, unreachable_code=None,
    )  # fmt: skip


def fits(part: Part, limit: int = compose.LIMIT) -> str:
    """The text as its reader sees it."""
    assert units(part.text) <= limit
    for row in part.buttons:
        assert all(len(button.data.encode()) <= 64 for button in row)
    return parse(part.text)[0]


@given(st.sampled_from(Language), st.sampled_from(EscalationStatus), st.lists(LONG, max_size=9), LONG, LONG)
def test_a_card_fits_whatever_people_write(
    language: Language, status: EscalationStatus, texts: list[str], name: str, member: str
) -> None:
    said = [message(text, author) for text, author in zip(texts, list(Author) * 3, strict=False)]
    fits(compose.card(WORDS[language], escalation(status, member), conversation(name), said))


@given(st.sampled_from([Author.CUSTOMER, Author.BOT]), LONG, LONG)
def test_a_message_fits_and_loses_nothing(author: Author, text: str, name: str) -> None:
    parts = compose.message(WORDS[Language.KK], message(text, author), name, changed=True)
    shown = "".join(fits(part) for part in parts)
    if author is Author.CUSTOMER:
        assert "".join(plain(text).split()) in "".join(shown.split())


@given(st.sampled_from(Language), st.sampled_from(Said), LONG, LONG)
def test_a_learned_answer_and_notices_fit(language: Language, said: Said, text: str, name: str) -> None:
    entry = Listed(
        id=ID, status=LearnedStatus.APPROVED, question=text, answer=text, language=Language.EN, tag=None, times=1,
        contradicted=True, escalation_id=ID, conversation_id=ID, answered_by=None, answered_by_name=None,
        reviewed_by=ID, reviewed_by_name=name, reviewed_at=NOW, source_id=None, uses=0, last_used_at=None,
        created_at=NOW,
    )  # fmt: skip
    fits(compose.learned(WORDS[language], entry))
    fits(Part(text=compose.notice(WORDS[language], said, name=name, code=text, branch=text, owners=[("7", name)])))
    assert compose.plain_notice(WORDS[language], said, name)
    assert len(compose.topic_name(WORDS[Language.RU], conversation(text))) <= compose.TOPIC_CHARACTERS


def test_a_topic_is_named_by_whole_characters() -> None:
    for before in ("", "x"):
        name = compose.topic_name(WORDS[Language.EN], conversation(before + "🇰🇿" * 100))
        assert re.fullmatch(f"{before}(🇰🇿)+ · WhatsApp", name)


def test_a_card_offers_what_can_be_done() -> None:
    def offered(status: EscalationStatus) -> list[str]:
        part = compose.card(WORDS[Language.EN], escalation(status, "Aida"), conversation("C"), [])
        return [button.text for row in part.buttons for button in row]

    assert offered(EscalationStatus.PENDING) == ["Take", "Can't", "Return to bot", "Resolve"]
    assert offered(EscalationStatus.ACTIVE) == ["Resolve", "Can't", "Return to bot"]
    assert offered(EscalationStatus.RESOLVED) == []


def test_an_owner_is_mentioned() -> None:
    text = compose.notice(WORDS[Language.EN], Said.OWNERS, owners=[("5", "Bota <&")])
    assert '<a href="tg://user?id=5">Bota &lt;&amp;</a>' in text


def test_a_file_brings_the_words_heard_in_it() -> None:
    voice = File(ID, MediaKind.VOICE, FileState.STORED, None, "audio/ogg", 5, 3.0, None, "t/k")
    said = message("Where is it?", files=(voice,), extras={"transcribed": True})
    [part] = compose.file(WORDS[Language.EN], voice, said, None)
    assert part.media is not None
    assert fits(part, compose.CAPTION) == "Customer\nWhere is it?"


def happened(type_: EventType, data: dict[str, Any], **more: Any) -> Happened:
    plain: dict[str, Any] = {
        "ours": True, "account": ID, "author": None, "worded": True, "from_desk": False, "during": True, "awaited": True
    }  # fmt: skip
    return Happened(seq=1, type=type_, data=data, conversation_id=ID, **{**plain, **more})


CHANGED = {"escalation_id": str(ID), "status": "active", "command": "take", "by": str(ID)}
SAID = {"message_id": str(ID), "author": "customer"}
LOST = {"message_id": str(ID), "status": "failed", "error": "blocked"}
FETCHED = {"message_id": str(ID), "attachment_id": str(ID), "state": "stored"}
PROPOSED = {"learned_id": str(ID), "status": "proposed"}


def cases() -> Iterator[tuple[str, Happened, list[Post]]]:
    yield "opened", happened(EventType.ESCALATION, {"status": "pending", "command": None}), [CardPost()]
    yield "taken", happened(EventType.ESCALATION, CHANGED), [CardPost(), NoticePost(said=Said.TAKEN, member_id=ID)]
    yield "first rung", happened(EventType.ESCALATION, {"step": "offered"}), []
    yield "reminded", happened(EventType.ESCALATION, {"step": "reminder_1"}), [NoticePost(said=Said.REMINDER)]
    yield "owners", happened(EventType.ESCALATION, {"step": "reminder_2"}), [NoticePost(said=Said.OWNERS)]
    cancelled = {"status": "cancelled", "command": None}
    yield "cancelled", happened(EventType.ESCALATION, cancelled), [CardPost(), NoticePost(said=Said.CANCELLED)]
    yield "said", happened(EventType.MESSAGE, SAID), [MessagePost(message_id=ID)]
    yield "changed", happened(EventType.MESSAGE, {**SAID, "changed": True}), [MessagePost(message_id=ID, changed=True)]
    yield "said to the bot", happened(EventType.MESSAGE, SAID, during=False), []
    yield "said at the desk", happened(EventType.MESSAGE, SAID, from_desk=True), []
    yield "a file alone", happened(EventType.MESSAGE, SAID, worded=False), []
    not_delivered = NoticePost(said=Said.NOT_DELIVERED, code="blocked")
    yield "lost", happened(EventType.DELIVERY, LOST), [not_delivered]
    held = NoticePost(said=Said.HELD, code="window_closed")
    yield "held", happened(EventType.DELIVERY, {**LOST, "status": "queued", "error": "window_closed"}), [held]
    yield "lost by the bot", happened(EventType.DELIVERY, LOST, during=False), []
    yield "read", happened(EventType.DELIVERY, {**LOST, "status": "read"}), []
    yield "fetched", happened(EventType.ATTACHMENT, FETCHED, author=Author.CUSTOMER), [FilePost(attachment_id=ID)]
    yield "a manager's file", happened(EventType.ATTACHMENT, FETCHED, author=Author.MANAGER), []
    told = {**FETCHED, "state": "refused", "reason": "too_large"}
    refused = happened(EventType.ATTACHMENT, told, author=Author.MANAGER)
    yield "refused", refused, [NoticePost(said=Said.FILE_REFUSED, code="too_large")]
    yield "proposed", happened(EventType.LEARNED, PROPOSED), [LearnedPost(learned_id=ID)]
    yield "approved", happened(EventType.LEARNED, {**PROPOSED, "status": "approved"}), []
    yield "elsewhere", happened(EventType.ESCALATION, CHANGED, ours=False), []


@pytest.mark.parametrize(
    ("event", "posts"), [(event, posts) for _, event, posts in cases()], ids=[c[0] for c in cases()]
)
def test_what_becomes_of_an_event(event: Happened, posts: list[Post]) -> None:
    assert list(posts_of(event)) == posts


@pytest.mark.parametrize("language", Language)
def test_why_something_did_not_go_is_said_in_words(language: Language) -> None:
    """What Meta refuses can be read by a manager, but for what is a defect of ours, which stays a code."""
    told = {*whatsapp.REFUSED.values(), *whatsapp.UNREACHABLE.values()} - {"bad_request", "own_number"}
    assert told <= WORDS[language].causes.keys() == WORDS[Language.EN].causes.keys()
    shown = compose.notice(WORDS[language], Said.NOT_DELIVERED, code="template_paused")
    assert WORDS[language].causes["template_paused"] in shown
    assert "meta_1" in compose.notice(WORDS[language], Said.NOT_DELIVERED, code="meta_1")


@pytest.mark.parametrize("language", Language)
def test_what_cannot_be_shown_is_called_by_a_word_of_the_managers(language: Language) -> None:
    words = WORDS[language]
    assert words.unshown_kinds.keys() == WORDS[Language.EN].unshown_kinds.keys()
    pending, nobody = escalation(EscalationStatus.PENDING, ""), conversation(None)
    for extras, shown in (
        ({"unsupported": "poll"}, words.unshown_kinds["poll"]),
        ({"place": {}, "reply_to": "1"}, words.unshown_kinds["place"]),
        ({"unsupported": "hologram"}, "hologram"),
    ):
        card = compose.card(words, pending, nobody, [message("", extras=extras)])
        assert words.unshown.format(kind=shown) in fits(card)


def test_only_a_new_request_brings_the_files_before_it() -> None:
    assert opens(happened(EventType.ESCALATION, {"status": "pending", "command": None}))
    assert not opens(happened(EventType.ESCALATION, {"status": "pending", "command": "skip"}))
