"""A YAML file with the line of everything in it, so that a mistake in a suite is found where it was made."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError
from yaml.nodes import MappingNode, Node, SequenceNode

from models.contracts.policy import NEW
from runtime.errors import OperatorError

Place = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """What a file holds; `lines` has the line (from 1) of every value, by its path."""

    path: Path
    value: Any
    lines: dict[Place, int]

    def validated(self, adapter: TypeAdapter[Any]) -> Any:
        """The value as `adapter` reads it. Raises OperatorError with file, line and field of each mistake."""
        try:
            # Policies are read as strictly as the API reads new ones.
            return adapter.validate_python(self.value, context=NEW)
        except ValidationError as error:
            faults = [self._fault(each["loc"], each["msg"]) for each in error.errors()]
            raise OperatorError("\n".join(faults)) from None

    def line(self, place: Place) -> int:
        """Where `place` stands, or the nearest thing around it. Parts that are no names of the file are passed over."""
        known: Place = ()
        for part in place:
            if (*known, part) in self.lines:
                known = (*known, part)
        return self.lines.get(known, 1)

    def _fault(self, place: Place, message: str) -> str:
        name = ".".join(map(str, place))
        return f"{self.path}:{self.line(place)}: {name}: {message.removeprefix('Value error, ')}"


def read(path: Path) -> Document:
    """Raises OperatorError when it is absent or no YAML."""
    lines: dict[Place, int] = {}
    try:
        loader = yaml.CSafeLoader(path.read_text("utf-8"))
        node = loader.get_single_node()
        value = None if node is None else _value(loader, node, (), lines)
    except OSError as error:
        raise OperatorError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise OperatorError(f"{path}: must be text in UTF-8 (byte {error.start})") from None
    except yaml.MarkedYAMLError as error:
        line = 1 if error.problem_mark is None else error.problem_mark.line + 1
        raise OperatorError(f"{path}:{line}: is not YAML: {error.problem}") from None
    return Document(path, value, lines)


def _value(loader: yaml.CSafeLoader, node: Node, place: Place, lines: dict[Place, int]) -> Any:
    lines[place] = node.start_mark.line + 1
    match node:
        case MappingNode():
            return {key.value: _value(loader, item, (*place, key.value), lines) for key, item in node.value}
        case SequenceNode():
            return [_value(loader, item, (*place, number), lines) for number, item in enumerate(node.value)]
        case _:
            return loader.construct_object(node)
