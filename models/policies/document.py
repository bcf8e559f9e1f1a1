"""A policy as a YAML or JSON document: read with the line and column of everything that is wrong in it."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from models.contracts import policy
from models.contracts.policy import NEW, Policy
from runtime import yaml_document
from runtime.yaml_document import Document, Mark, NotYamlError, dotted

MAX_BYTES = 256 * 1024

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAMES = sorted(
    {
        name
        for model in vars(policy).values()
        if isinstance(model, type) and issubclass(model, BaseModel)
        for name in model.model_fields
    }
)


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
    if format_ is Format.JSON:
        value, document = _json(text), _places(text)
    else:
        document = _yaml(text)
        value = document.value
    try:
        return Policy.model_validate(value, context=NEW)
    except ValidationError as error:
        found = error.errors()
        # Of a list with a wrong item, pydantic also says that it has too few.
        around = {each["loc"][:-1] for each in found}
        wrong = [each for each in found if each["type"] != "too_short" or each["loc"] not in around]
        raise InvalidPolicyError([_fault(each, document) for each in wrong]) from None


def write(given: Policy) -> str:
    """The policy as YAML, without what has its default."""
    body = given.model_dump(mode="json", exclude_defaults=True)
    return yaml.safe_dump(body, allow_unicode=True, sort_keys=False, width=110) if body else "{}\n"


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


def _places(text: str) -> Document:
    """JSON is YAML as far as places go, most of the time; values are taken from JSON itself."""
    try:
        return yaml_document.read(text)
    except NotYamlError as wrong:
        if names := [each for each in wrong.faults if each.path]:
            raise _invalid(names) from None
        return Document()


def _yaml(text: str) -> Document:
    try:
        document = yaml_document.read(text)
    except NotYamlError as wrong:
        raise _invalid(wrong.faults) from None
    if document.value is None:
        raise InvalidPolicyError([Fault("", "is empty: a policy without any rule is {}")])
    return document


def _invalid(faults: Iterable[yaml_document.Fault]) -> InvalidPolicyError:
    return InvalidPolicyError([_at(each.mark, dotted(each.path), each.message) for each in faults])


# Faults -------------------------------------------------------------------------------------------


def _at(mark: Mark | None, name: str, message: str) -> Fault:
    return Fault(name, message) if mark is None else Fault(name, message, mark.line + 1, mark.column + 1)


def _fault(error: Mapping[str, Any], document: Document) -> Fault:
    # Of a wrong name in a mapping by language, the last part says so.
    path = tuple(part for part in error["loc"] if part != "[key]")
    of_name = error["type"] == "extra_forbidden" or path != error["loc"]
    return _at(document.place(path, name=of_name), dotted(path), _message(error))


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
