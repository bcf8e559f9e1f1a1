"""What the Bot API's refusals mean. It words them in sentences, which may quote what was sent: they are matched, and
never passed on."""

import re
from collections.abc import Mapping
from typing import Any

from activities.channels.port import (
    AccountError,
    ChannelError,
    MovedError,
    RefusedError,
    TryLaterError,
    UnclearError,
)

POLLER_SECONDS = 10.0
"""How long to leave a bot to another poller that asks for the same news."""

NOT_MODIFIED = "not_modified"
BAD_MARKUP = "bad_markup"
PHOTO_REFUSED = "photo_refused"
MESSAGE_GONE = "message_gone"
TOO_LATE = "too_late"

# The first that fits. The right column: nobody in the chat is to be written to any more.
MEANINGS: tuple[tuple[str, str, bool], ...] = (
    (r"message is not modified", NOT_MODIFIED, False),
    (r"can't parse entities|unsupported start tag", BAD_MARKUP, False),
    (r"message thread not found|topic_deleted|topic_id_invalid|forum topic not found", "topic_gone", False),
    (r"topic_closed", "topic_closed", False),
    (r"not a forum", "no_forum", False),
    (r"not enough rights|no rights|chat_write_forbidden|chat_admin_required|need administrator", "no_rights", False),
    (r"_forbidden\b|voice messages (are )?forbidden", "kind_forbidden", False),
    (r"bot was blocked", "blocked", True),
    (r"user is deactivated", "deactivated", True),
    (r"bot was kicked|not a member|group chat was deactivated|group chat was deleted", "removed", True),
    (r"can't initiate", "never_wrote", True),
    (r"can't send messages to bots", "is_a_bot", True),
    (r"chat not found|user not found|peer_id_invalid|chat_id_invalid|chat_id is empty", "chat_not_found", True),
    (r"photo_|image_process_failed|wrong type of the web page content|too big for a photo", PHOTO_REFUSED, False),
    (r"file is too big", "too_large", False),
    (r"wrong file_id|wrong remote file|temporarily unavailable|file must be non-empty", "file_refused", False),
    (r"too long", "too_long", False),
    (r"text is empty|must be non-empty", "empty", False),
    (r"message to (edit|delete|be replied) not found|message_id_invalid", MESSAGE_GONE, False),
    (r"can't be (edited|deleted)|there is no (text|caption) in the message", "not_possible", False),
    (r"query is too old|query id is invalid", TOO_LATE, False),
    (r"bad webhook|secret token", "bad_webhook", False),
)


def failure(status: int, answer: Mapping[str, Any] | None, *, group: bool, acts: bool) -> ChannelError:
    """What an answer that is not `ok` means; `answer` None: it was no JSON, so not the Bot API's own.

    `group`: the request was to a group, whose patience is another than the bot's.
    """
    parameters = answer.get("parameters") if answer else None
    after, moved = (
        (parameters.get("retry_after"), parameters.get("migrate_to_chat_id"))
        if isinstance(parameters, dict)
        else (None, None)
    )
    if status == 504 and acts:
        # Somebody in between stopped waiting; who was asked may have done it.
        return UnclearError("no_answer")
    if status == 429:
        return TryLaterError("too_many_messages", after=_seconds(after), chat=group)
    if status == 413:
        return RefusedError("too_large")
    if answer is None or status >= 500:
        return TryLaterError(f"http_{status}")
    if isinstance(moved, int):
        return MovedError(str(moved))
    said = str(answer.get("description")).lower()
    if status == 409:
        # Two that ask take turns at ending each other's question; while there is a webhook nobody may ask.
        return AccountError("webhook_set") if "webhook" in said else TryLaterError("other_poller", after=POLLER_SECONDS)
    if status in (401, 404):
        return AccountError("token_refused")
    for pattern, code, unreachable in MEANINGS:
        if re.search(pattern, said):
            return RefusedError(code, unreachable=unreachable)
    return RefusedError("forbidden", unreachable=True) if status == 403 else RefusedError("bad_request")


def _seconds(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and 0 <= value < float("inf") else None
