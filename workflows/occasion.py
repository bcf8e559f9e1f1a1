"""How a turn follows on what was said before in its conversation. Pure."""

from datetime import datetime

from models.contracts.conversation import Standing
from models.contracts.enums import Occasion
from models.contracts.turn import TurnRules


def occasion(before: Standing, now: datetime, rules: TurnRules) -> Occasion:
    """By the silence since anybody wrote. Where that is not known, neither as a stranger nor as one who returns."""
    if before.turn == 0:
        return Occasion.FIRST
    if before.spoke_at is None:
        return Occasion.AGAIN
    silence = now - before.spoke_at
    if silence < rules.goes_on:
        return Occasion.GOES_ON
    return Occasion.RETURNED if silence > rules.returns else Occasion.AGAIN
