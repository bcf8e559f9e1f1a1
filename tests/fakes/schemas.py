"""The published schemas of providers, where they lie beside the repository. Without them the fakes' own checks stand."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

SPECS = Path(__file__).parents[3] / "shared" / "specs"


@cache
def _document(name: str) -> dict[str, Any] | None:
    path = SPECS / name
    if not path.is_file():
        return None
    # The derived schema of the Bot API names two types and leaves them out.
    document: dict[str, Any] = json.loads(path.read_text().replace("Array of RichText", "RichTexts"))
    if "$defs" in document:
        document["$defs"]["String"] = {"type": "string"}
        document["$defs"]["RichTexts"] = {"type": "array", "items": {"$ref": "#/$defs/RichText"}}
    return document


@cache
def _validator(name: str, pointer: tuple[str, ...]) -> jsonschema_rs.Validator | None:
    document = _document(name)
    if document is None:
        return None
    found: dict[str, Any] = document
    for step in pointer:
        found = found[step]
    shared: dict[str, Any] = {key: document[key] for key in ("$defs", "components") if key in document}
    return jsonschema_rs.Draft202012Validator({**found, **shared})


def present(name: str) -> bool:
    return _document(name) is not None


def complaint(name: str, pointer: tuple[str, ...], value: object) -> str | None:
    """Where and why a value does not fit the schema at `pointer` of a document; None when it fits, or there is none."""
    validator = _validator(name, pointer)
    error = next(iter(validator.iter_errors(value)), None) if validator else None
    if error is None:
        return None
    where = ".".join(str(step) for step in error.instance_path)
    return f"{where or 'request'}: {error.message}"
