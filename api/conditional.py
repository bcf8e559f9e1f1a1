"""Conditional writes: who replaces something says what they have read, so that nobody's change is lost unseen."""

from typing import Annotated

from fastapi import Header
from pydantic import Field

from api.problems import ProblemError, documented

EntityTag = Annotated[str, Field(pattern=r'^(\*|(W/)?"[!#-~]{1,128}")$', max_length=140)]
IfMatch = Annotated[
    EntityTag | None, Header(description="The `ETag` of what is being replaced, or `*` to replace whatever there is.")
]
CONDITIONAL = documented(400, 412, 413, 428)


def check_match(given: str | None, current: str) -> None:
    """Raises ProblemError: 428 nothing given, 412 somebody else was quicker."""
    if given is None:
        raise ProblemError(428, "Send the ETag of what you read in If-Match, so that nobody's change is lost.")
    if given not in ("*", current):
        raise ProblemError(412, "Somebody has changed it since you read it. Read it again.", headers={"ETag": current})
