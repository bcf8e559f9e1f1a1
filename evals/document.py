"""A file of a suite, validated with file, line and field of every mistake."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from models.contracts.policy import NEW
from runtime import yaml_document
from runtime.errors import OperatorError
from runtime.yaml_document import NotYamlError, dotted


@dataclass(frozen=True, slots=True)
class Document:
    path: Path
    content: yaml_document.Document

    def validated(self, adapter: TypeAdapter[Any]) -> Any:
        """The content as `adapter` reads it. Raises OperatorError."""
        try:
            # Policies are read as strictly as the API reads new ones.
            return adapter.validate_python(self.content.value, context=NEW)
        except ValidationError as error:
            faults = [self.fault(each["loc"], each["msg"].removeprefix("Value error, ")) for each in error.errors()]
            raise OperatorError("\n".join(faults)) from None

    def fault(self, place: yaml_document.Path, message: str) -> str:
        return f"{self.path}:{self.content.line(place)}: {dotted(place)}: {message}"


def read(path: Path) -> Document:
    """Raises OperatorError when it is absent or no YAML."""
    try:
        return Document(path, yaml_document.read(path.read_text("utf-8")))
    except OSError as error:
        raise OperatorError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise OperatorError(f"{path}: must be text in UTF-8 (byte {error.start})") from None
    except NotYamlError as wrong:
        lines = [
            f"{path}:{1 if each.mark is None else each.mark.line + 1}: {dotted(each.path)}: {each.message}"
            for each in wrong.faults
        ]
        raise OperatorError("\n".join(line.replace(": : ", ": ") for line in lines)) from None
