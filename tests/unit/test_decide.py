"""The decision table: no situation is undefined, and the promises of the design hold in every one."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from models.contracts.enums import ConversationState, EscalationReason, Intent, ReplyKind
from models.contracts.turn import Coverage, TurnRules, Verdict
from workflows.decide import TABLE, Decision, Signal, Situation, decide, strongest

OPEN_STATES = [state for state in ConversationState if state is not ConversationState.CLOSED]

situations = st.builds(
    Situation,
    state=st.sampled_from(ConversationState),
    intents=st.lists(st.sampled_from(Intent), max_size=4, unique=True).map(tuple),
    has_question=st.booleans(),
    verdict=st.sampled_from(Verdict),
    coverage=st.sampled_from(Coverage),
    muted=st.booleans(),
    unsure=st.integers(0, 5),
    opt_outs=st.integers(0, 5),
    one_shot=st.booleans(),
    degraded=st.booleans(),
    flooding=st.booleans(),
    slowed=st.booleans(),
    rules=st.builds(TurnRules, clarifications=st.integers(0, 3)),
)


def situation(**changes: object) -> Situation:
    """A plain, covered question to the bot, but for `changes`."""
    plain: dict[str, object] = {
        "state": ConversationState.BOT_ACTIVE,
        "intents": (Intent.QUESTION,),
        "has_question": True,
        "verdict": Verdict.NONE,
        "coverage": Coverage.COVERED,
        "muted": False,
        "unsure": 0,
        "opt_outs": 0,
        "one_shot": False,
        "degraded": False,
        "flooding": False,
        "slowed": False,
        "rules": TurnRules(),
    }
    return Situation(**{**plain, **changes})  # type: ignore[arg-type]  # a table of overrides


def test_the_table_has_a_row_for_every_open_state_and_signal() -> None:
    assert set(TABLE) == {(state, signal) for state in OPEN_STATES for signal in Signal}


@given(situations)
def test_every_situation_has_a_decision(any_: Situation) -> None:
    assert isinstance(decide(any_), Decision)


@given(situations)
def test_a_manager_is_never_talked_over(any_: Situation) -> None:
    if any_.state is ConversationState.MANAGER_ACTIVE:
        decision = decide(any_)
        assert decision.forward
        assert decision.escalate is None
        assert decision.reply in (None, ReplyKind.ESCALATION_CANCELLED)
        assert (decision.reply is not None) == decision.cancel


@given(situations)
def test_a_promise_of_a_person_and_an_escalation_come_together(any_: Situation) -> None:
    decision = decide(any_)
    promises = decision.reply is ReplyKind.ESCALATED or (
        decision.reply is ReplyKind.VERIFIED and any_.state is not ConversationState.PENDING
    )
    assert promises == (decision.escalate is not None)
    if decision.reply is ReplyKind.PERSON_COMING:
        assert any_.state is ConversationState.PENDING
    if decision.cancel:
        assert any_.state in (ConversationState.PENDING, ConversationState.MANAGER_ACTIVE)
    if decision.escalate is not None:
        assert any_.state in (ConversationState.BOT_ACTIVE, ConversationState.CLOSED), "no second escalation"


@given(situations)
def test_policy_comes_before_everything_but_a_flood(any_: Situation) -> None:
    if any_.flooding and any_.verdict is not Verdict.VERIFIED:
        assert strongest(any_) is Signal.FLOOD
    elif any_.verdict is not Verdict.NONE:
        assert strongest(any_) is Signal(any_.verdict.value)
        if any_.verdict is Verdict.PERSON and any_.state is ConversationState.BOT_ACTIVE:
            assert decide(any_).escalate is EscalationReason.POLICY


@given(situations)
def test_a_flood_is_told_once_and_moves_nothing(any_: Situation) -> None:
    decision = decide(any_)
    if strongest(any_) is Signal.FLOOD:
        assert decision.escalate is None
        assert not decision.cancel
        assert decision.mute is None
        assert decision.reply in (None, ReplyKind.SLOW_DOWN)
        assert (decision.unsure, decision.opt_outs) == (any_.unsure, any_.opt_outs)
        assert decision.forward == (any_.state in (ConversationState.PENDING, ConversationState.MANAGER_ACTIVE))
    if decision.reply is ReplyKind.SLOW_DOWN:
        assert any_.flooding
        assert decision.slowed
        assert not any_.slowed
    assert decision.slowed <= any_.flooding


@given(situations)
def test_who_somebody_is_is_asked_for_their_matters_only(any_: Situation) -> None:
    decision = decide(any_)
    asks = {ReplyKind.IDENTIFY: Verdict.IDENTIFY, ReplyKind.WRONG_CODE: Verdict.WRONG_CODE}
    if decision.reply in asks:
        assert any_.verdict is asks[decision.reply]
        assert decision.escalate is None
    if any_.verdict is Verdict.VERIFIED and any_.state is ConversationState.BOT_ACTIVE:
        assert (decision.reply, decision.escalate) == (ReplyKind.VERIFIED, EscalationReason.POLICY)
    assert (decision.reply is ReplyKind.VERIFIED) <= (any_.verdict is Verdict.VERIFIED)


@given(situations)
def test_only_covered_questions_are_answered(any_: Situation) -> None:
    if decide(any_).reply is ReplyKind.QUOTE:
        assert any_.coverage is Coverage.COVERED


@given(situations)
def test_a_muted_bot_speaks_only_to_call_a_person_or_to_be_quieter(any_: Situation) -> None:
    if any_.muted and any_.state is ConversationState.BOT_ACTIVE:
        calls = {ReplyKind.ESCALATED, ReplyKind.VERIFIED, ReplyKind.IDENTIFY, ReplyKind.WRONG_CODE}
        assert decide(any_).reply in {None, *calls, ReplyKind.MUTED, ReplyKind.REENGAGE}
        if any_.verdict is Verdict.RULE:
            assert decide(any_).reply is None


@given(situations)
def test_counters_only_move_by_what_they_count(any_: Situation) -> None:
    decision = decide(any_)
    assert decision.opt_outs == any_.opt_outs + (decision.mute is not None)
    assert decision.unsure in (0, any_.unsure, any_.unsure + 1)
    assert (decision.unsure == any_.unsure + 1) == (decision.reply is ReplyKind.CLARIFY)


def test_mutes_grow() -> None:
    opt_out = {"intents": (Intent.OPT_OUT,), "has_question": False}
    assert decide(situation(**opt_out)).mute == timedelta(minutes=30)
    assert decide(situation(**opt_out, opt_outs=1)).mute == timedelta(hours=24)


def test_an_opt_out_with_a_question_asks_to_go_on() -> None:
    decision = decide(situation(intents=(Intent.OPT_OUT, Intent.QUESTION)))
    assert (decision.reply, decision.mute) == (ReplyKind.REENGAGE, None)


def test_two_clarifications_at_most_and_then_a_person() -> None:
    first = decide(situation(coverage=Coverage.UNSURE))
    assert (first.reply, first.unsure) == (ReplyKind.CLARIFY, 1)
    second = decide(situation(coverage=Coverage.UNSURE, unsure=first.unsure))
    assert (second.reply, second.unsure) == (ReplyKind.CLARIFY, 2)
    third = decide(situation(coverage=Coverage.UNSURE, unsure=second.unsure))
    assert (third.escalate, third.unsure) == (EscalationReason.UNSURE, 0)
    assert decide(situation(coverage=Coverage.UNSURE, one_shot=True)).escalate is EscalationReason.UNSURE


def test_what_knowledge_does_not_cover_goes_to_a_person() -> None:
    assert decide(situation(coverage=Coverage.UNCOVERED)).escalate is EscalationReason.KNOWLEDGE_GAP
    assert decide(situation(coverage=Coverage.UNCOVERED, degraded=True)).escalate is EscalationReason.FAILURE


def test_the_strongest_signal_wins() -> None:
    everything = situation(intents=tuple(Intent))
    assert strongest(everything) is Signal.OPT_OUT
    without = situation(intents=tuple(i for i in Intent if i is not Intent.OPT_OUT))
    assert strongest(without) is Signal.HUMAN
    assert strongest(situation(intents=(Intent.THANKS, Intent.QUESTION))) is Signal.QUESTION
    beside = situation(intents=(Intent.OUT_OF_SCOPE, Intent.GREETING), coverage=Coverage.UNCOVERED)
    assert strongest(beside) is Signal.COURTESY
    assert strongest(situation(intents=())) is Signal.QUESTION


@given(situations)
def test_what_the_pages_may_cover_is_the_companys_business(any_: Situation) -> None:
    if any_.intents == (Intent.OUT_OF_SCOPE,) and any_.verdict is Verdict.NONE and not any_.flooding:
        elsewhere = any_.coverage is Coverage.UNCOVERED
        assert strongest(any_) is (Signal.OUT_OF_SCOPE if elsewhere else Signal.QUESTION)
