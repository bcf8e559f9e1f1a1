"""The sample company's day, played on a real system, checked at every step."""

import asyncio
import secrets
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from cli import sample
from cli.context import console, errors
from cli.http import Api
from cli.sample import Company, Turn
from runtime.database import Database
from runtime.errors import OperatorError
from runtime.home import Home
from runtime.runfile import RunFile, find
from runtime.settings import Settings

REPLY_SECONDS = 30
INGEST_SECONDS = 120
LEARNED_SECONDS = 60

ANSWER = "Технику в аренду мы не сдаём. Для выставок даём мебель с витрины на 7 дней, от 45 000 ₸."


async def play(settings: Settings, script: "Script") -> None:
    """The day, on the system that runs here, or on one that lasts as long as it."""
    from cli.system import System

    if running := find(Home.at(settings.data_dir)):
        await _day_on(running, script)
        return
    with tempfile.TemporaryDirectory(prefix="mainstay-demo-") as folder:
        temporary = settings.model_copy(update={"data_dir": Path(folder) / "data", "port": 0})
        async with System(temporary, lambda line: errors.print(line, style="dim", markup=False)).running() as run:
            await _day_on(run, script)


async def _day_on(run: RunFile, script: "Script") -> None:
    database = Database(run.database_url, pool_size=1)
    try:
        company = await sample.found(database, f"demo-{secrets.token_hex(4)}")
    finally:
        await database.close()
    # The day's calls wait for one another; the loop is left to the system that may run beside them.
    await asyncio.to_thread(Day(run.api_url, company, script).play)


class Script:
    """The transcript, and whether each thing came out as it should."""

    def __init__(self, *, quiet: bool) -> None:
        self.steps: list[dict[str, Any]] = []
        self._quiet = quiet

    @property
    def passed(self) -> bool:
        return bool(self.steps) and all(step["passed"] for step in self.steps)

    def scene(self, title: str) -> None:
        if not self._quiet:
            console.print(f"\n[bold]{title}[/bold]")

    def line(self, who: str, text: str) -> None:
        if not self._quiet:
            console.print(f"  {who}: {text}".replace("\n", "\n    "), markup=False)

    def check(self, what: str, held: bool) -> None:  # reads as a sentence: check(what, held)
        self.steps.append({"check": what, "passed": held})
        if not self._quiet:
            console.print(f"    {'✓' if held else '✗'} {what}", style="green" if held else "red", markup=False)


