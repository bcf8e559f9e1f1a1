"""`mainstay chat`: a conversation in the terminal, as a customer has it."""

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from cli.remote import remote

if TYPE_CHECKING:
    from cli.http import Api


@remote
def chat(
    api: "Api",
    name: Annotated[str, typer.Option(help="The customer's name.")] = "Terminal",
    conversation: Annotated[UUID | None, typer.Option(help="Go on with this conversation.")] = None,
) -> None:
    """Talk to the bot, and to the person who takes over, until Ctrl-D."""
    from cli.talk import Talk

    found = str(conversation) if conversation else api.post("/v1/conversations", {"customer": {"name": name}})["id"]
    Talk(api, found).run()
