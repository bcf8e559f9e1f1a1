"""Suites through systems: one that is started for them, or one that runs elsewhere."""

import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from activities.embedding.choice import embedder_for
from activities.understanding.choice import classifier_for
from activities.understanding.port import Classifier
from evals import runner, system
from evals.cases import IntentOf
from evals.client import Client, connected
from evals.hostile import HostileModel
from evals.result import Run, SuiteRun
from evals.runner import Step
from evals.suites import Suite
from runtime.errors import OperatorError
from runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A running system, and a key of the owner of a tenant that has no knowledge yet."""

    url: str
    key: str


async def evaluate(
    suites: Sequence[Suite], settings: Settings, elsewhere: Elsewhere | None, parallel: int, step: Step
) -> Run:
    """Run the suites one after the other; `step` is called `steps(suites, elsewhere)` times.

    On a system of its own, attacks are made twice: on the answerer that is configured, and on a model that obeys them.
    """
    async with _classifier(suites, settings) as classifier:
        session = _Session(classifier, parallel, step)
        if elsewhere is not None:
            runs = [await session.elsewhere(suite, elsewhere) for suite in suites]
        else:
            runs = await session.here(suites)
    return Run(created_at=datetime.now(UTC), suites=tuple(runs))


def steps(suites: Sequence[Suite], elsewhere: Elsewhere | None) -> int:
    """How many cases will be run."""
    return sum(len(suite.cases) + (len(suite.injections) if elsewhere is None else 0) for suite in suites)


@dataclass(frozen=True, slots=True)
class _Session:
    classifier: Classifier
    parallel: int
    step: Step

    async def here(self, suites: Sequence[Suite]) -> list[SuiteRun]:
        """A tenant for each suite. Suites of intents alone need no system."""
        runs = [
            await runner.run(suite, None, self.classifier, None, self.parallel, self.step)
            for suite in suites
            if not _needs_system(suite)
        ]
        asking = [suite for suite in suites if _needs_system(suite)]
        attacking = [_attacks(suite) for suite in suites if suite.injections]
        # One folder for both: the second start finds the database made and the examples of intents embedded.
        with tempfile.TemporaryDirectory(prefix="mainstay-eval-") as folder:
            data_dir = Path(folder) / "data"
            if asking:
                runs += await self._started(data_dir, {}, asking, None)
            if attacking:
                model = HostileModel(case for suite in attacking for case in suite.injections.values())
                async with model.serving() as settings:
                    runs += await self._started(data_dir, settings, attacking, model)
        return runs

    async def elsewhere(self, suite: Suite, where: Elsewhere) -> SuiteRun:
        """In the tenant that is there, which is left as it was. Raises OperatorError when it knows something."""
        async with connected(where.url, where.key, self.parallel) as client, _borrowed(client):
            return await runner.run(suite, client, self.classifier, None, self.parallel, self.step)

    async def _started(
        self, data_dir: Path, settings: Mapping[str, str], suites: Sequence[Suite], model: HostileModel | None
    ) -> list[SuiteRun]:
        runs = []
        async with system.running(data_dir, settings) as running:
            for number, suite in enumerate(suites, start=1):
                slug = f"eval-{number}" if model is None else f"hostile-{number}"
                key = await running.tenant(slug, suite.head.title, suite.head.language)
                async with connected(running.url, key, self.parallel) as client:
                    runs.append(await runner.run(suite, client, self.classifier, model, self.parallel, self.step))
        return runs


@asynccontextmanager
async def _classifier(suites: Sequence[Suite], settings: Settings) -> AsyncIterator[Classifier]:
    """Who understands messages, made as the worker makes it."""
    key = settings.embedding_api_key
    embedder = embedder_for(
        settings.embedding_provider,
        model=settings.embedding_model,
        base_url=settings.embedding_url,
        api_key=None if key is None else key.get_secret_value(),
        dimension=settings.embedding_dimension,
    )
    try:
        classifier = classifier_for(embedder)
        if any(isinstance(case, IntentOf) for suite in suites for case in suite.cases.values()):
            await classifier.load()
        yield classifier
    finally:
        await embedder.close()


@asynccontextmanager
async def _borrowed(client: Client) -> AsyncIterator[None]:
    if await client.every("/v1/kb/sources"):
        raise OperatorError("the tenant has knowledge of its own: make one for this with `mainstay tenant create eval`")
    settings, policy = await client.get("settings"), await client.get("policy")
    try:
        yield
    finally:
        await client.forget()
        await client.put("settings", settings)
        await client.put("policy", policy)


def _needs_system(suite: Suite) -> bool:
    return not all(isinstance(case, IntentOf) for case in suite.cases.values())


def _attacks(suite: Suite) -> Suite:
    return Suite(suite.name, suite.head, suite.knowledge, dict(suite.injections))
