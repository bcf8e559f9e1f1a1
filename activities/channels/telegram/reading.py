"""An Update of the Bot API as events. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from activities.channels.telegram.wire import Contact, File, Head, Point, Press, Reach, Venue, parsed, understood
from models.contracts.channels import (
    Arrived,
    Attachment,
    ButtonPressed,
    ChatMoved,
    ContactCard,
    MediaKind,
    MessageArrived,
    MessageEdited,
    Place,
    ReachChanged,
)

ALLOWED_UPDATES = ("message", "edited_message", "callback_query", "my_chat_member")
"""The kinds of updates that are read here; Telegram is asked for no others."""

FILES: Mapping[str, tuple[MediaKind, str | None]] = {
    # An animation comes as a document, too, for clients that know none.
    "animation": (MediaKind.VIDEO, "video/mp4"),
    "voice": (MediaKind.VOICE, "audio/ogg"),
    "audio": (MediaKind.AUDIO, None),
    "video": (MediaKind.VIDEO, None),
    "video_note": (MediaKind.VIDEO, "video/mp4"),
    "document": (MediaKind.DOCUMENT, None),
    "sticker": (MediaKind.STICKER, "image/webp"),
}
"""With what each is where Telegram does not tell."""

UNSUPPORTED = (
    "poll dice game story checklist paid_media rich_message invoice giveaway giveaway_winners venue location contact"
).split()
"""What people send and what cannot be shown here, or is not as it should be."""

SERVICE = frozenset(
    "new_chat_members left_chat_member chat_owner_left chat_owner_changed new_chat_title new_chat_photo "
    "delete_chat_photo group_chat_created supergroup_chat_created channel_chat_created "
    "message_auto_delete_timer_changed pinned_message successful_payment refunded_payment users_shared chat_shared gift "
    "unique_gift gift_upgrade_sent connected_website write_access_allowed passport_data proximity_alert_triggered "
    "boost_added chat_background_set checklist_tasks_done checklist_tasks_added direct_message_price_changed "
    "forum_topic_created forum_topic_edited forum_topic_closed forum_topic_reopened general_forum_topic_hidden "
    "general_forum_topic_unhidden giveaway_created giveaway_completed managed_bot_created paid_message_price_changed "
    "poll_option_added poll_option_deleted suggested_post_approved suggested_post_approval_failed "
    "suggested_post_declined suggested_post_paid suggested_post_refunded video_chat_scheduled video_chat_started "
    "video_chat_ended video_chat_participants_invited web_app_data".split()
)
"""What a message tells that nobody says: what was done in the chat. What is in neither list is something new."""


def read(payload: Mapping[str, Any]) -> Sequence[Arrived]:
    """Everything that concerns us: all messages in groups, too (see addressed). Raises ValueError when it is no Update,
    or one of our kinds that cannot be understood."""
    if not isinstance(payload.get("update_id"), int):
        raise ValueError("not an Update of the Bot API")  # noqa: TRY004 - the port's error
    match payload:
        case {"message": dict(raw)}:
            return _message(understood(Head, raw), raw)
        case {"edited_message": dict(raw)}:
            return _edited(understood(Head, raw))
        case {"callback_query": dict(raw)}:
            return _pressed(raw)
        case {"my_chat_member": dict(raw)}:
            return _reach(understood(Reach, raw))
        case _:
            return ()


def _message(head: Head, raw: Mapping[str, Any]) -> Sequence[Arrived]:
    if isinstance(to := raw.get("migrate_to_chat_id"), int):
        return (ChatMoved(chat=str(head.chat.id), to=str(to)),)
    if isinstance(origin := raw.get("migrate_from_chat_id"), int):
        return (ChatMoved(chat=str(origin), to=str(head.chat.id)),)
    writer = head.writer
    # What a group's channel posts is passed on to the group, as if somebody had written it.
    if writer is None or head.chat.type == "channel" or head.is_automatic_forward:
        return ()
    said = _said(head, raw)
    if said is None:
        return ()
    return (
        MessageArrived(
            id=str(head.message_id),
            chat=head.where,
            sender=writer,
            sent_at=head.date,
            reply_to=head.replied,
            album=head.media_group_id,
            **said,
        ),
    )


def _edited(head: Head) -> Sequence[Arrived]:
    """Of a place that moves or a counter of buttons the text stays what it is: none."""
    text = head.text if head.text is not None else head.caption
    if text is None or head.writer is None or head.chat.type == "channel":
        return ()
    return (MessageEdited(id=str(head.message_id), chat=head.where, text=text),)


def _pressed(raw: Mapping[str, Any]) -> Sequence[Arrived]:
    """Buttons of games, and of messages sent by way of other bots, are none of ours."""
    if "message" not in raw or "data" not in raw:
        return ()
    press = understood(Press, raw)
    chat, message_id = press.message.where, str(press.message.message_id)
    return (ButtonPressed(id=press.id, chat=chat, sender=press.sender.person, data=press.data, message_id=message_id),)


def _reach(reach: Reach) -> Sequence[Arrived]:
    if reach.chat.type == "channel":
        return ()
    standing = reach.new_chat_member
    reachable = standing.status in ("member", "administrator", "creator") or standing.is_member
    return (ReachChanged(chat=reach.chat.chat(), sender=reach.sender.person, reachable=reachable),)


def _said(head: Head, raw: Mapping[str, Any]) -> dict[str, Any] | None:
    """What of a MessageArrived the content makes; None for what is nothing that a person says."""
    if head.text is not None:
        return {"text": head.text}
    caption = {"text": head.caption or ""}
    if "photo" in raw:
        photo = _photo(raw["photo"])
        return caption | ({"unsupported": "photo"} if photo is None else {"attachments": (photo,)})
    for name, (kind, mime) in FILES.items():
        if name in raw:
            file = parsed(File, raw[name])
            if file is None:
                return caption | {"unsupported": name}
            return caption | {"attachments": (file.attachment(kind, _sticker(raw[name]) or mime),)}
    if venue := parsed(Venue, raw.get("venue")):
        return {"place": Place(**dict(venue.location), title=venue.title, address=venue.address)}
    if point := parsed(Point, raw.get("location")):
        return {"place": Place(**dict(point))}
    if contact := parsed(Contact, raw.get("contact")):
        name = " ".join(part for part in (contact.first_name, contact.last_name) if part)
        return {"contact": ContactCard(name=name, phones=(contact.phone_number,))}
    if not SERVICE.isdisjoint(raw):
        return None
    return caption | {"unsupported": next((name for name in UNSUPPORTED if name in raw), "unknown")}


def _photo(sizes: object) -> Attachment | None:
    """The largest of a photo's sizes. Telegram's photos are JPEG."""
    known = [size for raw in (sizes if isinstance(sizes, list) else ()) if (size := parsed(File, raw)) is not None]
    largest = max(known, key=lambda size: (size.width or 0) * (size.height or 0), default=None)
    return None if largest is None else largest.attachment(MediaKind.IMAGE, "image/jpeg")


def _sticker(raw: object) -> str | None:
    match raw:
        case {"is_animated": True}:
            return "application/x-tgsticker"
        case {"is_video": True}:
            return "video/webm"
        case _:
            return None
