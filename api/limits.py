"""The limits that are settings, so that no schema can state them beforehand."""

from api.problems import invalid


def check_length(field: str, text: str, limit: int) -> None:
    """Raises ProblemError (422) naming `field` and the limit when `text` is longer than `limit` characters."""
    if len(text) > limit:
        raise invalid(field, f"must have at most {limit} characters; it has {len(text)}")
