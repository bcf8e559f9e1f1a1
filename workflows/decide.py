"""What to do about a customer's message: a table, and the few rules that a table cannot hold. Pure.

The model has no say here: it neither opens nor cancels an escalation, and no policy can be talked away.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from models.contracts.enums import ConversationState, EscalationReason, Intent, ReplyKind
from models.contracts.turn import Coverage, TurnRules, Verdict


class Signal(StrEnum):
    """What a message says, the strongest first."""

    VERIFIED = "verified"
    FLOOD = "flood"
    WRONG_CODE = "wrong_code"
    PERSON = "person"
    IDENTIFY = "identify"
    RULE = "rule"
    UNREADABLE = "unreadable"
    OPT_OUT = "opt_out"
    HUMAN = "human"
    QUESTION = "question"
    COURTESY = "courtesy"
    OUT_OF_SCOPE = "out_of_scope"


class Action(StrEnum):
    ESCALATE = "escalate"
    ASK_FOR_CODE = "ask_for_code"
    ASK_FOR_CODE_AGAIN = "ask_for_code_again"
    CONFIRM_IDENTITY = "confirm_identity"
    ANSWER = "answer"
    ANSWER_BY_RULE = "answer_by_rule"
    ASK_FOR_WORDS = "ask_for_words"
    SMALL_TALK = "small_talk"
    DECLINE = "decline"
    OPT_OUT = "opt_out"
    CANCEL_ESCALATION = "cancel_escalation"
    CONFIRM_PERSON = "confirm_person"
    FORWARD = "forward"
    SLOW_DOWN = "slow_down"


BOT, PENDING, MANAGER = ConversationState.BOT_ACTIVE, ConversationState.PENDING, ConversationState.MANAGER_ACTIVE

TABLE: dict[tuple[ConversationState, Signal], Action] = {
    (BOT, Signal.VERIFIED): Action.ESCALATE,
    (BOT, Signal.FLOOD): Action.SLOW_DOWN,
    (BOT, Signal.WRONG_CODE): Action.ASK_FOR_CODE_AGAIN,
    (BOT, Signal.PERSON): Action.ESCALATE,
    (BOT, Signal.IDENTIFY): Action.ASK_FOR_CODE,
    (BOT, Signal.RULE): Action.ANSWER_BY_RULE,
    (BOT, Signal.UNREADABLE): Action.ASK_FOR_WORDS,
    (BOT, Signal.OPT_OUT): Action.OPT_OUT,
    (BOT, Signal.HUMAN): Action.ESCALATE,
    (BOT, Signal.QUESTION): Action.ANSWER,
    (BOT, Signal.COURTESY): Action.SMALL_TALK,
    (BOT, Signal.OUT_OF_SCOPE): Action.DECLINE,
    (PENDING, Signal.VERIFIED): Action.CONFIRM_IDENTITY,
    (PENDING, Signal.FLOOD): Action.SLOW_DOWN,
    (PENDING, Signal.WRONG_CODE): Action.ASK_FOR_CODE_AGAIN,
    (PENDING, Signal.PERSON): Action.FORWARD,
    (PENDING, Signal.IDENTIFY): Action.FORWARD,
    (PENDING, Signal.RULE): Action.ANSWER_BY_RULE,
    (PENDING, Signal.UNREADABLE): Action.FORWARD,
    (PENDING, Signal.OPT_OUT): Action.CANCEL_ESCALATION,
    (PENDING, Signal.HUMAN): Action.CONFIRM_PERSON,
    (PENDING, Signal.QUESTION): Action.ANSWER,
    (PENDING, Signal.COURTESY): Action.SMALL_TALK,
    (PENDING, Signal.OUT_OF_SCOPE): Action.DECLINE,
    (MANAGER, Signal.VERIFIED): Action.FORWARD,
    (MANAGER, Signal.FLOOD): Action.FORWARD,
    (MANAGER, Signal.WRONG_CODE): Action.FORWARD,
    (MANAGER, Signal.PERSON): Action.FORWARD,
    (MANAGER, Signal.IDENTIFY): Action.FORWARD,
    (MANAGER, Signal.RULE): Action.FORWARD,
    (MANAGER, Signal.UNREADABLE): Action.FORWARD,
    (MANAGER, Signal.OPT_OUT): Action.CANCEL_ESCALATION,
    (MANAGER, Signal.HUMAN): Action.FORWARD,
    (MANAGER, Signal.QUESTION): Action.FORWARD,
    (MANAGER, Signal.COURTESY): Action.FORWARD,
    (MANAGER, Signal.OUT_OF_SCOPE): Action.FORWARD,
}

SIGNAL_OF = {
    Intent.OPT_OUT: Signal.OPT_OUT,
    Intent.HUMAN_REQUEST: Signal.HUMAN,
    Intent.FRUSTRATION: Signal.HUMAN,
    Intent.QUESTION: Signal.QUESTION,
    Intent.GREETING: Signal.COURTESY,
    Intent.THANKS: Signal.COURTESY,
    Intent.OUT_OF_SCOPE: Signal.OUT_OF_SCOPE,
}

SIGNAL_BY_POLICY = {
    Verdict.PERSON: Signal.PERSON,
    Verdict.RULE: Signal.RULE,
    Verdict.IDENTIFY: Signal.IDENTIFY,
    Verdict.VERIFIED: Signal.VERIFIED,
    Verdict.WRONG_CODE: Signal.WRONG_CODE,
    Verdict.UNREADABLE: Signal.UNREADABLE,
}

SAID: dict[Action, ReplyKind] = {
    Action.ASK_FOR_CODE: ReplyKind.IDENTIFY,
    Action.ASK_FOR_CODE_AGAIN: ReplyKind.WRONG_CODE,
    Action.CONFIRM_IDENTITY: ReplyKind.VERIFIED,
    Action.CONFIRM_PERSON: ReplyKind.PERSON_COMING,
    Action.ANSWER_BY_RULE: ReplyKind.RULE,
    Action.ASK_FOR_WORDS: ReplyKind.UNREADABLE,
    Action.DECLINE: ReplyKind.DECLINE,
}
"""Actions that are one reply and nothing else."""

STRENGTH = list(Signal)

# What reaches a customer who asked the bot to be quiet: only what leads to a person, or asks for more quiet.
THROUGH_A_MUTE = {
    Signal.VERIFIED,
    Signal.WRONG_CODE,
    Signal.PERSON,
    Signal.IDENTIFY,
    Signal.HUMAN,
    Signal.OPT_OUT,
}


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a decision may depend on. `opt_outs` counts those still remembered; `slowed`: the customer was told that
    they are `flooding`."""

    state: ConversationState
    intents: tuple[Intent, ...]
    has_question: bool
    verdict: Verdict
    coverage: Coverage
    muted: bool
    unsure: int
    opt_outs: int
    one_shot: bool
    degraded: bool
    flooding: bool
    slowed: bool
    rules: TurnRules


