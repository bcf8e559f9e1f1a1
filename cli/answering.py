"""The gateway's means to answer a question: a turn's own steps in a row, put together above both rooms."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from activities import phrases
from activities.embedding.spaces import Spaces
from activities.generation.extractive import excerpt
from activities.generation.port import GenerateRequest
from activities.generation.prompt import messages_for
from activities.provider.errors import ProviderError
from activities.retrieval.retrieve import Retriever
from activities.routes.build import Routes
from activities.routes.metering import Meter, metered
from activities.turn import wording
from activities.turn.consider import Asked, Consider, Understood, asks, coverage_of
from activities.turn.manners import rules_of
from activities.turn.record import CITED, citation
from activities.turn.write import Write, Written
from activities.understanding.choice import classifier_for
from activities.usage.counted import counted_embedders, counted_reranker
from activities.usage.ledger import open_ledger
from api.answering import OpenAnswerer
from api.problems import invalid, unavailable
from api.records import translated
from models.contracts.answering import Answered, Explanation, FoundPassage, PromptMessage, Question
from models.contracts.conversation import Reply
from models.contracts.enums import ConversationState, EscalationReason, ReplyKind
from models.contracts.knowledge import Retrieval
from models.contracts.model_health import RouteHealth
from models.contracts.turn import Coverage, Outcome, Verdict
from models.contracts.usage import ModelCall, Purpose, Spender
from models.repositories import assistants
from runtime import models_file
from runtime.database import Database
from runtime.home import Home
from runtime.settings import Settings
from workflows.decide import Decision, Situation, decide


@dataclass(slots=True)
class Trail:
    """What was found out on the way to one answer, for whoever asks why."""

    seconds: dict[str, float] = field(default_factory=dict)
    found: Retrieval = field(default_factory=Retrieval)
    request: GenerateRequest | None = None
    written: Written | None = None

    def note(self, step: str, begun: float) -> None:
        self.seconds[step] = time.perf_counter() - begun


class Answering:
    """Understands, searches, decides, writes and checks as a conversation's turn does, and keeps nothing of it."""

    def __init__(
        self, database: Database, routes: Routes, considering: Callable[[], Awaitable[Consider]], write: Write
    ) -> None:
        self._database = database
        self._routes = routes
        self._considering = considering
        self._consider: Consider | None = None
        self._opening = asyncio.Lock()
        self._write = write

    async def ask(self, tenant_id: UUID, question: Question) -> Answered:
        begun = time.perf_counter()
        with translated():
            asked = await self._asked(tenant_id, question)
            spender = Spender(tenant_id=tenant_id, assistant_id=asked.chosen.id)
            trail = Trail()
            consider = await self._opened()
            async with metered(self._database, spender, asked.settings.budgets) as meter:
                understood, decision = await self._decided(consider, asked, trail)
            answered = _answered(asked, understood, decision, trail)
        trail.seconds["model"] = sum(call.milliseconds for call in meter.calls) / 1000
        trail.note("total", begun)
        spent = {step: round(1000 * seconds, 2) for step, seconds in trail.seconds.items()}
        answered = answered.model_copy(update={"milliseconds": spent})
        if question.explain:
            explanation = _explained(asked, understood, decision, trail, meter, spent)
            answered = answered.model_copy(update={"explanation": explanation})
        return answered

    def health(self) -> tuple[RouteHealth, ...]:
        return self._routes.health()

    async def _asked(self, tenant_id: UUID, question: Question) -> Asked:
        async with self._database.tenant(tenant_id) as tx:
            rules = await assistants.rules(tx, question.assistant)
        if rules is None:
            raise invalid("assistant", "there is no assistant with this slug")
        chosen = rules.chosen
        if question.language is not None:
            language = {"language": question.language}
            chosen = chosen.model_copy(update={"assistant": chosen.assistant.model_copy(update=language)})
        return Asked(tenant_id, question.text, rules.settings, rules.policy, rules.language, chosen)

    async def _opened(self) -> Consider:
        """At the first question: the gateway starts without its database, and many never answer."""
        async with self._opening:
            if self._consider is None:
                try:
                    self._consider = await self._considering()
                except ProviderError as error:
                    raise unavailable("The embedding model cannot be reached now.") from error
        return self._consider

    async def _decided(self, consider: Consider, asked: Asked, trail: Trail) -> tuple[Understood, Decision]:
        """The decision of the conversation's own table, on a conversation that has just begun."""
        begun = time.perf_counter()
        understood = await consider.understand(asked)
        trail.note("understand", begun)
        trail.seconds["embedding"] = understood.embedding_seconds
        coverage, degraded = Coverage.UNCOVERED, False
        if asks(understood.understanding):
            begun = time.perf_counter()
            found = await consider.find(asked, understood)
            trail.note("search", begun)
            degraded = found is None
            if found is not None:
                trail.found, coverage = found, coverage_of(found.confidence, asked.chosen.assistant)
        decision = decide(_situation(asked, understood, coverage, degraded=degraded))
        route = asked.chosen.assistant.route
        if decision.reply is ReplyKind.QUOTE and self._write.writes(route):
            begun = time.perf_counter()
            language = understood.understanding.language
            trail.request = self._write.request(asked.masked(asked.text), language, trail.found.passages, asked.chosen)
            trail.written = await self._write.write(trail.request, route, asked.text, asked.policy.claims)
            trail.note("write", begun)
            if trail.written.outcome is Outcome.NO_ANSWER:
                decision = decide(_situation(asked, understood, Coverage.UNSURE, degraded=degraded))
        return understood, decision


