"""A conversation in the terminal: lines go out, what others say comes by the event stream."""

import json
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx

from cli.ask import print_reply
from cli.context import console, errors
from cli.http import Api, check
from runtime.errors import OperatorError

WAIT_SECONDS = 60
RECONNECT_SECONDS = 1.0
# The API writes something at least every 15 seconds.
SILENCE_SECONDS = 40.0


class Talk:
    """What is said comes by the event stream, so a manager's words appear whenever they are written."""

    def __init__(self, api: Api, conversation: str) -> None:
        self._api = api
        self._path = f"/v1/conversations/{conversation}"
        self._conversation = conversation
        self._listening = threading.Event()
        self._printing = threading.Lock()
        self._printed: set[str] = set()

    def run(self) -> None:
        """Send lines of standard input until it ends. Raises OperatorError when a message is not accepted."""
        threading.Thread(target=self._listen, daemon=True).start()
        self._listening.wait(RECONNECT_SECONDS)
        if sys.stdin.isatty():
            console.print("Write, and end with Ctrl-D. `mainstay escalations` lets a person join.", style="dim")
        for line in self._lines():
            try:
                # Waiting for the reply keeps a script's lines in turn.
                said = self._api.post(f"{self._path}/messages", {"text": line}, wait=WAIT_SECONDS)
                if said["reply"] is not None:
                    self._print(said["reply"]["id"], said["reply"])
            except OperatorError as error:
                errors.print(str(error), style="red", markup=False)
        console.print(f"The conversation goes on: `mainstay chat --conversation {self._conversation}`", style="dim")

    def _lines(self) -> Iterator[str]:
        while True:
            try:
                line = input("> " if sys.stdin.isatty() else "")
            except (EOFError, KeyboardInterrupt):
                return
            if line.strip():
                yield line

    def _listen(self) -> None:
        """Print what others say, wherever the connection breaks going on where it was."""
        last = ""
        while True:
            try:
                headers = {"Last-Event-ID": last} if last else {}
                with self._api.http.stream(
                    "GET", f"{self._path}/events", headers=headers, timeout=SILENCE_SECONDS
                ) as stream:
                    if stream.is_error:
                        stream.read()
                        check(stream)
                    self._listening.set()
                    for number, kind, data in events(stream):
                        # What is of its moment alone has none, and nothing goes on from it.
                        last = number or last
                        self._show(kind, data)
            except (httpx.TransportError, OperatorError):
                pass  # the next message tells what is wrong
            time.sleep(RECONNECT_SECONDS)

    def _show(self, kind: str, data: dict[str, Any]) -> None:
        if kind == "message" and data["author"] != "customer":
            self._print(data["message_id"], data)
        elif kind == "escalation":
            console.print(f"(request for a person: {data['status']})", style="dim", markup=False)

    def _print(self, message: str, said: dict[str, Any]) -> None:
        """Print a message once, whether the stream or the response brings it first."""
        with self._printing:
            if message not in self._printed:
                self._printed.add(message)
                if member := said.get("member"):
                    console.print(f"{member['name']}:", style="bold", markup=False)
                print_reply(said)


def events(stream: httpx.Response) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Server-sent events as (id, type, data); the id is empty where there is none."""
    fields: dict[str, str] = {}
    for line in stream.iter_lines():
        if line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            yield fields.get("id", ""), fields["event"], json.loads(fields["data"])
            fields = {}
