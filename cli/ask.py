"""`mainstay ask`: one question, one answer."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.context import AsJson, console, print_json
from cli.remote import remote
from models.contracts.enums import Language

if TYPE_CHECKING:
    from cli.http import Api


@remote
def ask(
    api: "Api",
    question: Annotated[str, typer.Argument(help="What a customer would write.")],
    language: Annotated[Language | None, typer.Option(help="To answer in. Default: that of the question.")] = None,
    assistant: Annotated[str | None, typer.Option(help="Slug of the assistant. Default: the default one.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say why: passages, scores, prompt, timings.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask one question: prints the answer with its sources, or says that a person is needed. Nobody is called."""
    given = {"language": None if language is None else language.value, "assistant": assistant, "explain": explain}
    body = {"question": question} | {name: value for name, value in given.items() if value}
    with console.status("Asking"):
        answer = api.post("/v1/agent/ask", body)
    if as_json:
        print_json(answer)
        return
    print_answer(answer)
    if answer["explanation"] is not None:
        print_explanation(answer["explanation"])


def print_answer(answer: dict[str, Any]) -> None:
    if answer["text"] is not None:
        print_reply(answer)
    if answer["decision"] == "escalate":
        reason = answer["reason"].replace("_", " ")
        console.print(f"(A person is needed: {reason}. In a conversation one would be asked.)")


def print_reply(reply: dict[str, Any]) -> None:
    """The words, and below them where they stand."""
    console.print(reply["text"], markup=False)
    for citation in reply["citations"]:
        place = " - ".join(part for part in (citation.get("title"), citation.get("uri")) if part)
        console.print(f"  source: {place}", style="dim", markup=False)


def place_of(passage: dict[str, Any]) -> str:
    """Its page and the headings above it. A page's first heading is often its title."""
    return " > ".join(dict.fromkeys(filter(None, (passage["title"], *passage["heading"].split(" > ")))))


def print_explanation(why: dict[str, Any]) -> None:
    """Everything that led to the answer, in the order in which it was found out."""
    from rich.table import Table

    meaning = why["understanding"]
    console.print(f"\n{why['why']}", style="bold", markup=False)
    console.print(f"intents: {', '.join(meaning['intents'])} ({meaning['confidence']:.2f}), in {meaning['language']}")
    console.print(f"thresholds: answers from {why['answer_at']}, asks a person below {why['unsure_at']}")
    console.print("features: " + ", ".join(f"{name} {value:.3f}" for name, value in why["features"].items()))
    passages = Table("passage", "similarity", "score", box=None)
    for passage in why["passages"]:
        passages.add_row(place_of(passage), f"{passage['similarity']:.3f}", f"{passage['score']:.4f}")
    console.print(passages)
    for message in why["prompt"]:
        console.print(f"--- {message['role']}", style="dim")
        console.print(message["text"], markup=False)
    for call in why["calls"]:
        tokens = f"{call['prompt_tokens']} + {call['completion_tokens']} tokens"
        console.print(
            f"{call['purpose']}: {call['endpoint']} ({call['model']}) {call['outcome']}, {tokens}, {call['milliseconds']} ms"
        )
    console.print("milliseconds: " + ", ".join(f"{step} {taken}" for step, taken in why["milliseconds"].items()))
