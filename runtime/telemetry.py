"""Structured logs: ids, states and numbers. Customers' texts and secrets do not pass, wherever they come from."""

import logging
import re
import sys
import traceback
from collections.abc import Mapping
from typing import TextIO

import structlog
from structlog.contextvars import bound_contextvars
from structlog.typing import EventDict, Processor, WrappedLogger

from runtime.errors import OperatorError
from runtime.settings import Settings

# `with correlated(request_id=...)`: the ids appear on every line logged inside, tasks started there included.
correlated = bound_contextvars

# A single word of a customer would look like an id; under these names nothing is printed at all.
PRIVATE_FIELDS = frozenset(
    "text body content question answer query prompt passage quote summary note customer_name name email phone address "
    "password secret token api_key authorization cookie headers database_url admin_database_url url payload".split()
)
# Ids, states, queue names, paths of modules. Prose has blanks or letters beyond ASCII; mail addresses have an @.
ID_LIKE = re.compile(r"[A-Za-z0-9_.:/+=<>()\[\]-]{0,200}")
# Ours, written by the processors below or chosen by a programmer, not taken from data.
OWN_FIELDS = frozenset({"event", "level", "logger", "timestamp", "exception"})

# They log every request, with URLs that hold tokens, at INFO.
QUIET = ("httpx", "httpcore", "asyncio", "uvicorn.access", "openai", "ollama", "temporalio.core", "alembic", "urllib3")

DEEPEST_CAUSE = 5
DEEPEST_FRAMES = 20


def configure(settings: Settings, stream: TextIO = sys.stderr) -> None:
    """Send the process' logs, ours and the libraries', to `stream` in the form and from the level that is set."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        summarise_exception,
        withhold_texts,
    ]
    renderers: list[Processor] = (
        [structlog.processors.JSONRenderer(ensure_ascii=False)]
        if settings.log_format == "json"
        else [flatten_exception, structlog.dev.ConsoleRenderer(colors=stream.isatty())]
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), first_line_only, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    logging.root.handlers = [handler]
    # A line that cannot be written is lost, not printed with everything it was about.
    logging.raiseExceptions = False
    logging.root.setLevel(settings.log_level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.root.level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def withhold_texts(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace every field that is private by name, or does not look like an id, by its length."""
    for key, value in event.items():
        if key not in OWN_FIELDS and not key.startswith("_"):
            event[key] = _withheld(value) if key in PRIVATE_FIELDS else _ids_only(value)
    return event


def first_line_only(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Of a library's message, the first line, once: asyncio puts the repr of exceptions on the ones below."""
    event["event"] = str(event["event"]).partition("\n")[0]
    event.pop("color_message", None)  # uvicorn's, the same words in colour
    return event


def summarise_exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Turn `exc_info` into classes and places. Messages of exceptions quote values: rows, inputs, answers."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["exception"] = _summary(error)
    return event


def flatten_exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """For people: one line per exception, one per frame."""
    if chain := event.get("exception"):
        lines = []
        for link in chain:
            lines.append(": ".join(filter(None, (link["type"], link.get("message")))))
            lines += [f"    {frame}" for frame in link["frames"]]
        event["exception"] = "\n".join(lines)
    return event


def _summary(error: BaseException) -> list[dict[str, object]]:
    """The exception and its causes, outermost first."""
    chain: list[dict[str, object]] = []
    current: BaseException | None = error
    while current is not None and len(chain) < DEEPEST_CAUSE:
        link: dict[str, object] = {"type": f"{type(current).__module__}.{type(current).__qualname__}"}
        if isinstance(current, OperatorError):
            link["message"] = str(current)  # written for operators, by us
        elif isinstance(current, OSError) and current.strerror is not None:
            link["message"] = current.strerror
        link["frames"] = [
            f"{frame.filename}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(current.__traceback__, limit=-DEEPEST_FRAMES)
        ]
        chain.append(link)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return chain


def _ids_only(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(key): _withheld(item) if key in PRIVATE_FIELDS else _ids_only(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_ids_only(item) for item in value]
    text = str(value)
    return text if ID_LIKE.fullmatch(text) else _withheld(text)


def _withheld(value: object) -> str:
    return f"<withheld:{len(str(value))}>"
