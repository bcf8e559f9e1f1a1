"""No function of a repository gives, or does, anything of another tenant's, called with another tenant's ids."""

import importlib
import inspect
import pkgutil
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

import pytest
from sqlalchemy.exc import DBAPIError, NoResultFound

import models.repositories
from runtime.database import TenantTx
from tests.service.conftest import new_tenant
from tests.service.isolation.arguments import NotTaughtError, argument
from tests.service.isolation.test_isolation_routes import rows_of
from tests.service.isolation.world import World

Function = Callable[..., Awaitable[Any]]


def functions() -> Iterator[tuple[str, Function]]:
    """Every public coroutine function that works in a tenant's transaction."""
    for found in pkgutil.iter_modules(models.repositories.__path__):
        module = importlib.import_module(f"models.repositories.{found.name}")
        for name, function in vars(module).items():
            if name.startswith("_") or not inspect.iscoroutinefunction(function):
                continue
            hint = get_type_hints(function).get("tx")
            if function.__module__ == module.__name__ and TenantTx in (hint, *get_args(hint)):
                yield f"{found.name}.{name}", function


FUNCTIONS = dict(functions())


@dataclass(frozen=True)
class Arguments:
    """Their ids for every id; the simplest value for everything else that has no default."""

    by_name: dict[str, Any]
    more: tuple[Any, ...]

    @classmethod
    def of(cls, function: Function, world: World) -> "Arguments":
        hints = get_type_hints(function)
        by_name: dict[str, Any] = {}
        more: tuple[Any, ...] = ()
        for name, parameter in inspect.signature(function).parameters.items():
            if parameter.kind is parameter.VAR_KEYWORD or name == "tx":
                continue
            try:
                value = argument(name, hints[name], world)
            except NotTaughtError:
                if parameter.default is parameter.empty:
                    raise
            else:
                if parameter.kind is parameter.VAR_POSITIONAL:
                    more = (value,)
                else:
                    by_name[name] = value
        return cls(by_name, more)

    async def call(self, function: Function, tx: TenantTx) -> Any:
        # With more behind them, the named ones have to be given by position.
        if self.more:
            return await function(tx, *self.by_name.values(), *self.more)
        return await function(tx, **self.by_name)


@pytest.mark.parametrize("name", FUNCTIONS)
async def test_every_function_is_covered(world: World, name: str) -> None:
    """A new function with arguments of a new kind must be taught to tests/service/isolation/arguments.py."""
    Arguments.of(FUNCTIONS[name], world)


async def test_their_things_do_not_exist_for_us(world: World) -> None:
    before = await rows_of(world)
    # In a tenant of its own: some functions end what they work in.
    ours = await new_tenant(world.database)
    for name, function in FUNCTIONS.items():
        arguments = Arguments.of(function, world)
        try:
            async with world.database.tenant(ours) as tx:
                result = repr(await arguments.call(function, tx))
        except (DBAPIError, NoResultFound, LookupError, AssertionError):
            continue  # refused, or there is nothing where something has to be
        assert world.theirs.marker not in result, f"{name} gave {result}"
        named = repr(arguments)
        leaked = [
            kind for kind, each in world.theirs.ids.items() if kind != "name" and each in result and each not in named
        ]
        assert leaked == [], f"{name} gave {result}"
    assert await rows_of(world) == before
