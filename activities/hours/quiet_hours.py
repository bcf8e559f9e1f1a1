"""A tenant's quiet hours: when they end, and when people come after them. Pure."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from activities.hours import business_hours
from models.contracts.policy import QuietHours
from models.contracts.settings import BusinessHours


def end(quiet: QuietHours | None, zone: str, now: datetime) -> datetime | None:
    """When the quiet hours that hold at `now` (aware) are over; None when none hold."""
    local = now.astimezone(ZoneInfo(zone))
    if quiet is None or not quiet.hold_at(local.time()):
        return None
    day = local.date() if local.time() < quiet.ends else local.date() + timedelta(days=1)
    return datetime.combine(day, quiet.ends, local.tzinfo).astimezone(UTC)


def people_at(quiet: QuietHours | None, hours: BusinessHours, now: datetime) -> datetime | None:
    """When people come again, if `now` is in quiet hours: at their end, or when business opens after it."""
    over = end(quiet, hours.time_zone, now)
    return None if over is None else business_hours.opening(over, hours)
