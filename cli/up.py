"""`mainstay up`: everything on this machine, in the foreground."""

import asyncio
import signal
import time
from typing import TYPE_CHECKING, Annotated

import typer

from cli.context import AsJson, DataDir, console, errors, print_json, settings_of
from runtime.home import Home
from runtime.settings import Settings

if TYPE_CHECKING:
    from runtime.runfile import RunFile


def up(
    data_dir: DataDir = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port of the API; 0 picks a free one. Default: MAINSTAY_PORT."),
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Bring a sample company with its help pages.")] = False,
    as_json: AsJson = False,
) -> None:
    """Start Postgres, Temporal, the API and workers; Ctrl-C drains and ends them.

    Servers that MAINSTAY_DATABASE_URL or MAINSTAY_TEMPORAL_ADDRESS name are used instead of embedded ones.
    """
    settings = settings_of(data_dir)
    if port is not None:
        settings = settings.model_copy(update={"port": port})
    asyncio.run(_up(settings, demo=demo, as_json=as_json))


async def _up(settings: Settings, *, demo: bool, as_json: bool) -> None:
    from cli.system import System

    begun = time.monotonic()
    system = System(settings, _say)
    drain = asyncio.current_task()
    stopping = False

    def stop() -> None:
        nonlocal stopping
        if stopping:
            _say("ending without draining")
            system.hurry()
        elif drain is not None:
            stopping = True
            _say("draining; once more ends at once")
            drain.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop)
    try:
        async with system.running() as found:
            await after_ready(system.settings, demo=demo)
            _announce(found, time.monotonic() - begun, as_json=as_json)
            if system.settings.mail_url is None:
                _say(
                    f"no mail server is set (MAINSTAY_MAIL_URL): mails are files in {Home.at(system.settings.data_dir).mail}"
                )
            await asyncio.Event().wait()
    except asyncio.CancelledError:
        if not stopping:
            raise
    _say("stopped")


async def after_ready(settings: Settings, *, demo: bool) -> None:
    """Called when the system answers, before its addresses are printed. `demo`: the sample company is wanted."""
    if demo:
        from cli import sample

        company = await sample.bring(settings)
        _say(
            f"{sample.COMPANY} is there already, as tenant {sample.SLUG}"
            if company is None
            else f"{sample.COMPANY} is there, as tenant {sample.SLUG}; its owner's API key, shown this once: "
            f"{company.keys[sample.OWNER]}"
        )


def _announce(found: "RunFile", seconds: float, *, as_json: bool) -> None:
    places = {"api": found.api_url, "openapi": f"{found.api_url}/openapi.json", "temporal_ui": found.temporal_ui_url}
    if as_json:
        print_json({"ready_seconds": round(seconds, 1), "pid": found.pid, **places})
        return
    console.print(f"\nready in {seconds:.1f} s")
    for name, label in (("api", "API"), ("openapi", "API description"), ("temporal_ui", "Temporal UI")):
        if url := places[name]:
            console.print(f"  {label:18} {url}")
    console.print("Ctrl-C drains and stops.\n")


def _say(line: str) -> None:
    # Progress is not output: with --json, stdout carries one document.
    errors.print(line, markup=False)
