"""What reaches the log, and what must not, whoever writes it."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from runtime import telemetry
from runtime.errors import OperatorError
from runtime.settings import load

SECRET = "мой номер 8701 and more"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """The process' log, configured as in production, into memory."""
    root = logging.root
    before = root.handlers, root.level, logging.raiseExceptions
    stream = io.StringIO()
    telemetry.configure(load(log_format="json", log_level="info"), stream)
    yield stream
    root.handlers, logging.raiseExceptions = before[0], before[2]
    root.setLevel(before[1])
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_ids_pass_and_texts_do_not(log: io.StringIO) -> None:
    structlog.get_logger("ours").info(
        "stored", message_id="0192f3", text="hello", note=SECRET, nested={"answer": "yes", "ids": ["a/b", SECRET]}, n=3
    )
    (line,) = lines(log)
    assert line["event"] == "stored"
    assert (line["message_id"], line["n"]) == ("0192f3", 3)
    assert line["text"] == "<withheld:5>"
    assert line["nested"] == {"answer": "<withheld:3>", "ids": ["a/b", f"<withheld:{len(SECRET)}>"]}
    assert SECRET not in log.getvalue()


@pytest.mark.parametrize("name", ["password", "token", "api_key", "email", "database_url"])
def test_secrets_are_known_by_name(log: io.StringIO, name: str) -> None:
    structlog.get_logger().info("seen", **{name: "looks-like-an-id"})
    assert "looks-like-an-id" not in log.getvalue()


def test_libraries_write_the_same_lines(log: io.StringIO) -> None:
    logging.getLogger("library").warning("retrying %s", "call-1", extra={"workflow_id": "conversation/1", "body": "x"})
    (line,) = lines(log)
    assert (line["event"], line["workflow_id"], line["body"]) == ("retrying call-1", "conversation/1", "<withheld:1>")


def test_exceptions_keep_their_place_and_lose_their_words(log: io.StringIO) -> None:
    try:
        try:
            raise ConnectionRefusedError(111, "Connection refused")
        except OSError as error:
            raise ValueError(SECRET) from error
    except ValueError:
        logging.getLogger("library").exception("failed")
    (line,) = lines(log)
    assert SECRET not in log.getvalue()
    assert [link["type"] for link in line["exception"]] == ["builtins.ValueError", "builtins.ConnectionRefusedError"]
    assert line["exception"][1]["message"] == "Connection refused"
    assert "test_telemetry.py" in line["exception"][0]["frames"][-1]


def test_messages_for_operators_are_kept(log: io.StringIO) -> None:
    structlog.get_logger().error("failed", exc_info=OperatorError("set MAINSTAY_PORT"))
    assert lines(log)[0]["exception"][0]["message"] == "set MAINSTAY_PORT"


async def test_a_forgotten_task_does_not_tell(log: io.StringIO) -> None:
    loop = asyncio.get_running_loop()
    loop.call_exception_handler(
        {
            "message": "Task exception was never retrieved",
            "exception": ValueError(SECRET),
            "future": loop.create_future(),
        }
    )
    assert lines(log)[0]["event"] == "Task exception was never retrieved"
    assert SECRET not in log.getvalue()


async def test_ids_of_the_request_follow_into_tasks(log: io.StringIO) -> None:
    async def work() -> None:
        structlog.get_logger().info("worked")

    with telemetry.correlated(request_id="r-1"):
        await asyncio.create_task(work())
    structlog.get_logger().info("outside")
    assert [line.get("request_id") for line in lines(log)] == ["r-1", None]


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_value_that_cannot_be_printed_is_no_error(
    form: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unprintable:
        def __str__(self) -> str:
            raise ValueError(SECRET)

    # Whatever `configure` makes of it, the next test finds it as it was.
    monkeypatch.setattr(logging, "raiseExceptions", True)
    stream = io.StringIO()
    before = logging.root.handlers
    telemetry.configure(load(log_format=form), stream)
    try:
        logging.getLogger("library").warning("odd", extra={"value": Unprintable()})
    finally:
        logging.root.handlers = before
        structlog.reset_defaults()
    assert SECRET not in stream.getvalue() + "".join(capsys.readouterr())
