"""What the bot says by itself, in the words of the tenant where it has some: by time of day, and by what went before."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from activities import phrases
from activities.phrases import DayPart
from models.contracts.conversation import Reply
from models.contracts.enums import Language, Occasion, ReplyKind
from models.contracts.policy import Policy

NOBODYS_ZONE = "UTC"
"""The time zone of a tenant that has set none: what time it is for its customers is not known."""
EVENING, MORNING, NOON = time(18), time(5), time(12)
GREETED = {ReplyKind.ANSWER, ReplyKind.QUOTE, ReplyKind.CLARIFY, ReplyKind.ESCALATED}
"""What a customer who returns is greeted before."""


def say(reply: Reply, policy: Policy, zone: str, now: datetime) -> str:
    """The words of a reply that no knowledge is needed for. `now` is the moment of the turn."""
    language = reply.language
    match reply.kind:
        case ReplyKind.RULE:
            return _rule(reply, policy)
        case ReplyKind.GREETING:
            return _greeting(reply, zone, now)
        case ReplyKind.MUTED:
            return policy.opt_out.muted.get(language) or phrases.muted(language, reply.mute or timedelta())
        case ReplyKind.REENGAGE:
            return policy.opt_out.reengage.get(language) or phrases.phrase(ReplyKind.REENGAGE, language)
        case ReplyKind.MANAGER | ReplyKind.ANSWER | ReplyKind.QUOTE:
            raise ValueError(f"the words of kind {reply.kind.value} are not made here")
        case ReplyKind.ESCALATED | ReplyKind.PERSON_COMING | ReplyKind.VERIFIED if reply.people_at is not None:
            return f"{phrases.phrase(reply.kind, language)} {_people_at(reply.people_at, language, zone, now)}"
        case kind:
            return phrases.phrase(kind, language)


def greeted(text: str, reply: Reply, zone: str, now: datetime) -> str:
    """The text, after a greeting if the customer returns after a long time."""
    if reply.occasion is not Occasion.RETURNED or reply.kind not in GREETED:
        return text
    return f"{phrases.hello(reply.language, day_part(zone, now))}\n{text}"


def day_part(zone: str, now: datetime) -> DayPart | None:
    if zone == NOBODYS_ZONE:
        return None
    clock = now.astimezone(ZoneInfo(zone)).time()
    if MORNING <= clock < NOON:
        return DayPart.MORNING
    return DayPart.DAY if NOON <= clock < EVENING else DayPart.EVENING


def _rule(reply: Reply, policy: Policy) -> str:
    """A topic's canned text in the customer's language, else in the first that the tenant wrote."""
    for topic in policy.topics:
        if topic.name == reply.rule and topic.text:
            return topic.text.get(reply.language) or next(iter(topic.text.values()))
    # The tenant took the rule back while the turn ran.
    return phrases.phrase(ReplyKind.CLARIFY, reply.language)


def _greeting(reply: Reply, zone: str, now: datetime) -> str:
    spoken = phrases.PHRASES[reply.language]
    if reply.occasion is Occasion.GOES_ON:
        return spoken.greeting_goes_on
    asked = spoken.greeting_returned if reply.occasion is Occasion.RETURNED else spoken.greeting
    return f"{phrases.hello(reply.language, day_part(zone, now))} {asked}"


def _people_at(moment: datetime, language: Language, zone: str, now: datetime) -> str:
    spoken = phrases.PHRASES[language]
    local = moment.astimezone(ZoneInfo(zone))
    match (local.date() - now.astimezone(ZoneInfo(zone)).date()).days:
        case 0:
            words = spoken.people_today
        case 1:
            words = spoken.people_tomorrow
        case _:
            words = spoken.people_on
    return words.format(time=f"{local:%H:%M}", date=f"{local:%d.%m.}")
