"""Greetings by time of day, quiet hours with the hour at which people come, floods: by the tenant's own clock."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities import ladder
from activities.hours import business_hours, quiet_hours
from activities.phrases import DayPart
from activities.turn import wording
from activities.understanding.language import detect
from models.contracts.conversation import Reply, Standing
from models.contracts.enums import LadderStep, Language, Occasion, ReplyKind
from models.contracts.escalation import PlanInput
from models.contracts.policy import Flood, OptOut, Policy, QuietHours, Topic
from models.contracts.settings import BusinessHours, OpenHours, TenantSettings
from models.contracts.turn import TurnRules
from runtime.ids import new_id
from workflows.occasion import occasion

ALMATY = "Asia/Almaty"  # UTC+5
NIGHT = QuietHours(begins=time(22), ends=time(8))
WEEKDAYS = BusinessHours(
    time_zone=ALMATY,
    days={day: OpenHours(opens=time(9), closes=time(18)) for day in ("monday", "tuesday", "friday")},
)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)  # a Friday, 17:00 in Almaty


def local(text: str) -> datetime:
    """`day hour:minute` of November 2026 in Almaty."""
    day, clock = text.split()
    hour, minute = map(int, clock.split(":"))
    return datetime(2026, 11, int(day), hour, minute, tzinfo=UTC) - timedelta(hours=5)


# Quiet hours --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "people"),
    [
        ("20 21:59", None),
        ("20 22:00", "23 09:00"),  # Friday evening: people come on Monday
        ("23 00:30", "23 09:00"),
        ("23 23:00", "24 09:00"),
        ("23 07:59", "23 09:00"),
        ("23 08:00", None),
    ],
)
def test_people_come_when_business_opens_after_quiet_hours(now: str, people: str | None) -> None:
    found = quiet_hours.people_at(NIGHT, WEEKDAYS, local(now))
    assert found == (None if people is None else local(people))


def test_without_business_hours_people_come_when_quiet_hours_end() -> None:
    assert quiet_hours.people_at(NIGHT, BusinessHours(time_zone=ALMATY), local("20 23:00")) == local("21 08:00")
    assert quiet_hours.people_at(None, WEEKDAYS, local("20 23:00")) is None


@given(
    st.times(),
    st.times(),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)),  # noqa: DTZ001  # made aware below
)
def test_quiet_hours_end_at_their_end_within_a_day(begins: time, ends: time, now: datetime) -> None:
    if begins == ends:
        return
    aware = now.replace(tzinfo=UTC)
    found = quiet_hours.end(QuietHours(begins=begins, ends=ends), ALMATY, aware)
    if found is not None:
        assert aware < found <= aware + timedelta(days=1)
        assert quiet_hours.end(QuietHours(begins=begins, ends=ends), ALMATY, found) is None


def test_business_opens_now_later_or_never() -> None:
    assert business_hours.opening(local("20 17:00"), WEEKDAYS) == local("20 17:00")
    assert business_hours.opening(local("20 18:00"), WEEKDAYS) == local("23 09:00")
    assert business_hours.opening(local("20 18:00"), BusinessHours()) == local("20 18:00")


def test_customers_are_told_of_a_delay_after_quiet_hours_and_managers_at_once() -> None:
    given_ = PlanInput(tenant_id=new_id(), escalation_id=new_id(), start_at=local("20 23:00"))
    settings = TenantSettings(business_hours=BusinessHours(time_zone=ALMATY))
    due = {rung.step: rung.due_at for rung in ladder.rungs(given_, settings, Policy(quiet_hours=NIGHT))}
    assert due[LadderStep.REMINDER_1] == local("20 23:30")
    assert due[LadderStep.REMINDER_2] == local("21 08:00")
    awake = {rung.step: rung.due_at for rung in ladder.rungs(given_, settings, Policy())}
    assert awake[LadderStep.REMINDER_2] == local("21 00:00")


# Words --------------------------------------------------------------------------------------------


def said(
    kind: ReplyKind, policy: Policy | None = None, now: str = "20 09:00", zone: str = ALMATY, **given_: Any
) -> str:
    reply = Reply(kind=kind, language=given_.pop("language", Language.EN), **given_)
    return wording.greeted(wording.say(reply, policy or Policy(), zone, local(now)), reply, zone, local(now))


@pytest.mark.parametrize(
    ("now", "greeting"),
    [
        ("20 05:00", "Good morning!"),
        ("20 12:00", "Good afternoon!"),
        ("20 18:00", "Good evening!"),
        ("20 04:59", "Good evening!"),
    ],
)
def test_a_greeting_knows_the_time_of_day(now: str, greeting: str) -> None:
    assert said(ReplyKind.GREETING, now=now, occasion=Occasion.FIRST).startswith(greeting)
    assert said(ReplyKind.GREETING, now=now, zone="UTC").startswith("Hello!"), "nobody has said where customers are"


def test_a_greeting_knows_what_went_before() -> None:
    first = said(ReplyKind.GREETING, occasion=Occasion.FIRST)
    assert first == said(ReplyKind.GREETING, occasion=Occasion.AGAIN) == "Good morning! What can I help you with?"
    assert "Good morning" not in said(ReplyKind.GREETING, occasion=Occasion.GOES_ON)
    assert "earlier question" in said(ReplyKind.GREETING, occasion=Occasion.RETURNED)
    assert said(ReplyKind.CLARIFY, occasion=Occasion.RETURNED).startswith("Good morning!\n")
    assert not said(ReplyKind.CLARIFY, occasion=Occasion.AGAIN).startswith("Good")
    assert not said(ReplyKind.THANKS, occasion=Occasion.RETURNED).startswith("Good")


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("moment", [Occasion.FIRST, Occasion.GOES_ON, Occasion.RETURNED])
@pytest.mark.parametrize("part", [None, *DayPart])
def test_every_greeting_is_in_its_language(language: Language, moment: Occasion, part: DayPart | None) -> None:
    clock = {None: "20 09:00", DayPart.MORNING: "20 09:00", DayPart.DAY: "20 13:00", DayPart.EVENING: "20 20:00"}[part]
    zone = "UTC" if part is None else ALMATY
    assert detect(said(ReplyKind.GREETING, now=clock, zone=zone, language=language, occasion=moment)) is language


@pytest.mark.parametrize(
    ("people", "words"),
    [("20 09:00", "today at 09:00"), ("21 09:00", "tomorrow at 09:00"), ("23 09:00", "on 23.11. at 09:00")],
)
def test_a_promise_in_quiet_hours_says_when_people_come(people: str, words: str) -> None:
    for kind in (ReplyKind.ESCALATED, ReplyKind.PERSON_COMING, ReplyKind.VERIFIED):
        assert words in said(kind, now="20 06:00", people_at=local(people))
    assert "people are back" not in said(ReplyKind.THANKS, now="20 06:00", people_at=local(people))
    for language in Language:
        assert detect(said(ReplyKind.ESCALATED, now="20 06:00", people_at=local(people), language=language)) is language


def test_a_tenants_own_words_come_first_in_their_language() -> None:
    own = Policy(opt_out=OptOut(muted={Language.RU: "Молчу."}, reengage={Language.RU: "Ответить?"}))
    assert said(ReplyKind.MUTED, own, language=Language.RU, mute=timedelta(minutes=30)) == "Молчу."
    assert said(ReplyKind.REENGAGE, own, language=Language.RU) == "Ответить?"
    assert "half an hour" in said(ReplyKind.MUTED, own, mute=timedelta(minutes=30))


def test_a_rule_is_said_word_for_word() -> None:
    rules = Policy(topics=(Topic(name="hours", phrases=("hours",), action="rule", text={Language.RU: "С 9."}),))
    assert said(ReplyKind.RULE, rules, rule="hours", occasion=Occasion.RETURNED) == "С 9."
    assert said(ReplyKind.RULE, Policy(), rule="hours") == said(ReplyKind.CLARIFY)


# Occasions and floods -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("turn", "silence", "expected"),
    [
        (0, None, Occasion.FIRST),
        (3, None, Occasion.AGAIN),
        (3, timedelta(minutes=29, seconds=59), Occasion.GOES_ON),
        (3, timedelta(minutes=30), Occasion.AGAIN),
        (3, timedelta(hours=24), Occasion.AGAIN),
        (3, timedelta(hours=24, seconds=1), Occasion.RETURNED),
    ],
)
def test_an_occasion_is_told_by_the_silence(turn: int, silence: timedelta | None, expected: Occasion) -> None:
    before = Standing(turn=turn, spoke_at=None if silence is None else NOW - silence)
    assert occasion(before, NOW, TurnRules()) is expected


@pytest.mark.parametrize(("messages", "repeats", "expected"), [(30, 10, False), (31, 1, True), (11, 11, True)])
def test_a_flood_is_more_than_the_policy_lets(messages: int, repeats: int, expected: bool) -> None:
    assert Flood().exceeded_by(messages, repeats) is expected