class Day:
    """The scripted day over HTTP, as an integration would play it."""

    def __init__(self, url: str, company: Company, script: Script) -> None:
        self._url = url
        self._company = company
        self._script = script

    def play(self) -> None:
        with ExitStack() as stack:
            clients = {
                name: stack.enter_context(Api(url=self._url, key=key)) for name, key in self._company.keys.items()
            }
            owner = clients[sample.OWNER]
            self._teach(owner)
            waiting = self._questions(owner)
            self._person(clients, waiting)
            self._learned(owner)

    def _teach(self, owner: Api) -> None:
        script = self._script
        script.scene(f"{sample.COMPANY} brings its help pages")
        job = owner.post("/v1/kb/sources", {"name": "Help pages", "documents": sample.pages()})["job_id"]
        done = _until(lambda: owner.get(f"/v1/kb/jobs/{job}"), lambda found: found["status"] in ("done", "failed"))
        script.check(
            f"{done['documents_total']} pages became {done['chunks_embedded']} passages", done["status"] == "done"
        )

    def _questions(self, owner: Api) -> dict[str, dict[str, str]]:
        """The customers' turns. Returns the conversation of each escalated question, by its text."""
        conversations: dict[str, str] = {}
        escalated: dict[str, dict[str, str]] = {}
        speaking = ""
        for turn in sample.day():
            if turn.customer != speaking:
                speaking = turn.customer
                self._script.scene(f"{speaking} writes")
            if turn.customer not in conversations:
                opened = owner.post("/v1/conversations", {"customer": {"name": turn.customer}})
                conversations[turn.customer] = opened["id"]
            conversation = conversations[turn.customer]
            self._script.line(turn.customer, turn.text)
            said = owner.post(f"/v1/conversations/{conversation}/messages", {"text": turn.text}, wait=REPLY_SECONDS)
            self._check_turn(owner, turn, conversation, said["reply"])
            if turn.outcome == "escalation":
                escalated[turn.text] = {"conversation": conversation, "customer": turn.customer}
        return escalated

    def _check_turn(self, owner: Api, turn: Turn, conversation: str, reply: dict[str, Any] | None) -> None:
        script = self._script
        if reply is None:
            script.check("an answer came in time", held=False)
            return
        script.line("bot", reply["text"])
        script.check(f"the reply is in {turn.language.value}", reply["language"] == turn.language.value)
        if turn.outcome == "answer":
            places = [citation["uri"] or citation["title"] for citation in reply["citations"]]
            script.check(f"it quotes its source ({', '.join(places) or 'none'})", bool(reply["citations"]))
            if turn.contains:
                script.check(f"it says “{turn.contains}”", _plain(turn.contains) in _plain(reply["text"]))
        else:
            state = owner.get(f"/v1/conversations/{conversation}")["state"]
            script.check("a person was asked for, nothing was invented", state == "pending")

    def _person(self, clients: dict[str, Api], escalated: dict[str, dict[str, str]]) -> None:
        script, owner = self._script, clients[sample.OWNER]
        question, where = next(iter(escalated.items()))
        conversation = where["conversation"]
        script.scene("Managers see who waits")
        pending = owner.get("/v1/escalations", status="pending")["items"]
        script.check(f"{len(pending)} customers wait for a person", len(pending) == len(escalated))
        escalation = next(found["id"] for found in pending if found["conversation_id"] == conversation)
        clients[sample.OWNER].post(f"/v1/escalations/{escalation}/take")
        script.line("Saule", "takes it")
        late = clients["Timur"].http.post(f"/v1/escalations/{escalation}/take", json={})
        script.check(
            "Timur takes it too late and is told who has it",
            late.status_code == httpx.codes.CONFLICT and "Saule" in late.text,
        )
        script.line(where["customer"], question)
        silent = owner.post(f"/v1/conversations/{conversation}/messages", {"text": question}, wait=5)
        script.check("the bot is silent while a person has the conversation", silent["reply"] is None)
        script.line("Saule", ANSWER)
        owner.post(f"/v1/escalations/{escalation}/reply", {"text": ANSWER})
        messages = owner.get(f"/v1/conversations/{conversation}/messages")["items"]
        script.check("the customer has Saule's answer", messages[-1]["text"] == ANSWER)
        owner.post(f"/v1/escalations/{escalation}/resolve")
        state = owner.get(f"/v1/conversations/{conversation}")["state"]
        script.check("resolved: the conversation is the bot's again", state == "bot_active")
        late = clients["Timur"].http.post(f"/v1/escalations/{escalation}/take", json={})
        script.check("a finished escalation cannot be taken", late.status_code == httpx.codes.CONFLICT)

    def _learned(self, owner: Api) -> None:
        """What the owner answered is knowledge now: the next customer gets it from the bot."""
        script = self._script
        script.scene("The next day, another customer")
        question = next(turn.text for turn in sample.day() if turn.outcome == "escalation")
        _until(
            lambda: owner.get("/v1/kb/sources")["items"],
            lambda sources: any(source["name"] == "Learned answers" and source["chunks"] for source in sources),
            LEARNED_SECONDS,
        )
        opened = owner.post("/v1/conversations", {"customer": {"name": "Nurlan"}})
        script.line("Nurlan", question)
        said = owner.post(f"/v1/conversations/{opened['id']}/messages", {"text": question}, wait=REPLY_SECONDS)
        reply = said["reply"] or {"text": ""}
        script.line("bot", reply["text"])
        script.check("the bot answers with what Saule taught it", "45 000 ₸" in reply["text"])


def _until(look: Callable[[], Any], enough: Callable[[Any], bool], seconds: float = INGEST_SECONDS) -> Any:
    """Look until it is enough. Raises OperatorError when it takes too long."""
    deadline = time.monotonic() + seconds
    while not enough(found := look()):
        if time.monotonic() > deadline:
            raise OperatorError(f"nothing came of it in {seconds:.0f} s: does a worker run? `mainstay doctor` tells")
        time.sleep(0.1)
    return found


def _plain(text: str) -> str:
    """Spaces of every kind are one: figures are set with narrow ones."""
    return " ".join(text.split())
