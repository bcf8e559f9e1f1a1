"""A policy as a YAML or JSON document: read with the line and column of everything that is wrong in it.

YAML is read by its core schema: `no` and `22:30` are texts. Anchors, aliases and tags are refused; nothing is
constructed but mappings, lists and scalars.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, Protocol

import yaml
from pydantic import BaseModel, ValidationError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from models.contracts import policy
from models.contracts.policy import NEW, Policy

MAX_BYTES = 256 * 1024
MAX_DEPTH = 12

Path = tuple[int | str, ...]

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAMES = sorted(
    {
        name
        for model in vars(policy).values()
        if isinstance(model, type) and issubclass(model, BaseModel)
        for name in model.model_fields
    }
)


class Mark(Protocol):
    """A place in a document, counted from 0."""

    line: int
    column: int


class Format(StrEnum):
    YAML = "yaml"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: where (both from 1; None where a document does not tell), in which field, and what
    would be right. `field` is a path, as topics.0.phrases; empty for the document as a whole."""

    field: str
    message: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        where = "" if self.line is None else f"line {self.line}, column {self.column}: "
        return f"{where}{self.field}: {self.message}" if self.field else f"{where}{self.message}"


class InvalidPolicyError(Exception):
    """`faults` has everything that is wrong, in the order of the document. At least one."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("the policy is invalid")
        self.faults = sorted(faults, key=lambda fault: (fault.line or 0, fault.column or 0))


def read(source: bytes, format_: Format) -> Policy:
    """The policy that a document describes. Raises InvalidPolicyError."""
    text = _text(source)
    places = Places()
    if format_ is Format.JSON:
        value = _json(text)
        try:
            # JSON is YAML as far as places go; values are taken from JSON itself.
            _compose(text, places)
        except InvalidPolicyError:
            places = Places()
    else:
        value = _compose(text, places)
    if places.faults:
        raise InvalidPolicyError(places.faults)
    try:
        return Policy.model_validate(value, context=NEW)
    except ValidationError as error:
        found = error.errors()
        # Of a list with a wrong item, pydantic also says that it has too few.
        around = {each["loc"][:-1] for each in found}
        wrong = [each for each in found if each["type"] != "too_short" or each["loc"] not in around]
        raise InvalidPolicyError([_fault(each, places) for each in wrong]) from None


def write(given: Policy) -> str:
    """The policy as YAML, without what has its default."""
    body = given.model_dump(mode="json", exclude_defaults=True)
    return yaml.safe_dump(body, allow_unicode=True, sort_keys=False, width=110) if body else "{}\n"


@dataclass(slots=True)
class Places:
    """Where names and values stand, by their path; and what no document may have."""

    names: dict[Path, Mark] = field(default_factory=dict)
    values: dict[Path, Mark] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def of(self, path: Path, *, name: bool) -> Mark | None:
        """The place of `path`, or of the nearest thing around it."""
        if name and path in self.names:
            return self.names[path]
        while path not in self.values and path:
            path = path[:-1]
        return self.values.get(path)


def _text(source: bytes) -> str:
    if len(source) > MAX_BYTES:
        raise InvalidPolicyError([Fault("", f"the document is larger than {MAX_BYTES // 1024} KiB")])
    try:
        text = source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _position(source[: error.start].decode("utf-8", "replace"))
        raise InvalidPolicyError([Fault("", "must be text in UTF-8", line, column)]) from None
    if found := _UNPRINTABLE.search(text):
        line, column = _position(text[: found.start()])
        raise InvalidPolicyError([Fault("", "must not contain control characters", line, column)])
    return text


def _position(before: str) -> tuple[int, int]:
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidPolicyError([Fault("", f"is not JSON: {error.msg}", error.lineno, error.colno)]) from None
    except (RecursionError, ValueError):
        raise InvalidPolicyError([Fault("", "is nested too deep, or has a number that is too long")]) from None


# YAML ---------------------------------------------------------------------------------------------


class _Loader(yaml.CSafeLoader):
    """Knows no other scalars than JSON does."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # the library's own