def _verdict(understood: Understood) -> Verdict:
    return Verdict.NONE if understood.topic is None else Verdict(understood.topic.action)


def _situation(asked: Asked, understood: Understood, coverage: Coverage, *, degraded: bool) -> Situation:
    return Situation(
        state=ConversationState.BOT_ACTIVE,
        intents=understood.understanding.intents,
        has_question=understood.understanding.has_question,
        verdict=_verdict(understood),
        coverage=coverage,
        muted=False,
        unsure=0,
        opt_outs=0,
        one_shot=False,
        degraded=degraded,
        flooding=False,
        slowed=False,
        rules=rules_of(asked.settings, asked.policy),
    )


def _answered(asked: Asked, understood: Understood, decision: Decision, trail: Trail) -> Answered:
    language = understood.understanding.language
    written = trail.written
    if decision.escalate is not None or decision.reply is ReplyKind.IDENTIFY:
        # Who comes here has no conversation in which a code could be asked for.
        reason = decision.escalate or EscalationReason.POLICY
        return Answered(decision="escalate", kind=None, text=None, language=language, reason=reason)
    # Where a model has found no answer in the passages, they are not shown either.
    shows = decision.reply is ReplyKind.CLARIFY and written is None and trail.found.passages
    if decision.reply is not ReplyKind.QUOTE and not shows:
        kind = decision.reply or ReplyKind.CLARIFY
        reply = Reply(
            kind=kind,
            language=language,
            rule=understood.topic.name if understood.topic else None,
            mute=decision.mute,
        )
        text = asked.chosen.greeting(language) if kind is ReplyKind.GREETING else None
        if text is None:
            text = wording.say(reply, asked.policy, asked.settings.business_hours.time_zone, datetime.now(UTC))
        return Answered(
            decision="clarify" if kind is ReplyKind.CLARIFY else "reply", kind=kind, text=text, language=language
        )
    confidence = trail.found.confidence
    passage = trail.found.passages[0]
    if written is not None and written.outcome is Outcome.WRITTEN and written.answer is not None:
        return Answered(
            decision="answer",
            kind=ReplyKind.ANSWER,
            text=written.answer.text,
            language=language,
            citations=tuple(citation(passage) for passage in trail.found.passages[:CITED]),
            confidence=confidence,
        )
    words = excerpt(asked.text, passage.text)
    if decision.reply is ReplyKind.CLARIFY:
        return Answered(
            decision="clarify",
            kind=ReplyKind.CLARIFY,
            text=phrases.shown(language, passage.title, words),
            language=language,
            citations=(citation(passage, words),),
            confidence=confidence,
        )
    return Answered(
        decision="quote",
        kind=ReplyKind.QUOTE,
        text=phrases.quote(language, passage.title, words),
        language=language,
        citations=(citation(passage, words),),
        confidence=confidence,
    )


