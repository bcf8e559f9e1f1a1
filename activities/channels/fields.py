"""Fields of providers' JSON: text that can be stored, ids, and what may be left out when it is not as it should be."""

from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, StrictStr, StringConstraints, ValidationError, ValidatorFunctionWrapHandler
from pydantic.functional_validators import WrapValidator

T = TypeVar("T")


def _or_none(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    try:
        return validate(value)
    except ValidationError:
        return None


Text = Annotated[StrictStr, AfterValidator(lambda text: text.replace("\x00", ""))]
"""Without NUL, which Postgres cannot hold."""
Id = Annotated[StrictStr, StringConstraints(pattern=r"^[!-~]{1,500}$")]
"""A provider's name for something."""
Maybe = Annotated[T | None, WrapValidator(_or_none)]
"""Of no use unless it is right, and never a reason not to read the rest."""
