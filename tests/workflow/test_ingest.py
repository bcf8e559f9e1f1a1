"""The ingestion of a source: rounds until nothing is staged, one run a source, failures that end jobs and no more.

On the real dev server: how a signal meets the end of a run is the server's doing.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from temporalio import activity
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from models import processes
from models.contracts.ingest import (
    EMBED,
    PUBLISH,
    READ,
    SPLIT,
    Embedded,
    EmbedInput,
    Ingested,
    IngestInput,
    Published,
    PublishInput,
    Read,
    ReadInput,
    Split,
    SplitInput,
)
from models.contracts.routing import KNOWLEDGE_QUEUE, TENANT_ID, ingest_id
from tests.workflow.conftest import binary
from workflows.ingest import IngestWorkflow

SUGGESTED_AT = 60
"""Events after which the server asks for a new run, so that a test need not be long for it."""


class Shelf:
    """A source whose steps are scripted: two files are read, two documents split, three chunks embedded, at a time."""

    def __init__(self, environment: WorkflowEnvironment) -> None:
        self.client = environment.client
        self.tenant, self.source = uuid4(), uuid4()
        self.unread = self.staged = self.unembedded = self.ready = 0
        self.steps: list[str] = []
        self.jobs_failed: list[str] = []
        self.during: dict[str, Callable[[], object]] = {}
        """By step: what happens at its next call, once."""

    async def _happens(self, step: str) -> None:
        self.steps.append(step)
        if (event := self.during.pop(step, None)) is not None:
            result = event()
            if asyncio.iscoroutine(result):
                await result

    @activity.defn(name=READ.name)
    async def read(self, given: ReadInput) -> Read:
        assert (given.tenant_id, given.source_id) == (self.tenant, self.source)
        await self._happens("read")
        batch = min(2, self.unread)
        self.unread -= batch
        self.staged += batch
        return Read(files=batch, failed=0, remaining=self.unread)

    @activity.defn(name=SPLIT.name)
    async def split(self, given: SplitInput) -> Split:
        assert (given.tenant_id, given.source_id) == (self.tenant, self.source)
        await self._happens("split")
        batch = min(2, self.staged)
        self.staged -= batch
        self.unembedded += 3 * batch
        self.ready += batch
        return Split(documents=batch, chunks=3 * batch, remaining=self.staged)

    @activity.defn(name=EMBED.name)
    async def embed(self, _: EmbedInput) -> Embedded:
        await self._happens("embed")
        batch = min(3, self.unembedded)
        self.unembedded -= batch
        return Embedded(chunks=batch, remaining=self.unembedded)

    @activity.defn(name=PUBLISH.name)
    async def publish(self, given: PublishInput) -> Published:
        if given.error is not None:
            self.jobs_failed.append(given.error)
            await self._happens("fail")
            return Published(documents=0, chunks=0, remaining=0)
        published = Published(documents=self.ready, chunks=3 * self.ready, remaining=self.staged)
        self.ready = 0
        await self._happens("publish")
        return published

    @property
    def handle(self) -> WorkflowHandle[object, object]:
        return self.client.get_workflow_handle(ingest_id(self.tenant, self.source))

    async def upload(self, documents: int, *, files: int | None = None) -> WorkflowHandle[object, object]:
        """`files` None: as a release did that knew none."""
        self.staged += documents
        self.unread += files or 0
        start = IngestInput(tenant_id=self.tenant, source_id=self.source, job_id=uuid4(), reads_files=files is not None)
        return await processes.ingest(self.client, start)

    async def result(self) -> Ingested:
        handle = self.client.get_workflow_handle(ingest_id(self.tenant, self.source), result_type=Ingested)
        done: Ingested = await handle.result()
        return done

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[None]:
        """Every task is replayed from the start."""
        async with Worker(
            self.client,
            task_queue=KNOWLEDGE_QUEUE,
            workflows=[IngestWorkflow],
            activities=[self.read, self.split, self.embed, self.publish],
            max_cached_workflows=0,
        ):
            yield


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[WorkflowEnvironment]:
    environment = await WorkflowEnvironment.start_local(
        dev_server_existing_path=binary("temporal"),
        dev_server_extra_args=[
            *("--search-attribute", f"{TENANT_ID.name}=Keyword"),
            *("--dynamic-config-value", f"limit.historyCount.suggestContinueAsNew={SUGGESTED_AT}"),
            *("--dynamic-config-value", "history.transferProcessorMaxPollRPS=2000"),
        ],
        data_converter=pydantic_data_converter,
    )
    async with environment:
        yield environment


@pytest.fixture
def shelf(server: WorkflowEnvironment) -> Shelf:
    return Shelf(server)


async def test_batches_until_nothing_is_left(shelf: Shelf) -> None:
    async with shelf.worker():
        await shelf.upload(3)
        assert await shelf.result() == Ingested(documents=3, chunks=9)
    assert sorted(shelf.steps[:-1]) == ["embed", "embed", "embed", "split", "split"]
    assert (shelf.steps[0], shelf.steps[-1]) == ("split", "publish")


async def test_texts_are_split_while_passages_are_embedded(shelf: Shelf) -> None:
    """The first batch of passages is not done before the last texts are split."""
    all_split = asyncio.Event()

    async def embed_last() -> None:
        shelf.during["split"] = all_split.set
        await all_split.wait()

    async with shelf.worker():
        shelf.during["embed"] = embed_last
        await shelf.upload(4)
        assert await asyncio.wait_for(shelf.result(), 20) == Ingested(documents=4, chunks=12)
    assert shelf.steps.count("split") == 2


async def test_what_is_embedded_is_given_up_when_splitting_fails(shelf: Shelf) -> None:
    failed = asyncio.Event()

    def refuse() -> None:
        failed.set()
        raise ApplicationError("no", type="RejectedError", non_retryable=True)

    async def embed_slowly() -> None:
        shelf.during["split"] = refuse
        await failed.wait()

    async with shelf.worker():
        shelf.during["embed"] = embed_slowly
        await shelf.upload(4)
        with pytest.raises(WorkflowFailureError):
            await asyncio.wait_for(shelf.result(), 20)
    assert shelf.jobs_failed == ["RejectedError"]
    assert "publish" not in shelf.steps


async def test_an_upload_during_the_run_joins_it(shelf: Shelf) -> None:
    async with shelf.worker():
        shelf.during["embed"] = lambda: shelf.upload(2)
        first = await shelf.upload(1)
        assert await shelf.result() == Ingested(documents=3, chunks=9)
        described = await shelf.handle.describe()
    assert described.run_id == first.first_execution_run_id
    assert shelf.steps.count("publish") == 2


async def test_an_upload_after_the_last_look_is_not_missed(shelf: Shelf) -> None:
    """Staged and signalled when the final publication has already counted what is staged."""
    async with shelf.worker():
        shelf.during["publish"] = lambda: shelf.upload(1)
        await shelf.upload(1)
        assert await shelf.result() == Ingested(documents=2, chunks=6)
    assert shelf.staged == 0
    assert shelf.steps == ["split", "embed", "publish"] * 2


async def test_a_second_upload_after_the_end_starts_a_run_of_its_own(shelf: Shelf) -> None:
    async with shelf.worker():
        await shelf.upload(1)
        assert await shelf.result() == Ingested(documents=1, chunks=3)
        await shelf.upload(2)
        assert await shelf.result() == Ingested(documents=2, chunks=6)


async def test_a_final_failure_fails_the_jobs_with_its_kind(shelf: Shelf) -> None:
    def refuse() -> None:
        raise ApplicationError("no", type="RejectedError", non_retryable=True)

    async with shelf.worker():
        shelf.during["embed"] = refuse
        await shelf.upload(1)
        with pytest.raises(WorkflowFailureError) as failed:
            await shelf.result()
        assert isinstance(failed.value.cause, ActivityError)
        assert shelf.jobs_failed == ["RejectedError"]
        assert "publish" not in shelf.steps
        # What is staged waits: the next upload takes it up.
        await shelf.upload(1)
        assert await shelf.result() == Ingested(documents=2, chunks=6)


async def test_uploads_during_a_failure_are_failed_too(shelf: Shelf) -> None:
    def refuse() -> None:
        raise ApplicationError("no", type="RejectedError", non_retryable=True)

    async with shelf.worker():
        shelf.during["split"] = refuse
        shelf.during["fail"] = lambda: shelf.upload(1)
        await shelf.upload(1)
        with pytest.raises(WorkflowFailureError):
            await shelf.result()
    assert shelf.jobs_failed == ["RejectedError"] * 2


async def test_a_passing_failure_is_tried_again(shelf: Shelf) -> None:
    def stumble() -> None:
        raise ApplicationError("away", type="UnreachableError")

    async with shelf.worker():
        shelf.during["embed"] = stumble
        await shelf.upload(1)
        assert await shelf.result() == Ingested(documents=1, chunks=3)
    assert shelf.steps == ["split", "embed", "embed", "publish"]


async def test_cancelling_the_run_fails_its_jobs(shelf: Shelf) -> None:
    async with shelf.worker():
        shelf.during["split"] = shelf.handle.cancel
        await shelf.upload(3)
        with pytest.raises(WorkflowFailureError):
            await shelf.result()
    assert shelf.jobs_failed == ["cancelled"]


async def test_a_long_run_continues_as_new_with_its_totals(shelf: Shelf) -> None:
    documents = 24
    async with shelf.worker():
        first = await shelf.upload(documents)
        assert await shelf.result() == Ingested(documents=documents, chunks=3 * documents)
        described = await shelf.handle.describe()
    assert described.run_id != first.first_execution_run_id


async def test_files_are_read_before_all_else(shelf: Shelf) -> None:
    async with shelf.worker():
        await shelf.upload(1, files=3)
        assert await shelf.result() == Ingested(documents=4, chunks=12)
    assert [step for step in shelf.steps if step in ("read", "split")] == ["read", "read", "split", "split"]


async def test_files_that_come_during_the_run_are_read_in_its_next_round(shelf: Shelf) -> None:
    async with shelf.worker():
        shelf.during["publish"] = lambda: shelf.upload(0, files=1)
        await shelf.upload(0, files=1)
        assert await shelf.result() == Ingested(documents=2, chunks=6)
    assert [step for step in shelf.steps if step != "embed"] == ["read", "split", "publish"] * 2


async def test_a_run_of_a_release_without_files_reads_those_that_join_it(shelf: Shelf) -> None:
    async with shelf.worker():
        shelf.during["embed"] = lambda: shelf.upload(0, files=1)
        await shelf.upload(1)
        assert await shelf.result() == Ingested(documents=2, chunks=6)
    assert [step for step in shelf.steps if step != "embed"] == ["split", "publish", "read", "split", "publish"]


async def test_a_long_reading_continues_as_new_and_goes_on_reading(shelf: Shelf) -> None:
    files = SUGGESTED_AT // 2
    async with shelf.worker():
        first = await shelf.upload(0, files=files)
        assert await shelf.result() == Ingested(documents=files, chunks=3 * files)
        described = await shelf.handle.describe()
    assert described.run_id != first.first_execution_run_id
    assert shelf.unread == 0
