"""What every contract is made of, and how a contract names the process or step that it belongs to."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Base of every contract: immutable. Unknown fields are ignored, so that workers of two releases can
    share a queue; requests from outside forbid them (api/)."""

    model_config = ConfigDict(frozen=True)


In = TypeVar("In", bound=BaseModel)
Out = TypeVar("Out", bound=BaseModel | None)


@dataclass(frozen=True, slots=True)
class Activity(Generic[In, Out]):
    """An activity's name with its types: workflows call by it, activities register under it, and neither
    imports the other."""

    name: str
    input: type[In]
    output: type[Out]


@dataclass(frozen=True, slots=True)
class Workflow(Generic[In, Out]):
    """A workflow type's name with its types."""

    name: str
    input: type[In]
    output: type[Out]


@dataclass(frozen=True, slots=True)
class Signal(Generic[In]):
    """A signal's name with its input."""

    name: str
    input: type[In]


@dataclass(frozen=True, slots=True)
class Update(Generic[In, Out]):
    """An update's name with its types."""

    name: str
    input: type[In]
    output: type[Out]
