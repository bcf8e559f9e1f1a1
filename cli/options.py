"""Which tenant, which API, whose key: options of every command that talks to a running system."""

from typing import Annotated

import typer

TenantOption = Annotated[
    str | None, typer.Option("--tenant", help="Slug of the tenant; not needed where there is only one.")
]
UrlOption = Annotated[
    str | None,
    typer.Option("--url", envvar="MAINSTAY_URL", help="Address of the API. Default: that of the system running here."),
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--key",
        envvar="MAINSTAY_API_KEY",
        show_envvar=True,
        help="API key. Default: one for 15 minutes, on the machine that runs the system.",
    ),
]
