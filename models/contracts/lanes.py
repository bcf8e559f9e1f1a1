"""The lanes of a channel account: one process each, so that nothing in an account is done by two at a time.

What waits stands in Postgres; a lane's process only sees to it that somebody works it off, and when to look again.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from models.contracts.base import Activity, Frozen, Signal, Workflow


class Lane(StrEnum):
    """`in`: deliveries become messages. `out`: messages are sent. `media`: files are fetched. `poll`: a provider that
    does not tell us is asked for news. `desk`: what happens is posted to its desks of managers."""

    IN = "in"
    OUT = "out"
    MEDIA = "media"
    POLL = "poll"
    DESK = "desk"


class LaneInput(Frozen):
    """Starts the process of one lane. `failures` in a row are carried across continue-as-new."""

    tenant_id: UUID
    channel_account_id: UUID
    lane: Lane
    failures: int = 0


class Poke(Frozen):
    """Something was added to the lane; it may have been after the last look.

    `anew`: the account itself has changed, or its provider is back: what was given up for a while is tried now.
    """

    anew: bool = False


class LaneWork(Frozen):
    """Work off what waits in a lane of this account."""

    tenant_id: UUID
    channel_account_id: UUID


class Worked(Frozen):
    """`again_at`: when there will be something to do; None: nothing waits. `away`: the provider could not be reached, or
    refuses the account: nothing is tried before then (None: at a time that grows with every such failure), whatever
    is added meanwhile."""

    again_at: datetime | None = None
    away: bool = False


LANE = Workflow("lane", LaneInput, type(None))
POKE = Signal("poke", Poke)
RECEIVE = Activity("receive", LaneWork, Worked)
DELIVER = Activity("deliver", LaneWork, Worked)
FETCH_MEDIA = Activity("fetch_media", LaneWork, Worked)
POLL = Activity("poll", LaneWork, Worked)
FOLLOW = Activity("follow_desk", LaneWork, Worked)
