"""What a history keeps of an exception."""

import pytest
from temporalio.api.failure.v1 import Failure
from temporalio.exceptions import ApplicationError, FailureError

from runtime.temporal import data_converter

TEXT = "the customer's words"


def failed_with(error: BaseException) -> Failure:
    failure = Failure()
    converter = data_converter()
    with pytest.raises(type(error)) as raised:
        raise error
    converter.failure_converter.to_failure(raised.value, converter.payload_converter, failure)
    return failure


def test_an_exceptions_message_is_not_kept() -> None:
    failure = failed_with(ValueError(f"invalid input syntax: {TEXT}"))
    assert TEXT not in str(failure)
    assert failure.message == failure.application_failure_info.type == "ValueError"
    assert "test_failures.py" in failure.stack_trace


def test_nor_are_those_of_its_causes() -> None:
    outer = RuntimeError(TEXT)
    outer.__cause__ = KeyError(TEXT)
    failure = failed_with(outer)
    assert TEXT not in str(failure)
    assert failure.cause.application_failure_info.type == "KeyError"


def test_what_was_raised_for_temporal_is_kept() -> None:
    error = ApplicationError("the message could not be prepared", type="Unpreparable", non_retryable=True)
    error.__cause__ = ValueError(TEXT)
    failure = failed_with(error)
    assert TEXT not in str(failure)
    converter = data_converter()
    back = converter.failure_converter.from_failure(failure, converter.payload_converter)
    assert isinstance(back, ApplicationError)
    assert (back.message, back.type, back.non_retryable) == ("the message could not be prepared", "Unpreparable", True)
    assert isinstance(back.cause, FailureError)


@pytest.mark.parametrize("error", [TimeoutError(), OSError(f"no route to {TEXT}")])
def test_the_kind_tells_operators_what_it_was(error: Exception) -> None:
    assert failed_with(error).message == type(error).__name__
