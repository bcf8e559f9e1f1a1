"""Counts time in a tenant's business hours. Pure."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from models.contracts.settings import BusinessHours, Weekday

WEEKDAYS: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

HORIZON = timedelta(days=366)
"""A deadline further off than this is given as it is: hours like that are a mistake, not a schedule."""


def opening(start: datetime, hours: BusinessHours) -> datetime:
    """The first moment from `start` (aware) on at which people work, in UTC."""
    zone = ZoneInfo(hours.time_zone)
    for day in range(8 if hours.days else 0):
        date = start.astimezone(zone).date() + timedelta(days=day)
        open_hours = hours.days.get(WEEKDAYS[date.weekday()])
        if open_hours is not None:
            opens = datetime.combine(date, open_hours.opens, zone).astimezone(UTC)
            if start < datetime.combine(date, open_hours.closes, zone).astimezone(UTC):
                return max(opens, start.astimezone(UTC))
    return start.astimezone(UTC)


def after(start: datetime, minutes: float, hours: BusinessHours) -> datetime:
    """The moment when `minutes` of business time have passed since `start` (aware; the result is in UTC).

    Without any business days, people always work. Zero minutes are due at once, whatever the hour: a request for
    a person is announced when it is made.
    """
    left = timedelta(minutes=minutes)
    if left <= timedelta(0) or not hours.days:
        return start.astimezone(UTC) + max(left, timedelta(0))
    zone = ZoneInfo(hours.time_zone)
    day = start.astimezone(zone).date()
    end = start + HORIZON
    while datetime.combine(day, datetime.min.time(), zone) < end:
        open_hours = hours.days.get(WEEKDAYS[day.weekday()])
        if open_hours is not None:
            # Instants, not wall-clock times: a day on which the clock changes is not as long as it looks.
            opens = datetime.combine(day, open_hours.opens, zone).astimezone(UTC)
            closes = datetime.combine(day, open_hours.closes, zone).astimezone(UTC)
            begins = max(opens, start.astimezone(UTC))
            if begins < closes:
                if begins + left <= closes:
                    return begins + left
                left -= closes - begins
        day += timedelta(days=1)
    return end.astimezone(UTC)
