"""`mainstay chat`: a conversation in the terminal, as a customer has it."""

from typing import Annotated
from uuid import UUID

import typer

from cli.context import DataDir
from cli.options import KeyOption, TenantOption, UrlOption


def chat(
    name: Annotated[str, typer.Option(help="The customer's name.")] = "Terminal",
    conversation: Annotated[UUID | None, typer.Option(help="Go on with this conversation.")] = None,
    tenant: TenantOption = None,
    url: UrlOption = None,
    key: KeyOption = None,
    data_dir: DataDir = None,
) -> None:
    """Talk to the bot, and to the person who takes over, until Ctrl-D."""
    from cli.http import connected
    from cli.talk import Talk

    with connected(tenant, url, key, data_dir) as api:
        found = str(conversation) if conversation else api.post("/v1/conversations", {"customer": {"name": name}})["id"]
        Talk(api, found).run()
