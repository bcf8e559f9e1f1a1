"""What every command shares: options, where the system is, how to print, how to fail."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr
from rich.console import Console

from runtime.errors import OperatorError
from runtime.home import Home
from runtime.settings import Settings, SettingsError, load

OK, FAILED = 0, 1

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Data directory of the system. Default: MAINSTAY_DATA_DIR, or .mainstay."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of text for people.")]

console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def settings_of(data_dir: Path | None) -> Settings:
    """The environment's settings, with `--data-dir` before MAINSTAY_DATA_DIR. Raises SettingsError."""
    return load() if data_dir is None else load(data_dir=data_dir)


def running_settings(data_dir: Path | None) -> Settings:
    """Settings with the addresses of a system: the environment's, else those of the `mainstay up` that runs here.

    Raises OperatorError saying how to get one if there is none.
    """
    settings = found_settings(data_dir)
    missing = [
        name
        for name, value in (
            ("MAINSTAY_DATABASE_URL", settings.database_url),
            ("MAINSTAY_TEMPORAL_ADDRESS", settings.temporal_address),
        )
        if value is None
    ]
    if missing:
        raise OperatorError(
            f"no system runs in {Home.at(settings.data_dir).root}: start one with `mainstay up`, name its folder with "
            f"--data-dir, or set {' and '.join(missing)}"
        )
    return settings


def found_settings(data_dir: Path | None) -> Settings:
    """Like `running_settings`, but what is not found stays None."""
    from runtime.runfile import find
    from runtime.secrets import kept_root_keys

    settings = settings_of(data_dir)
    running = find(Home.at(settings.data_dir))
    if running is None:
        return settings
    found: dict[str, object] = {"temporal_ui_url": settings.temporal_ui_url or running.temporal_ui_url}
    if settings.database_url is None:
        found["database_url"] = SecretStr(running.database_url)
        if settings.root_keys is None and (kept := kept_root_keys(Home.at(settings.data_dir))):
            found["root_keys"] = SecretStr(kept)
        if running.admin_database_url is not None:
            found["admin_database_url"] = SecretStr(running.admin_database_url)
    if settings.temporal_address is None:
        found["temporal_address"] = running.temporal_address
        found["temporal_namespace"] = running.temporal_namespace
    return settings.model_copy(update=found)


def print_json(value: object) -> None:
    """One JSON document on stdout, whatever the terminal's width; non-JSON values as their text."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")
    # A command that goes on running is read through a pipe.
    sys.stdout.flush()


def describe_failure(error: Exception) -> int:
    """Print what went wrong, for a person, and return the exit code."""
    if isinstance(error, OperatorError | SettingsError):
        errors.print(f"error: {error}", style="red", markup=False)
    elif os.environ.get("MAINSTAY_LOG_LEVEL", "").lower() == "debug":
        errors.print_exception()
    else:
        place = error.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        where = f" at {place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else ""
        errors.print(
            f"error: {type(error).__name__}{where}. This is a defect; MAINSTAY_LOG_LEVEL=debug shows all of it.",
            style="red",
            markup=False,
        )
    return FAILED