def _explained(
    asked: Asked,
    understood: Understood,
    decision: Decision,
    trail: Trail,
    meter: Meter,
    spent: dict[str, float],
) -> Explanation:
    assistant, written = asked.chosen.assistant, trail.written
    shown = ("chunk_id", "title", "heading", "text", "language", "similarity", "score")
    coverage = coverage_of(trail.found.confidence, assistant)
    return Explanation(
        assistant_id=asked.chosen.id,
        understanding=understood.understanding,
        verdict=_verdict(understood),
        rule=understood.topic.name if understood.topic else None,
        coverage=coverage,
        answer_at=assistant.answer_at,
        unsure_at=assistant.unsure_at,
        features=trail.found.features,
        passages=tuple(
            FoundPassage(**{name: getattr(passage, name) for name in shown}) for passage in trail.found.passages
        ),
        prompt=()
        if trail.request is None
        else tuple(PromptMessage(role=each.role, text=each.text) for each in messages_for(trail.request)),
        outcome=None if written is None else written.outcome,
        causes=() if written is None else written.causes,
        calls=tuple(meter.calls),
        milliseconds=spent,
        why=_why(understood, decision, coverage, trail),
    )


COVERS = {Coverage.COVERED: "covers", Coverage.UNSURE: "may cover", Coverage.UNCOVERED: "does not cover"}


def _why(understood: Understood, decision: Decision, coverage: Coverage, trail: Trail) -> str:
    """The decision's grounds in one sentence."""
    if understood.topic is not None:
        return f"the policy's topic {understood.topic.name} says so"
    if decision.reply is ReplyKind.DECLINE or not asks(understood.understanding):
        return f"the message is taken for {understood.understanding.intent.value}"
    if decision.escalate in (EscalationReason.HUMAN_REQUEST, EscalationReason.FRUSTRATION):
        return f"beside a question there is {decision.escalate.value}"
    found = f"knowledge {COVERS[coverage]} the question: confidence {trail.found.confidence:.2f}"
    if trail.written is None or trail.written.outcome is Outcome.WRITTEN:
        return found
    causes = ", ".join(trail.written.causes) or "the model found no answer in the passages"
    return f"{found}; what was written was not used: {causes}"


def answering(settings: Settings) -> OpenAnswerer:
    """An answerer with the models that are configured; the embedded one is loaded at the first question."""

    @asynccontextmanager
    async def opened(database: Database, observe: Callable[[ModelCall], None]) -> AsyncIterator[Answering]:
        async with AsyncExitStack() as stack:
            routes = Routes(models_file.configured(settings), observe)
            stack.push_async_callback(routes.close)
            ledger = await stack.enter_async_context(open_ledger(database))
            usual, following = counted_embedders(settings, ledger)
            reranker = counted_reranker(settings, ledger)
            for each in (usual, following, reranker):
                if each is not None:
                    stack.push_async_callback(each.close)

            async def considering() -> Consider:
                classifier = classifier_for(
                    usual,
                    Home.at(settings.data_dir).root / "cache",
                    model=routes.chat(Purpose.UNDERSTAND) if settings.llm_understands else None,
                )
                await classifier.load()
                async with database.system() as tx:
                    spaces = await Spaces.of(tx, usual, following)
                return Consider(database, usual, classifier, Retriever(database, spaces, reranker))

            write = Write(usual, routes, settings.llm_turn_seconds)
            yield Answering(database, routes, considering, write)

    return opened
