"""A source's files and staged documents become current knowledge: read, split, embed, publish, until nothing is left.

One run a source. Uploads that come meanwhile are taken up; the signal that comes with each keeps a run from ending
between its last look at what is staged and its end.
"""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from models.contracts.ingest import (
        EMBED,
        INGEST,
        PUBLISH,
        READ,
        SPLIT,
        STAGED,
        DocumentsStaged,
        EmbedInput,
        Ingested,
        IngestInput,
        PublishInput,
        ReadInput,
        SplitInput,
    )
    from workflows.calls import call
    from workflows.policies import BATCHES_PER_RUN


@workflow.defn(name=INGEST.name)
class IngestWorkflow:
    """See the module. A run that fails leaves what is current as it was, and what is staged for the next run."""

    @workflow.init
    def __init__(self, start: IngestInput) -> None:
        self._start = start
        self._done = start.done
        self._batches = 0
        self._more_staged = False
        self._reads_files = start.reads_files

    @workflow.signal(name=STAGED.name)
    def documents_staged(self, news: DocumentsStaged) -> None:
        """More was staged; it may be after the run's last look."""
        self._more_staged = True
        self._reads_files = self._reads_files or news.reads_files

    @workflow.run
    async def run(self, _: IngestInput) -> Ingested:
        try:
            while True:
                self._more_staged = False
                remaining = await self._round()
                if not remaining and not self._more_staged:
                    return self._done
        except (ActivityError, asyncio.CancelledError) as error:
            await self._fail(kind_of(error))
            raise

    async def _round(self) -> int:
        """Read, split, embed and publish what is there now. Returns how many documents came too late for it."""
        tenant, source = self._start.tenant_id, self._start.source_id
        documents = chunks = 0
        await self._read()
        while True:
            split = await call(SPLIT, SplitInput(tenant_id=tenant, source_id=source), tenant)
            documents += split.documents
            workflow.set_current_details(f"Splitting: {documents} documents done, {split.remaining} to go.")
            if not split.remaining:
                break
            self._roll_if_long()
        while True:
            embedded = await call(EMBED, EmbedInput(tenant_id=tenant, source_id=source), tenant)
            chunks += embedded.chunks
            workflow.set_current_details(f"Embedding: {chunks} passages done, {embedded.remaining} to go.")
            if not embedded.remaining:
                break
            self._roll_if_long()
        published = await call(PUBLISH, PublishInput(tenant_id=tenant, source_id=source), tenant)
        self._done = Ingested(
            documents=self._done.documents + published.documents, chunks=self._done.chunks + published.chunks
        )
        workflow.set_current_details(
            f"Published {self._done.documents} documents with {self._done.chunks} passages; "
            f"{published.remaining} came meanwhile."
        )
        return published.remaining

    async def _read(self) -> None:
        """Not a `patched` branch: whether a run reads files is in its input and its signals, and a run of an older release
        that an upload joins has to begin to."""
        tenant, source = self._start.tenant_id, self._start.source_id
        files = failed = 0
        while self._reads_files:
            read = await call(READ, ReadInput(tenant_id=tenant, source_id=source), tenant)
            files, failed = files + read.files, failed + read.failed
            workflow.set_current_details(
                f"Reading: {files} files done, {failed} of them failed, {read.remaining} to go."
            )
            if not read.remaining:
                return
            self._roll_if_long()

    def _roll_if_long(self) -> None:
        """Continue as new after many batches: what is done shows in the records, so only totals are carried."""
        self._batches += 1
        if self._batches >= BATCHES_PER_RUN or workflow.info().is_continue_as_new_suggested():
            carried = {"done": self._done, "reads_files": self._reads_files}
            workflow.continue_as_new(self._start.model_copy(update=carried))

    async def _fail(self, kind: str) -> None:
        """End the jobs of this run, and those of uploads that came while it failed."""
        workflow.set_current_details(
            f"Failed: {kind}. Nothing was published; what is staged waits for the next upload."
        )
        failure = PublishInput(tenant_id=self._start.tenant_id, source_id=self._start.source_id, error=kind)
        while True:
            self._more_staged = False
            await call(PUBLISH, failure, self._start.tenant_id)
            if not self._more_staged:
                return


def kind_of(error: BaseException) -> str:
    """A failure in one word, for the job and whoever reads it."""
    if is_cancelled_exception(error):
        return "cancelled"
    cause = error.__cause__
    return (cause.type if isinstance(cause, ApplicationError) else None) or type(cause).__name__
