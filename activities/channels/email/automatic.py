"""Mails that nobody wrote: answering them would begin a conversation of machines (RFC 3834)."""

import re
from collections.abc import Mapping

_BULK = ("bulk", "junk", "list", "auto_reply")
_MACHINES = re.compile(r"(?:mailer-daemon|postmaster|(?:no|do-?not)[-_.]?reply|bounces?)(?:[+_-].*)?@")


def automatic(headers: Mapping[str, str], sender: str | None) -> str | None:
    """A word for why a mail is automatic; None: a person may have written it. `headers` by names in small letters."""
    submitted = headers.get("auto-submitted", "no").partition(";")[0].strip().lower()
    if submitted != "no":
        return "auto_submitted"
    if headers.get("precedence", "").strip().lower() in _BULK:
        return "precedence"
    if {"x-autoreply", "x-autorespond", "x-auto-response-from"} & headers.keys():
        return "auto_reply"
    # The last is what newsletters must have (RFC 8058).
    if {"list-id", "list-post", "list-unsubscribe-post"} & headers.keys():
        return "list"
    if headers.get("return-path", "").strip() == "<>":
        return "no_return_path"
    if sender is not None and _MACHINES.match(sender):
        return "machine"
    return None