_Loader.add_implicit_resolver("null", re.compile(r"^(?:~|null|)$"), ["~", "n", ""])
_Loader.add_implicit_resolver("bool", re.compile(r"^(?:true|false)$"), ["t", "f"])
_Loader.add_implicit_resolver("int", re.compile(r"^-?(?:0|[1-9][0-9]{0,17})$"), list("-0123456789"))
_Loader.add_implicit_resolver("float", re.compile(r"^-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,17}$"), list("-0123456789"))


def _compose(text: str, places: Places) -> Any:
    try:
        _check_events(text)
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        what = error.problem or "it cannot be read"
        raise InvalidPolicyError([_at(error.problem_mark, "", f"is not YAML: {what}")]) from None
    if node is None:
        raise InvalidPolicyError([Fault("", "is empty: a policy without any rule is {}")])
    return _value(node, (), places)


def _check_events(text: str) -> None:
    """Before anything is built: nothing that grows or recurses. Raises InvalidPolicyError."""
    depth = documents = 0
    for event in yaml.parse(text, Loader=_Loader):
        mark = event.start_mark
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise InvalidPolicyError([_at(mark, "", "anchors and aliases are not supported: write it out")])
        if isinstance(event, yaml.NodeEvent) and getattr(event, "tag", None):
            raise InvalidPolicyError([_at(mark, "", "tags are not supported: leave out what begins with !")])
        documents += isinstance(event, yaml.DocumentStartEvent)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise InvalidPolicyError([_at(mark, "", f"is nested deeper than {MAX_DEPTH} levels")])
        if documents > 1:
            raise InvalidPolicyError([_at(mark, "", "must be one document: remove what follows the line ---")])


def _value(node: Node, path: Path, places: Places) -> Any:
    places.values[path] = node.start_mark
    match node:
        case MappingNode():
            return dict(_items(node, path, places))
        case SequenceNode():
            return [_value(item, (*path, place), places) for place, item in enumerate(node.value)]
        case _:
            return _scalar(node)


def _items(node: MappingNode, path: Path, places: Places) -> Iterator[tuple[str, Any]]:
    for key, value in node.value:
        if not isinstance(key, ScalarNode):
            places.faults.append(_at(key.start_mark, _dotted(path), "a name must be a word"))
            continue
        inner = (*path, str(key.value))
        if inner in places.names:
            first = places.names[inner].line + 1
            places.faults.append(_at(key.start_mark, _dotted(inner), f"stands twice; the first is in line {first}"))
        places.names[inner] = key.start_mark
        yield str(key.value), _value(value, inner, places)


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


# Faults -------------------------------------------------------------------------------------------


def _at(mark: Mark | None, name: str, message: str) -> Fault:
    return Fault(name, message) if mark is None else Fault(name, message, mark.line + 1, mark.column + 1)


def _dotted(path: Path) -> str:
    return ".".join(map(str, path))


def _fault(error: Mapping[str, Any], places: Places) -> Fault:
    # Of a wrong name in a mapping by language, the last part says so.
    path = tuple(part for part in error["loc"] if part != "[key]")
    of_name = error["type"] == "extra_forbidden" or path != error["loc"]
    return _at(places.of(path, name=of_name), _dotted(path), _message(error))


def _message(error: Mapping[str, Any]) -> str:
    match error["type"]:
        case "extra_forbidden":
            near = get_close_matches(str(error["loc"][-1]), _NAMES, n=1)
            return f"unknown field: did you mean {near[0]}?" if near else "unknown field"
        case "missing":
            return "required"
        case "model_type" | "model_attributes_type" | "dict_type":
            return "must be a mapping of names to values"
        case "tuple_type":
            return "must be a list"
        case "too_short":
            return "must have at least one item"
        case "string_pattern_mismatch":
            return "must be 1 to 64 of a-z, 0-9 and _"
        case _:
            return str(error["msg"]).removeprefix("Value error, ")
