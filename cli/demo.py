"""`mainstay demo`: a company's day, played on a real system, checked at every step."""

import asyncio
import time

import typer

from cli.context import FAILED, AsJson, DataDir, console, print_json, settings_of


def demo(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Play a scripted day: questions, a follow-up, an unknown question, a person who takes it, answers and resolves,
    and what is learned from it.

    On the system that runs here, as a tenant of its own; without one, on a system that lasts as long as the demo.
    Exits 0 only if everything came out as it should.
    """
    from cli.sample_day import Script, play

    settings = settings_of(data_dir)
    script = Script(quiet=as_json)
    begun = time.monotonic()
    asyncio.run(play(settings, script))
    if as_json:
        print_json({"passed": script.passed, "seconds": round(time.monotonic() - begun, 1), "steps": script.steps})
    else:
        failed = sum(not step["passed"] for step in script.steps)
        console.print(
            f"\n{len(script.steps) - failed} of {len(script.steps)} checks held, in {time.monotonic() - begun:.0f} s.",
            style="green" if script.passed else "red",
        )
    if not script.passed:
        raise typer.Exit(FAILED)
