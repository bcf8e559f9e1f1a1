"""`mainstay api`: the gateway."""

from typing import Annotated

import typer

from cli.context import DataDir, running_settings
from runtime.errors import OperatorError


def api(
    data_dir: DataDir = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on. Default: MAINSTAY_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on. Default: MAINSTAY_PORT.")] = None,
) -> None:
    """Serve the HTTP API until SIGTERM or Ctrl-C."""
    import uvicorn

    from api.app import create_app
    from api.server import Server
    from cli.search import searching
    from runtime import telemetry

    settings = running_settings(data_dir)
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = settings.model_copy(update=given)
    telemetry.configure(settings)
    app = create_app(settings, open_searcher=searching(settings))
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        # Ours logs with ids and without query strings; uvicorn's own lines go through our formatter.
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=int(settings.drain_seconds),
        ws_max_size=settings.body_max_bytes,
    )
    server = Server(app, config)
    try:
        server.run()
    except SystemExit:
        raise OperatorError(
            f"the API could not listen on {settings.host}:{settings.port}: is the port taken? Choose one with --port"
        ) from None
    if not server.started:
        raise OperatorError("the API did not start; the lines above say why")
