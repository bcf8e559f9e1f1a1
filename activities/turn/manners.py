"""What a tenant's settings and policy mean for one turn: its numbers, opt-outs, floods, quiet hours. Pure but for the
clock."""

from collections.abc import Sequence
from datetime import UTC, datetime

from activities.hours import quiet_hours
from activities.understanding.language import detect
from models.contracts.enums import Intent, Language
from models.contracts.knowledge import Understanding
from models.contracts.policy import Policy
from models.contracts.settings import TenantSettings
from models.contracts.turn import Prepared, TurnRules, Verdict
from models.repositories.messages import Burst


def known(burst: Burst) -> Prepared:
    """What holds for the turn whatever the burst means."""
    settings, policy = burst.settings, burst.policy
    return Prepared(
        message_ids=burst.ids,
        rules=rules_of(settings, policy),
        people_at=quiet_hours.people_at(policy.quiet_hours, settings.business_hours, datetime.now(UTC)),
    )


def rules_of(settings: TenantSettings, policy: Policy) -> TurnRules:
    return TurnRules(
        mute=settings.mute,
        mute_again=settings.mute_again,
        opt_out_memory=settings.opt_out_memory,
        clarifications=settings.clarifications,
        goes_on=policy.greetings.goes_on,
        returns=policy.greetings.returns,
    )


def flooding(burst: Burst) -> bool:
    """Whether the customer has written more within the last minute than the policy lets them."""
    limit = burst.policy.flood
    return limit is not None and limit.exceeded_by(burst.recent, burst.repeats)


def unread(burst: Burst, previous: Language | None) -> Prepared:
    """Of a flood nothing is looked at but its language: reading it would cost what the flood is to cost."""
    return known(burst).model_copy(update={"understanding": _nothing(burst, previous), "flooding": True})


def wordless(burst: Burst, previous: Language | None) -> Prepared:
    """Pictures, voices, stickers: only a person can look at them."""
    return known(burst).model_copy(update={"understanding": _nothing(burst, previous), "verdict": Verdict.UNREADABLE})


def _nothing(burst: Burst, previous: Language | None) -> Understanding:
    return Understanding(intent=Intent.QUESTION, confidence=0.0, language=detect(burst.text, previous, burst.language))


def opt_out(language: Language, beside: Sequence[Intent] = ()) -> Understanding:
    """An opt-out in the tenant's own words, and what is said beside it."""
    intents = (Intent.OPT_OUT, *(intent for intent in beside if intent is not Intent.OPT_OUT))
    return Understanding(
        intent=Intent.OPT_OUT,
        confidence=1.0,
        intents=intents,
        language=language,
        has_question=Intent.QUESTION in intents,
    )