@dataclass(frozen=True, slots=True)
class Decision:
    """`reply` None: the bot says nothing. `forward`: a manager is to see the message. `slowed`: the messages are kept,
    and left unanswered because there are too many."""

    reply: ReplyKind | None = None
    forward: bool = False
    escalate: EscalationReason | None = None
    cancel: bool = False
    mute: timedelta | None = None
    slowed: bool = False
    unsure: int = 0
    opt_outs: int = 0


def strongest(situation: Situation) -> Signal:
    """The signal that wins. A message without any intent is treated as a question."""
    signals = {SIGNAL_OF[intent] for intent in situation.intents} or {Signal.QUESTION}
    if Signal.OUT_OF_SCOPE in signals and situation.coverage is not Coverage.UNCOVERED:
        # What a company's business is, its pages know better than examples of other business.
        signals = (signals - {Signal.OUT_OF_SCOPE}) | {Signal.QUESTION}
    if situation.verdict is not Verdict.NONE:
        signals.add(SIGNAL_BY_POLICY[situation.verdict])
    if situation.flooding:
        signals.add(Signal.FLOOD)
    return min(signals, key=STRENGTH.index)


def decide(situation: Situation) -> Decision:
    """The decision for one burst of messages; defined for every situation (tests/unit/test_decide.py)."""
    signal = strongest(situation)
    # A closed conversation has been reopened by the very message that is decided here.
    state = BOT if situation.state is ConversationState.CLOSED else situation.state
    waiting = state is PENDING
    same = Decision(unsure=situation.unsure, opt_outs=situation.opt_outs, forward=state is not BOT)

    if state is BOT and situation.muted and signal not in THROUGH_A_MUTE:
        return same
    match TABLE[state, signal]:
        case Action.FORWARD:
            return same
        case Action.ESCALATE:
            reply = ReplyKind.VERIFIED if signal is Signal.VERIFIED else ReplyKind.ESCALATED
            return replace(same, reply=reply, escalate=_reason(signal, situation))
        case Action.SLOW_DOWN:
            # Once. Were every message answered, the bot would flood the customer, and a person every manager.
            return replace(same, reply=None if situation.slowed else ReplyKind.SLOW_DOWN, slowed=True)
        case Action.CANCEL_ESCALATION:
            return replace(same, reply=ReplyKind.ESCALATION_CANCELLED, cancel=True)
        case Action.OPT_OUT:
            return _opt_out(same, situation)
        case Action.SMALL_TALK:
            thanks = Intent.THANKS in situation.intents
            return replace(same, reply=ReplyKind.THANKS if thanks else ReplyKind.GREETING)
        case Action.ANSWER:
            return _answer(same, situation, waiting=waiting)
        case said:
            return replace(same, reply=SAID[said])


def _reason(signal: Signal, situation: Situation) -> EscalationReason:
    if signal in (Signal.PERSON, Signal.VERIFIED):
        return EscalationReason.POLICY
    if Intent.HUMAN_REQUEST in situation.intents:
        return EscalationReason.HUMAN_REQUEST
    return EscalationReason.FRUSTRATION


def _opt_out(same: Decision, situation: Situation) -> Decision:
    if situation.has_question:
        return replace(same, reply=ReplyKind.REENGAGE)
    rules = situation.rules
    mute = rules.mute if situation.opt_outs == 0 else rules.mute_again
    return replace(same, reply=ReplyKind.MUTED, mute=mute, opt_outs=situation.opt_outs + 1)


def _answer(same: Decision, situation: Situation, *, waiting: bool) -> Decision:
    if situation.coverage is Coverage.COVERED:
        return replace(same, reply=ReplyKind.QUOTE, unsure=0)
    if waiting:
        return replace(same, reply=ReplyKind.PERSON_COMING)
    if situation.coverage is Coverage.UNCOVERED:
        gap = EscalationReason.FAILURE if situation.degraded else EscalationReason.KNOWLEDGE_GAP
        return replace(same, reply=ReplyKind.ESCALATED, escalate=gap, unsure=0)
    if situation.one_shot or situation.unsure >= situation.rules.clarifications:
        return replace(same, reply=ReplyKind.ESCALATED, escalate=EscalationReason.UNSURE, unsure=0)
    return replace(same, reply=ReplyKind.CLARIFY, unsure=situation.unsure + 1)
