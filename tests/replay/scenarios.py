"""One way through each process for every outcome that it has: what `python -m tests.replay.record` plays and keeps."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID, uuid4

from temporalio import activity
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from models.contracts.base import Workflow
from models.contracts.conversation import CONVERSATION
from models.contracts.crawl import CRAWL
from models.contracts.enums import Command, ConversationState, Intent, LadderStep
from models.contracts.escalation import ESCALATION, Learned
from models.contracts.ingest import HAND_OVER, INGEST, RECONCILE, HandedOver, HandOverInput
from models.contracts.mail import MAIL, SEND_MAIL, Mailed, MailInput
from models.contracts.privacy import ERASURE, IDENTITY_CODE, RETENTION
from models.contracts.reindex import REINDEX
from models.contracts.routing import mail_id
from models.contracts.turn import Coverage, Generated, GenerateInput, Outcome, Verdict
from tests.replay import crawls, privacy
from tests.workflow.desk import BORIS, LADDER, Desk
from tests.workflow.test_ingest import Shelf
from tests.workflow.test_reindex import Shelves
from workflows.mail import MailWorkflow
from workflows.reconcile import ReconcileWorkflow

Handle = WorkflowHandle[Any, Any]

HUMAN: dict[str, Any] = {"intents": (Intent.HUMAN_REQUEST,)}
OPT_OUT: dict[str, Any] = {"intents": (Intent.OPT_OUT,), "has_question": False}

ServerKind = Literal["real", "rolling", "skipping"]
"""The dev server; one that soon asks for a new run; one that skips time."""


@dataclass(frozen=True)
class Scenario:
    """`play` leads a process to its outcome on a server of the kind that it needs."""

    name: str
    play: Callable[[WorkflowEnvironment], Awaitable[Handle]]
    server: ServerKind = "real"


SCENARIOS: list[Scenario] = []


def outcome(
    process: Workflow[Any, Any], server: ServerKind = "real"
) -> Callable[[Callable[[Desk], Awaitable[Handle]]], None]:
    """Register an outcome of a conversation or its escalation, played at a desk of its own."""

    def register(play: Callable[[Desk], Awaitable[Handle]]) -> None:
        async def at_a_desk(environment: WorkflowEnvironment) -> Handle:
            async with Desk(environment).open() as desk:
                handle = await play(desk)
                await settled(handle)
                return handle

        SCENARIOS.append(Scenario(f"{process.name}.{play.__name__}", at_a_desk, server))

    return register


async def settled(handle: Handle) -> None:
    """Wait until the process has nothing under way and waits itself, or has ended."""
    while True:
        now = (await handle.describe()).raw_description
        if not now.pending_activities and not now.HasField("pending_workflow_task"):
            return
        await asyncio.sleep(0.05)


async def generates(desk: Desk, result: Outcome) -> None:
    async def write(_: GenerateInput) -> Generated:
        return Generated(outcome=result)

    desk.generate = write
    await desk.handled(await desk.say(writes=True))


# Ingestions and reconcile -------------------------------------------------------------------------


@asynccontextmanager
async def shelf(environment: WorkflowEnvironment) -> AsyncIterator[Shelf]:
    found = Shelf(environment)
    async with found.worker():
        yield found


async def ingest_done(environment: WorkflowEnvironment) -> Handle:
    async with shelf(environment) as found:
        found.during["publish"] = lambda: found.upload(1)
        await found.upload(2)
        await found.result()
        return found.handle


async def ingest_files(environment: WorkflowEnvironment) -> Handle:
    async with shelf(environment) as found:
        found.during["publish"] = lambda: found.upload(0, files=1)
        await found.upload(1, files=3)
        await found.result()
        return found.handle


async def ingest_failed(environment: WorkflowEnvironment) -> Handle:
    def refuse() -> None:
        raise ApplicationError("refused", type="RejectedError", non_retryable=True)

    async with shelf(environment) as found:
        found.during["embed"] = refuse
        await found.upload(1)
        with suppress(WorkflowFailureError):
            await found.result()
        return found.handle


async def reconcile_done(environment: WorkflowEnvironment) -> Handle:
    @activity.defn(name=HAND_OVER.name)
    async def hand_over(_: HandOverInput) -> HandedOver:
        return HandedOver(messages=3)

    client: Client = environment.client
    queue = f"test-{uuid4()}"
    async with Worker(
        client, task_queue=queue, workflows=[ReconcileWorkflow], activities=[hand_over], max_cached_workflows=0
    ):
        handle = await client.start_workflow(
            RECONCILE.name, HandOverInput(after_seconds=15), id=f"reconcile-{uuid4()}", task_queue=queue
        )
        await handle.result()
        return handle


async def mail_sent(environment: WorkflowEnvironment) -> Handle:
    """After the server was busy once."""

    @activity.defn(name=SEND_MAIL.name)
    async def send_mail(_: MailInput) -> Mailed:
        if activity.info().attempt == 1:
            raise TimeoutError
        return Mailed(sent=True)

    return await mail(environment, send_mail)


async def mail_given_up(environment: WorkflowEnvironment) -> Handle:
    @activity.defn(name=SEND_MAIL.name)
    async def send_mail(_: MailInput) -> Mailed:
        raise ApplicationError("away", type="MailNotSentError", non_retryable=True)

    return await mail(environment, send_mail)


async def mail(environment: WorkflowEnvironment, send_mail: Callable[..., Any]) -> Handle:
    client: Client = environment.client
    queue = f"test-{uuid4()}"
    async with Worker(
        client, task_queue=queue, workflows=[MailWorkflow], activities=[send_mail], max_cached_workflows=0
    ):
        start = MailInput(tenant_id=uuid4(), mail_id=uuid4())
        handle = await client.start_workflow(
            MAIL.name, start, id=mail_id(start.tenant_id, start.mail_id), task_queue=queue
        )
        await handle.result()
        return handle


async def reindexed(environment: WorkflowEnvironment) -> Handle:
    """A passage came late; what nobody searches any more is dropped in two rounds."""
    async with Shelves(environment).worker() as shelves:
        shelves.late = 1
        handle = await shelves.start(shelves.reindex)
        await handle.result()
        return handle


async def reindex_failed(environment: WorkflowEnvironment) -> Handle:
    async with Shelves(environment).worker() as shelves:
        shelves.broken = True
        handle = await shelves.start()
        with suppress(WorkflowFailureError):
            await handle.result()
        return handle


SCENARIOS += [
    Scenario(f"{ERASURE.name}.done", privacy.erased, "skipping"),
    Scenario(f"{RETENTION.name}.continued", privacy.retained),
    Scenario(f"{IDENTITY_CODE.name}.sent", privacy.code_sent),
    Scenario(f"{MAIL.name}.sent", mail_sent),
    Scenario(f"{MAIL.name}.given_up", mail_given_up),
    Scenario(f"{INGEST.name}.done", ingest_done),
    Scenario(f"{INGEST.name}.failed", ingest_failed),
    Scenario(f"{INGEST.name}.files", ingest_files),
    Scenario(f"{CRAWL.name}.done", crawls.done),
    Scenario(f"{CRAWL.name}.failed", crawls.failed),
    Scenario(f"{REINDEX.name}.done", reindexed, "skipping"),
    Scenario(f"{REINDEX.name}.failed", reindex_failed, "skipping"),
    Scenario(f"{RECONCILE.name}.done", reconcile_done),
]


# Conversations ------------------------------------------------------------------------------------


@outcome(CONVERSATION)
async def answered(desk: Desk) -> Handle:
    await desk.handled(await desk.say())
    return desk.handle


@outcome(CONVERSATION)
async def clarified_then_escalated(desk: Desk) -> Handle:
    for _ in range(3):
        await desk.handled(await desk.say(coverage=Coverage.UNSURE))
    return desk.handle


@outcome(CONVERSATION)
async def muted(desk: Desk) -> Handle:
    await desk.handled(await desk.say(**OPT_OUT))
    await desk.handled(await desk.say())
    return desk.handle


@outcome(CONVERSATION)
async def slowed(desk: Desk) -> Handle:
    for flooding in (True, True, False):
        await desk.handled(await desk.say(flooding=flooding))
    return desk.handle


@outcome(CONVERSATION)
async def policy_escalated(desk: Desk) -> Handle:
    await desk.handled(await desk.say(verdict=Verdict.PERSON))
    return desk.handle


@outcome(CONVERSATION)
async def identified(desk: Desk) -> Handle:
    account = await desk.say(verdict=Verdict.IDENTIFY)
    await desk.handled(account)
    await desk.handled(await desk.say(verdict=Verdict.WRONG_CODE, about=account))
    await desk.handled(await desk.say(verdict=Verdict.VERIFIED, about=account))
    return desk.handle


@outcome(CONVERSATION)
async def manager_takes_and_resolves(desk: Desk) -> Handle:
    await desk.handled(await desk.say(**HUMAN))
    await desk.command(Command.TAKE)
    await desk.command(Command.REPLY, message_id=uuid4())
    await desk.command(Command.RESOLVE)
    await desk.process_of(desk.escalation.id).result()
    return desk.handle


@outcome(CONVERSATION)
async def passed_on_and_returned(desk: Desk) -> Handle:
    await desk.handled(await desk.say(**HUMAN))
    await desk.command(Command.TAKE)
    await desk.command(Command.SKIP)
    await desk.command(Command.REASSIGN, to=BORIS.member_id)
    await desk.command(Command.TAKE, BORIS)
    await desk.command(Command.RETURN, BORIS)
    await desk.process_of(desk.escalation.id).result()
    return desk.handle


@outcome(CONVERSATION)
async def cancelled(desk: Desk) -> Handle:
    await desk.handled(await desk.say(**HUMAN))
    await desk.handled(await desk.say(**OPT_OUT))
    await desk.process_of(desk.escalation.id).result()
    return desk.handle


@outcome(CONVERSATION)
async def model_answer(desk: Desk) -> Handle:
    await generates(desk, Outcome.WRITTEN)
    return desk.handle


@outcome(CONVERSATION)
async def model_failed_quoted(desk: Desk) -> Handle:
    await generates(desk, Outcome.FAILED)
    return desk.handle


@outcome(CONVERSATION)
async def model_knew_no_answer(desk: Desk) -> Handle:
    await generates(desk, Outcome.NO_ANSWER)
    return desk.handle


@outcome(CONVERSATION)
async def folded(desk: Desk) -> Handle:
    begun: list[tuple[UUID, ...]] = []
    first_begun = asyncio.Event()

    async def write(given: GenerateInput) -> Generated:
        begun.append(given.message_ids)
        first_begun.set()
        while len(begun) == 1:
            activity.heartbeat()
            await asyncio.sleep(0.05)
        return Generated(outcome=Outcome.WRITTEN)

    desk.generate = write
    await desk.say(writes=True)
    await first_begun.wait()
    await desk.handled(await desk.say(writes=True))
    return desk.handle


@outcome(CONVERSATION)
async def taken_while_generating(desk: Desk) -> Handle:
    writing = asyncio.Event()

    async def write_for_ever(_: GenerateInput) -> Generated:
        writing.set()
        while True:
            activity.heartbeat()
            await asyncio.sleep(0.05)

    desk.generate = write_for_ever
    message = await desk.say(writes=True)
    await writing.wait()
    view = await desk.command(Command.ESCALATE, escalation_id=None)
    assert view.escalation is not None
    await desk.command(Command.TAKE, escalation_id=view.escalation.id)
    await desk.handled(message)
    return desk.handle


@outcome(CONVERSATION, "rolling")
async def rolled(desk: Desk) -> Handle:
    """The run that continued as new, with a person asked for before."""
    await desk.handled(await desk.say(**HUMAN))
    first = (await desk.handle.describe()).run_id
    while (await desk.handle.describe()).run_id == first:
        await desk.handled(await desk.say())
    return desk.environment.client.get_workflow_handle(desk.handle.id, run_id=first)


@outcome(CONVERSATION)
async def closed_by_command(desk: Desk) -> Handle:
    await desk.handled(await desk.say(**HUMAN))
    await desk.command(Command.CLOSE)
    await desk.handle.result()
    return desk.handle


@outcome(CONVERSATION, "skipping")
async def closed_idle(desk: Desk) -> Handle:
    await desk.handled(await desk.say())
    await desk.pass_time(days=31)
    await desk.until(lambda desk: desk.records[-1].standing.state is ConversationState.CLOSED)
    return desk.handle


@outcome(CONVERSATION, "skipping")
async def burst_after_quiet(desk: Desk) -> Handle:
    first = await desk.say(quiet=1.5)
    await desk.say(quiet=1.5)
    await desk.pass_time(seconds=7)
    await desk.handled(first)
    return desk.handle


# Escalations --------------------------------------------------------------------------------------


async def escalate(desk: Desk) -> Handle:
    await desk.handled(await desk.say(**HUMAN))
    await desk.until(lambda desk: bool(desk.climbed))
    return desk.process_of(desk.escalation.id)


@outcome(ESCALATION, "skipping")
async def reminded(desk: Desk) -> Handle:
    handle = await escalate(desk)
    await desk.pass_time(hours=2)
    await desk.until(lambda desk: len(desk.climbed) == len(LADDER))
    return handle


@outcome(ESCALATION)
async def taken(desk: Desk) -> Handle:
    handle = await escalate(desk)
    await desk.command(Command.TAKE)
    await desk.until(lambda desk: desk.escalation.taken_by is not None)
    await settled(desk.handle)
    return handle


@outcome(ESCALATION, "skipping")
async def skipped_second_round(desk: Desk) -> Handle:
    handle = await escalate(desk)
    await desk.pass_time(minutes=6)
    await desk.command(Command.TAKE)
    await desk.pass_time(hours=1)
    await desk.command(Command.SKIP)
    await desk.pass_time(minutes=31)
    await desk.until(lambda desk: desk.climbed[-1][1:] == (LadderStep.REMINDER_1, 2))
    return handle


@outcome(ESCALATION)
async def resolved_learned(desk: Desk) -> Handle:
    desk.learned = Learned(source_id=uuid4(), job_id=uuid4())
    handle = await escalate(desk)
    await desk.command(Command.RESOLVE)
    await handle.result()
    return handle
