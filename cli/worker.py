"""`mainstay worker`: runs workflows and activities."""

from cli.context import DataDir, running_settings


def worker(data_dir: DataDir = None) -> None:
    """Run workflows and activities until SIGTERM or Ctrl-C; work under way is finished first."""
    import uvloop

    from runtime import telemetry
    from worker.main import run

    settings = running_settings(data_dir)
    telemetry.configure(settings)
    # Fewer instructions per message in and out than the standard loop, of which a turn has many.
    uvloop.run(run(settings))
