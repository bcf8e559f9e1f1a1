"""A source's files and staged documents become current knowledge: read, split, embed, publish, until nothing is left.

Embedding takes longest, so what comes next is read and split meanwhile: two activities are under way, and both go by
what the rows say. One run a source. Uploads that come meanwhile are taken up; the signal that comes with each keeps a run from ending
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
    from workflows.calls import begin, call
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
        self._reading = self._splitting = False
        self._files = self._texts = self._passages = 0

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
        await self._prepare_and_embed()
        published = await call(PUBLISH, PublishInput(tenant_id=tenant, source_id=source), tenant)
        self._done = Ingested(
            documents=self._done.documents + published.documents, chunks=self._done.chunks + published.chunks
        )
        workflow.set_current_details(
            f"Published {self._done.documents} documents with {self._done.chunks} passages; "
            f"{published.remaining} came meanwhile."
        )
        return published.remaining

    async def _prepare_and_embed(self) -> None:
        """While a batch of passages is embedded, the next files are read and the next texts split."""
        self._reading, self._splitting = self._reads_files, True
        await self._prepare()
        while True:
            all_prepared = not self._preparing
            embedding = begin(
                EMBED,
                EmbedInput(tenant_id=self._start.tenant_id, source_id=self._start.source_id),
                self._start.tenant_id,
            )
            try:
                while self._preparing and not embedding.done() and not self._is_long():
                    await self._prepare()
                embedded = await embedding
            finally:
                # Where preparing has failed or the run was cancelled.
                embedding.cancel()
            self._note(passages=embedded.chunks)
            if all_prepared and not embedded.remaining:
                return
            self._roll_if_long()

    @property
    def _preparing(self) -> bool:
        return self._reading or self._splitting

    async def _prepare(self) -> None:
        """Read the next files or, when all are read, split the next texts.

        Not a `patched` branch: whether a run reads files is in its input and its signals, and a run of an older release
        that an upload joins has to begin to.
        """
        tenant, source = self._start.tenant_id, self._start.source_id
        if self._reading:
            read = await call(READ, ReadInput(tenant_id=tenant, source_id=source), tenant)
            self._reading = read.remaining > 0
            self._note(files=read.files)
        else:
            split = await call(SPLIT, SplitInput(tenant_id=tenant, source_id=source), tenant)
            self._splitting = split.remaining > 0
            self._note(texts=split.documents)

    def _note(self, *, files: int = 0, texts: int = 0, passages: int = 0) -> None:
        """Count a batch, and tell whoever looks at the run."""
        self._batches += 1
        self._files, self._texts, self._passages = self._files + files, self._texts + texts, self._passages + passages
        workflow.set_current_details(
            f"{self._files} files read, {self._texts} texts split, {self._passages} passages embedded in this run."
        )

    def _is_long(self) -> bool:
        return self._batches >= BATCHES_PER_RUN or workflow.info().is_continue_as_new_suggested()

    def _roll_if_long(self) -> None:
        """Continue as new after many batches: what is done shows in the records, so only totals are carried."""
        if self._is_long():
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
