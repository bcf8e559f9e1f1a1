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
    from api.app import create_app
    from api.server import Server, configuration
    from cli.answering import answering
    from cli.connecting import connecting
    from cli.search import searching
    from runtime import garbage, secrets, telemetry

    settings = running_settings(data_dir)
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = settings.model_copy(update=given)
    telemetry.configure(settings)
    secrets.check(settings)
    app = create_app(
        settings,
        open_searcher=searching(settings),
        open_answerer=answering(settings),
        open_connector=connecting(settings),
    )
    server = Server(app, configuration(app, settings))
    garbage.keep_what_is_there()
    try:
        server.run()
    except SystemExit:
        raise OperatorError(
            f"the API could not listen on {settings.host}:{settings.port}: is the port taken? Choose one with --port"
        ) from None
    if not server.started:
        raise OperatorError("the API did not start; the lines above say why")
