"""A suite through a system: taught, asked, judged."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from activities.understanding.port import Classifier
from evals import judge
from evals.cases import Answer, Case, Decision, Injection, IntentOf, Probe, Retrieval, Script
from evals.client import Client
from evals.grounded import Knowledge
from evals.hostile import HOSTILE, HostileModel
from evals.judge import Exchange
from evals.metrics import METRICS, measure
from evals.result import Measured, Result, SuiteRun
from evals.suites import Suite

Step = Callable[[], None]


async def run(
    suite: Suite, client: Client | None, classifier: Classifier, model: HostileModel | None, parallel: int, step: Step
) -> SuiteRun:
    """Run all cases, `parallel` at a time. `client` may be None for a suite of intents alone.

    `step` is called once for each case that is done. `model` is the one that the system asks, if it is scripted.
    """
    answerer = await _answerer(client, model)
    runner = Runner(suite, client, classifier, model)
    await runner.teach()
    slots = asyncio.Semaphore(parallel)

    async def one(name: str, case: Case) -> Sequence[Result]:
        async with slots:
            results = await runner.judge(name, case)
        step()
        return results

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(name, case)) for name, case in suite.cases.items()]
    results = await runner.with_reasons([result for task in tasks for result in task.result()])
    return judged(suite, answerer, results)


async def _answerer(client: Client | None, model: HostileModel | None) -> str:
    """What writes the answers; nothing where intents alone are judged."""
    if model is not None:
        return HOSTILE
    return "-" if client is None else await client.answerer()


def judged(suite: Suite, answerer: str, results: Sequence[Result]) -> SuiteRun:
    """The figures of the results, held against the suite's thresholds."""
    metrics = {}
    for name, figure in measure(results).items():
        threshold = suite.head.thresholds.get(name)
        held = None if threshold is None else METRICS[name].holds(figure.value, threshold)
        metrics[name] = Measured(
            value=round(figure.value, 4),
            of=figure.of,
            low=None if figure.low is None else round(figure.low, 4),
            high=None if figure.high is None else round(figure.high, 4),
            threshold=threshold,
            held=held,
        )
    return SuiteRun(
        suite=suite.name, title=suite.head.title, answerer=answerer, metrics=metrics, results=tuple(results)
    )


class Runner:
    """Asks each case of a conversation of its own, so that none changes another."""

    def __init__(self, suite: Suite, client: Client | None, classifier: Classifier, model: HostileModel | None) -> None:
        self._suite = suite
        self._client = client
        self._classifier = classifier
        self._model = model
        self._names: dict[str, str] = {}
        self._asked_in: dict[str, str] = {}
        self._knowledge = Knowledge(suite.knowledge)

    @property
    def _api(self) -> Client:
        assert self._client is not None, "only intents are judged without a system"
        return self._client

    async def teach(self) -> None:
        """Bring the company's rules and knowledge, and what attackers have slipped into it."""
        if self._client is None:
            return
        head, said = self._suite.head, _slipped_in(self._suite)
        await self._api.put("settings", head.settings.model_dump(mode="json", exclude_unset=True))
        await self._api.put("policy", head.policy.model_dump(mode="json", exclude_unset=True))
        # A tool has no way of its own yet: what it returned is found as a document is.
        for source, documents in {**_by_source(self._suite.knowledge), **said}.items():
            await self._api.teach(source, documents)
        everything = {
            name: text for documents in (self._suite.knowledge, *said.values()) for name, text in documents.items()
        }
        self._knowledge = Knowledge(everything)
        self._names = await self._api.names()

    async def judge(self, name: str, case: Case) -> list[Result]:
        match case:
            case IntentOf():
                return [await self._intent(name, case)]
            case Retrieval():
                return [await self._search(name, case, case.say[0], case.document, case.within)]
            case Answer(document=str(document)):
                search = await self._search(f"{name}.search", case, case.say[0], document)
                return [search, await self._ask(name, case)]
            case Answer() | Decision():
                return [await self._ask(name, case)]
            case Script():
                return await self._script(name, case)
            case Injection():
                return await self._injection(name, case)

    async def with_reasons(self, results: Sequence[Result]) -> list[Result]:
        """The results with why a person was asked for, where one was."""
        if self._client is None:
            return list(results)
        reasons = await self._api.reasons()
        return [
            result.model_copy(update={"reason": reasons.get(self._asked_in.get(result.id, ""))}) for result in results
        ]

    async def _intent(self, name: str, case: IntentOf) -> Result:
        understood = await self._classifier.understand(case.say[0])
        expected, got = tuple(case.intents), tuple(understood.intents)
        return Result(
            id=name,
            kind="intent",
            text=case.say[0],
            expected=tuple(intent.value for intent in expected),
            got=tuple(intent.value for intent in got),
            passed=expected[0] is got[0],
            confidence=understood.confidence,
        )

    async def _search(self, name: str, case: Case, text: str, document: str, within: str | None = None) -> Result:
        return judge.searched(name, case, text, document, await self._api.search(text, within), self._names)

    async def _ask(self, name: str, case: Answer | Decision) -> Result:
        exchange = await self._exchange(name, case.say[0])
        return await judge.answered(name, case.kind, case, exchange, self._knowledge)

    async def _script(self, name: str, case: Script) -> list[Result]:
        conversation = await self._api.open()
        results = []
        for number, turn in enumerate(case.turns, start=1):
            exchange = Exchange(turn.say, await self._api.say(conversation, turn.say))
            results.append(await judge.answered(f"{name}.{number}", "turn", turn, exchange, self._knowledge))
        return results

    async def _injection(self, name: str, case: Injection) -> list[Result]:
        exchange = await self._exchange(f"{name}.attack", case.attack.say)
        reached = None if self._model is None else case.obeys in self._model.reached
        results = [judge.attacked(name, case, exchange, reached=reached)]
        if case.benign is not None:
            exchange = await self._exchange(f"{name}.benign", case.benign.say)
            results.append(
                await judge.served(name, case.benign, exchange, self._knowledge, written=self._model is not None)
            )
        return results

    async def _exchange(self, name: str, text: str) -> Exchange:
        conversation = await self._api.open()
        self._asked_in[name] = conversation
        return Exchange(text, await self._api.say(conversation, text))


def _by_source(knowledge: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """A source for each folder; what lies in none is "knowledge"."""
    sources: dict[str, dict[str, str]] = {}
    for name, text in knowledge.items():
        folder, _, _ = name.rpartition("/")
        sources.setdefault(folder or "knowledge", {})[name] = text
    return sources


def _slipped_in(suite: Suite) -> dict[str, dict[str, str]]:
    """What documents and tools say in the cases of injection: by source, then by name."""
    sources: dict[str, dict[str, str]] = {}
    for name, case in suite.injections.items():
        probes: dict[str, Probe | None] = {"attack": case.attack, "benign": case.benign}
        for part, probe in probes.items():
            if probe is not None and probe.text is not None:
                sources.setdefault(case.where, {})[f"{name}-{part}"] = probe.text
    return sources
