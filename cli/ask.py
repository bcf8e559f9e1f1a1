"""`mainstay ask`: one question, one answer."""

from typing import Annotated, Any

import typer

from cli.context import FAILED, AsJson, DataDir, console, print_json
from cli.options import KeyOption, TenantOption, UrlOption
from models.contracts.enums import Language


def ask(
    question: Annotated[str, typer.Argument(help="What a customer would write.")],
    language: Annotated[Language | None, typer.Option(help="To answer in. Default: that of the question.")] = None,
    tenant: TenantOption = None,
    url: UrlOption = None,
    key: KeyOption = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Ask one question: prints the answer with its sources, or says that a person was asked."""
    from cli.http import connected

    body = {"question": question} | ({} if language is None else {"language": language.value})
    with connected(tenant, url, key, data_dir) as api, console.status("Asking"):
        answer = api.post("/v1/agent/ask", body)
    if as_json:
        print_json(answer)
    else:
        print_answer(answer)
    if answer["status"] == "pending":
        raise typer.Exit(FAILED)


def print_answer(answer: dict[str, Any]) -> None:
    if answer["reply"] is not None:
        print_reply(answer["reply"])
    if answer["status"] == "pending":
        console.print("No answer in time; the question is stored and will be answered. Does a worker run?")
    elif answer["status"] == "escalated":
        reason = answer["escalation"]["reason"].replace("_", " ")
        console.print(f"(A person was asked for: {reason}. `mainstay escalations list` shows who waits.)")


def print_reply(reply: dict[str, Any]) -> None:
    """The words, and below them where they stand."""
    console.print(reply["text"], markup=False)
    for citation in reply["citations"]:
        place = " - ".join(part for part in (citation.get("title"), citation.get("uri")) if part)
        console.print(f"  source: {place}", style="dim", markup=False)
