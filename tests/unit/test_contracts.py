"""What workflows call by name, workers have; what crosses between them is ids."""

import pkgutil
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from typing import Any, get_args, get_type_hints

import pytest
from pydantic import BaseModel
from temporalio import activity, workflow
from temporalio.common import SearchAttributeKey

from activities.routes.build import Routes
from models import contracts
from models.contracts import routing
from models.contracts.base import Activity, Signal, Workflow
from models.contracts.conversation import COMMANDS
from runtime.search_attributes import SEARCH_ATTRIBUTES
from runtime.settings import Settings
from worker import build
from workflows.policies import CALLS

REGISTERED_FOR_LATER = {"Priority"}
"""Search attributes that no process sets yet."""

WORDS = {
    "Generated.causes": "kinds of failures",
    "EndCrawlInput.error": "the kind of a failure",
    "PublishInput.error": "the kind of a failure",
    "SwitchInput.error": "a kind of failure",
    "Prepared.rule": "the name of a policy's topic",
    "Reply.rule": "the name of a policy's topic",
    "RecordInput.run": "the id of a workflow run",
}
"""The only fields of contracts that are strings, and what stands in them. None of them is anybody's text."""


def of_kind(kind: type) -> Iterator[Any]:
    for module in pkgutil.iter_modules(contracts.__path__, f"{contracts.__name__}."):
        yield from (value for value in vars(import_module(module.name)).values() if isinstance(value, kind))


ACTIVITIES: dict[str, Activity[Any, Any]] = {each.name: each for each in of_kind(Activity)}
WORKFLOWS: dict[str, Workflow[Any, Any]] = {each.name: each for each in of_kind(Workflow)}
SIGNALS: dict[str, Signal[Any]] = {each.name: each for each in of_kind(Signal)}


class Registration:
    """What would be a worker: keeps what it was given. (A real one needs a connected server.)"""

    def __init__(self, _client: object, *, task_queue: str, **options: Any) -> None:
        self.queue = task_queue
        self.activities = [activity._Definition.must_from_callable(each) for each in options.get("activities", ())]
        self.workflows = [workflow._Definition.must_from_class(each) for each in options.get("workflows", ())]


class Unread:
    """What would be the classifier, which reads a thousand examples first."""

    async def load(self) -> None: ...


@pytest.fixture(scope="module")
async def registrations(tmp_path_factory: pytest.TempPathFactory) -> list[Registration]:
    """Everything that a worker process with a model that writes would poll for."""
    settings = Settings(_env_file=None, data_dir=tmp_path_factory.mktemp("home"))
    nothing: Any = object()  # held by the steps, none of which runs here
    held = build.Tools(
        database=nothing,
        client=nothing,
        embedder=nothing,
        spaces=nothing,
        reranker=None,
        routes=Routes(None),
        vault=nothing,
        media=nothing,
        accounts=nothing,
        typing=nothing,
        pokes=nothing,
        wakeups=nothing,
        transcriber=nothing,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "Worker", Registration)
        patch.setattr(build, "classifier_for", lambda *_, **__: Unread())
        found: Any = await build.workers(settings, held)
    return list(found)


async def test_every_activity_has_one_implementation_with_its_types(registrations: list[Registration]) -> None:
    implementations = [each for worker in registrations for each in worker.activities]
    assert Counter(each.name for each in implementations) == Counter(ACTIVITIES.keys())
    for implementation in implementations:
        assert implementation.name is not None
        contract = ACTIVITIES[implementation.name]
        assert implementation.arg_types == [contract.input], contract.name
        assert implementation.ret_type is contract.output, contract.name


async def test_an_activity_is_polled_for_where_it_is_called(registrations: list[Registration]) -> None:
    """Without a queue of its own it is called on the workflow's."""
    for worker in registrations:
        for each in worker.activities:
            assert each.name is not None
            queue = CALLS[each.name].queue
            assert queue == worker.queue if queue else worker.workflows, each.name
    assert sorted(worker.queue for worker in registrations) == sorted(routing.QUEUES)


def test_every_activity_has_a_policy() -> None:
    assert CALLS.keys() == ACTIVITIES.keys()
    for name, policy in CALLS.items():
        assert policy.heartbeat is None or policy.heartbeat < policy.start_to_close, name


async def test_every_process_has_one_implementation_with_its_types(registrations: list[Registration]) -> None:
    implementations = [each for worker in registrations for each in worker.workflows]
    assert Counter(each.name for each in implementations) == Counter(WORKFLOWS.keys())
    for implementation in implementations:
        assert implementation.name is not None
        contract = WORKFLOWS[implementation.name]
        assert implementation.arg_types == [contract.input], contract.name
        assert implementation.ret_type is contract.output, contract.name


async def test_every_signal_has_a_handler_with_its_type(registrations: list[Registration]) -> None:
    """Commands are signals too, registered by the conversation itself; tests/workflow sends each by name."""
    handled = {
        name: signal.arg_types
        for worker in registrations
        for process in worker.workflows
        for name, signal in process.signals.items()
    }
    assert handled == {signal.name: [signal.input] for signal in SIGNALS.values()}
    assert not handled.keys() & {command.value for command in COMMANDS}


def test_search_attributes_that_are_set_are_registered_with_their_kind() -> None:
    keys = [value for value in vars(routing).values() if isinstance(value, SearchAttributeKey)]
    assert {key.name for key in keys} == SEARCH_ATTRIBUTES.keys() - REGISTERED_FOR_LATER
    for key in keys:
        assert key.indexed_value_type.name == SEARCH_ATTRIBUTES[key.name].upper(), key.name


def models() -> set[type[BaseModel]]:
    """Every model that crosses, at whatever depth."""
    found: set[type[BaseModel]] = set()

    def visit(annotation: Any) -> None:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel) and annotation not in found:
            found.add(annotation)
            for field in get_type_hints(annotation).values():
                visit(field)
        for argument in get_args(annotation):
            visit(argument)

    both_ways: list[Any] = [*ACTIVITIES.values(), *WORKFLOWS.values(), *COMMANDS.values()]
    for contract in both_ways:
        visit(contract.input)
        visit(contract.output)
    for signal in SIGNALS.values():
        visit(signal.input)
    return found


def test_no_field_that_crosses_could_hold_a_customers_text() -> None:
    strings = {
        f"{model.__name__}.{name}"
        for model in models()
        for name, annotation in get_type_hints(model).items()
        if name in model.model_fields and str in {annotation, *get_args(annotation)}
    }
    assert strings == WORDS.keys()
