"""A YAML document: what it says, and where everything in it stands, so that a mistake is found where it was made.

Read by YAML's core schema: `no` and `22:30` are texts. Anchors, aliases and tags are refused, and a name that stands
twice; nothing is constructed but mappings, lists and scalars.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

MAX_DEPTH = 12

Path = tuple[int | str, ...]


class Mark(Protocol):
    """A place in a document, counted from 0."""

    line: int
    column: int


class Fault(NamedTuple):
    """What is wrong with the document itself, at which path of it (empty for all of it), and where it stands."""

    path: Path
    message: str
    mark: Mark | None


class NotYamlError(Exception):
    """`faults` has at least one, in the order of the document."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("the document is no YAML")
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Document:
    """`names` and `values` say where the names of mappings and their values stand. An empty document is None."""

    value: Any = None
    names: dict[Path, Mark] = field(default_factory=dict)
    values: dict[Path, Mark] = field(default_factory=dict)

    def place(self, path: Path, *, name: bool = False) -> Mark | None:
        """The place of `path` (of its name, if asked for), or of the nearest thing around it."""
        if name and path in self.names:
            return self.names[path]
        while path not in self.values and path:
            path = path[:-1]
        return self.values.get(path)

    def line(self, path: Path) -> int:
        """The line (from 1) of `path`, or of the nearest thing around it.

        Parts that are not of the document, as validators name the branch of a union, are passed over.
        """
        known: Path = ()
        for part in path:
            if (*known, part) in self.values:
                known = (*known, part)
        mark = self.names.get(known) or self.values.get(known)
        return 1 if mark is None else mark.line + 1


def read(text: str) -> Document:
    """Raises NotYamlError with everything that the document itself gets wrong."""
    try:
        _check_events(text)
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        raise NotYamlError(
            Fault((), f"is not YAML: {error.problem or 'it cannot be read'}", error.problem_mark)
        ) from None
    except (yaml.YAMLError, ValueError) as error:
        raise NotYamlError(Fault((), f"is not YAML ({type(error).__name__})", None)) from None
    if node is None:
        return Document()
    composing = _Composing()
    value = composing.value(node, ())
    if composing.faults:
        raise NotYamlError(*composing.faults)
    return Document(value, composing.names, composing.values)


def dotted(path: Path) -> str:
    """As topics.0.phrases."""
    return ".".join(map(str, path))


class _Loader(yaml.CSafeLoader):
    """Knows no other scalars than JSON does."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # the library's own


_Loader.add_implicit_resolver("null", re.compile(r"^(?:~|null|)$"), ["~", "n", ""])
_Loader.add_implicit_resolver("bool", re.compile(r"^(?:true|false)$"), ["t", "f"])
_Loader.add_implicit_resolver("int", re.compile(r"^-?(?:0|[1-9][0-9]{0,17})$"), list("-0123456789"))
_Loader.add_implicit_resolver("float", re.compile(r"^-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,17}$"), list("-0123456789"))


def _check_events(text: str) -> None:
    """Before anything is built: nothing that grows or recurses. Raises NotYamlError."""
    depth = documents = 0
    for event in yaml.parse(text, Loader=_Loader):
        mark = event.start_mark
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise NotYamlError(Fault((), "anchors and aliases are not supported: write it out", mark))
        if isinstance(event, yaml.NodeEvent) and getattr(event, "tag", None):
            raise NotYamlError(Fault((), "tags are not supported: leave out what begins with !", mark))
        documents += isinstance(event, yaml.DocumentStartEvent)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise NotYamlError(Fault((), f"is nested deeper than {MAX_DEPTH} levels", mark))
        if documents > 1:
            raise NotYamlError(Fault((), "must be one document: remove what follows the line ---", mark))


@dataclass(slots=True)
class _Composing:
    names: dict[Path, Mark] = field(default_factory=dict)
    values: dict[Path, Mark] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def value(self, node: Node, path: Path) -> Any:
        self.values[path] = node.start_mark
        match node:
            case MappingNode():
                return dict(self._items(node, path))
            case SequenceNode():
                return [self.value(item, (*path, place)) for place, item in enumerate(node.value)]
            case _:
                return _scalar(node)

    def _items(self, node: MappingNode, path: Path) -> Iterator[tuple[str, Any]]:
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                self.faults.append(Fault(path, "a name must be a word", key.start_mark))
                continue
            inner = (*path, str(key.value))
            if inner in self.names:
                first = self.names[inner].line + 1
                self.faults.append(Fault(inner, f"stands twice; the first is in line {first}", key.start_mark))
            self.names[inner] = key.start_mark
            yield str(key.value), self.value(value, inner)


def _scalar(node: Node) -> str | int | float | bool | None:
    match node.tag:
        case "null":
            return None
        case "bool":
            return bool(node.value == "true")
        case "int":
            return int(node.value)
        case "float":
            return float(node.value)
        case _:
            return str(node.value)
