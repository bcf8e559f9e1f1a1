"""What Meta's error codes mean. Its sentences are not read: they change, and may quote what was sent."""

from activities.channels.port import AccountError, ChannelError, RefusedError, TryLaterError, UnclearError

# https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes
LATER = {
    1: "provider_failed",
    2: "provider_away",
    4: "too_many_calls",
    80007: "too_many_calls",
    130429: "too_many_messages",
    131000: "provider_failed",
    131016: "provider_away",
    131048: "spam_limit",
    131057: "maintenance",
    133004: "provider_away",
}
PAIR_LIMIT = 131056
ACCOUNT = {
    0: "token_refused",
    3: "permission_missing",
    10: "permission_missing",
    33: "number_unknown",
    190: "token_refused",
    368: "account_restricted",
    131005: "permission_missing",
    131031: "account_locked",
    131037: "name_not_approved",
    131042: "payment_missing",
    131045: "number_not_registered",
    133010: "number_not_registered",
}
TOLD_LATE = frozenset({"account_restricted", "account_locked", "name_not_approved", "payment_missing"})
"""Of these: what Meta may say of a message that it took."""
UNREACHABLE = {
    131026: "undeliverable",
    131030: "not_in_test_list",
}
REFUSED = {
    100: "bad_request",
    130472: "experiment",
    131008: "bad_request",
    131009: "bad_request",
    131021: "own_number",
    131047: "window_closed",
    131049: "withheld_by_meta",
    131050: "marketing_stopped",
    131051: "unsupported_type",
    131052: "file_refused",
    131053: "file_refused",
    132000: "template_parameters",
    132001: "template_unknown",
    132005: "template_too_long",
    132007: "template_forbidden",
    132012: "template_parameters",
    132015: "template_paused",
    132016: "template_disabled",
}
WORDS = LATER | ACCOUNT | UNREACHABLE | REFUSED | {PAIR_LIMIT: "chat_limit"}

NO_SUCH_OBJECT = 33
"""A subcode of 100, not always told: of the number, or the file, that the request's address names."""
PAIR_SECONDS = 6.0
"""How often the same person may be written to, in the long run."""


def word(code: object) -> str:
    """A machine's word for an error code; the code itself, where there is none."""
    if isinstance(code, bool) or not isinstance(code, int):
        return "unknown"
    return WORDS.get(code) or ("permission_missing" if _permission(code) else f"meta_{code}")


def failure(status: int, error: dict[str, object], retry_after: float | None, *, acts: bool) -> ChannelError:
    """What an answer with HTTP `status` and Meta's `error` means. The code comes first: Meta's statuses are coarse."""
    code = error.get("code")
    if not isinstance(code, int) or isinstance(code, bool):
        return _by_status(status, retry_after, acts=acts)
    said = word(code)
    if code == PAIR_LIMIT:
        return TryLaterError(said, after=retry_after or PAIR_SECONDS, chat=True)
    if code in LATER:
        return TryLaterError(said, after=retry_after)
    if code == 100 and (error.get("error_subcode") == NO_SUCH_OBJECT or error.get("type") == "GraphMethodException"):
        return AccountError("number_unknown")
    if code in ACCOUNT or _permission(code):
        return AccountError(said)
    if code in WORDS:
        return RefusedError(said, unreachable=code in UNREACHABLE)
    if status < 500 and status not in (401, 403, 429):
        return RefusedError(said)
    return _by_status(status, retry_after, acts=acts)


def _by_status(status: int, retry_after: float | None, *, acts: bool) -> ChannelError:
    if status == 504 and acts:
        # Somebody in between stopped waiting; who was asked may have done it.
        return UnclearError("no_answer")
    if status == 429 or status >= 500:
        return TryLaterError(f"http_{status}", after=retry_after)
    if status in (401, 403):
        return AccountError("token_refused" if status == 401 else "permission_missing")
    return RefusedError(f"http_{status}")


def _permission(code: int) -> bool:
    return 200 <= code <= 299
