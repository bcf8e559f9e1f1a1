"""Deadlines in business hours: inside hours, monotone, and right across nights, weekends and clock changes."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from activities.hours.business_hours import WEEKDAYS, after
from models.contracts.settings import BusinessHours, OpenHours

NINE_TO_SIX = OpenHours(opens=time(9), closes=time(18))
OFFICE = BusinessHours(time_zone="Asia/Almaty", days=dict.fromkeys(WEEKDAYS[:5], NINE_TO_SIX))
ALWAYS = BusinessHours()

moments = st.floats(0, 365 * 86400).map(lambda seconds: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds))


def almaty(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment of November 2026 (the 2nd is a Monday) in the office's zone."""
    return datetime(2026, 11, day, hour, minute, tzinfo=ZoneInfo("Asia/Almaty"))


@given(moments, st.floats(0, 10_000))
def test_without_hours_people_always_work(start: datetime, minutes: float) -> None:
    assert after(start, minutes, ALWAYS) == start + timedelta(minutes=minutes)


@given(moments, st.floats(0.1, 5_000), st.floats(0.1, 5_000))
def test_deadlines_ascend_and_fall_within_hours(start: datetime, minutes: float, more: float) -> None:
    first, second = after(start, minutes, OFFICE), after(start, minutes + more, OFFICE)
    assert start < first < second
    local = first.astimezone(ZoneInfo("Asia/Almaty"))
    assert local.weekday() < 5
    assert time(9) <= local.time() <= time(18)


def test_a_request_is_announced_at_once_whatever_the_hour() -> None:
    assert after(almaty(1, 3), 0, OFFICE) == almaty(1, 3)


def test_nights_and_weekends_do_not_count() -> None:
    assert after(almaty(2, 17, 50), 30, OFFICE) == almaty(3, 9, 20)
    assert after(almaty(6, 17, 50), 30, OFFICE) == almaty(9, 9, 20), "Friday evening to Monday morning"
    assert after(almaty(7, 12), 60, OFFICE) == almaty(9, 10)


def test_a_day_on_which_the_clock_changes_has_the_hours_it_has() -> None:
    # Berlin goes from 03:00 back to 02:00 on 2026-10-25, a Sunday: midnight to noon lasts 13 hours.
    hours = BusinessHours(
        time_zone="Europe/Berlin", days={"sunday": OpenHours(opens=time(0), closes=time(12)), "monday": NINE_TO_SIX}
    )
    start = datetime(2026, 10, 24, 22, tzinfo=UTC)
    assert after(start, 13 * 60, hours) == start + timedelta(hours=13)
    assert after(start, 13 * 60 + 1, hours).astimezone(ZoneInfo("Europe/Berlin")).hour == 9


def test_hours_that_never_come_end_at_the_horizon() -> None:
    brief = BusinessHours(days={"sunday": OpenHours(opens=time(0), closes=time(0, 1))})
    assert after(almaty(2, 12), 100_000, brief) == almaty(2, 12) + timedelta(days=366)
