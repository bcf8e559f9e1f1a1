"""Words about people: what they are sent, and how their addresses are written."""

from datetime import timedelta
from enum import StrEnum

from email_validator import EmailNotValidError, validate_email


class MailPurpose(StrEnum):
    """Why somebody gets a mail. Each has its texts in activities/mail/texts."""

    CONFIRM = "confirm"
    RESET = "reset"
    INVITE = "invite"
    ALREADY_MEMBER = "already_member"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105  # a purpose


class TokenPurpose(StrEnum):
    """What a one-time token is good for, and nothing else."""

    CONFIRM = "confirm"
    RESET = "reset"
    INVITE = "invite"


TOKEN_LIVES = {
    TokenPurpose.CONFIRM: timedelta(hours=24),
    TokenPurpose.RESET: timedelta(hours=1),
    TokenPurpose.INVITE: timedelta(days=7),
}

LONGEST_ADDRESS = 254


def email_address(value: str) -> str:
    """An address as it is stored and compared: lower-case, its domain in ASCII. Raises ValueError."""
    if len(value) > LONGEST_ADDRESS:
        raise ValueError(f"must have at most {LONGEST_ADDRESS} characters")
    try:
        # Mail inside a company may go to hosts that the world does not know.
        found = validate_email(value, check_deliverability=False, globally_deliverable=False, allow_smtputf8=False)
    except EmailNotValidError:
        # The library's own words quote the input.
        raise ValueError("must be an e-mail address, like name@example.com") from None
    assert found.ascii_email is not None, "addresses beyond ASCII are refused above"
    return found.ascii_email.lower()
