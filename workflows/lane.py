"""One lane of a channel account: has its work done, again whenever there is more, and waits out a provider that is away.

The signal that comes with all new work keeps a run from ending between its last look and its end. At most one activity
of a lane runs at a time: that is what keeps a provider's limits and the order of a chat.
"""

from collections.abc import Callable
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from models.contracts.lanes import (
        DELIVER,
        FETCH_MEDIA,
        FOLLOW,
        LANE,
        POKE,
        POLL,
        RECEIVE,
        Lane,
        LaneInput,
        LaneWork,
        Poke,
        Worked,
    )
    from workflows.calls import call
    from workflows.policies import LANE_RESTS

WORK = {Lane.IN: RECEIVE, Lane.OUT: DELIVER, Lane.MEDIA: FETCH_MEDIA, Lane.POLL: POLL, Lane.DESK: FOLLOW}


# Without the sandbox: each piece of news starts a lane, and most of a short run would go into building one.
@workflow.defn(name=LANE.name, sandboxed=False)
class LaneWorkflow:
    """See the module. Ends when nothing waits."""

    @workflow.init
    def __init__(self, start: LaneInput) -> None:
        self._start = start
        self._failures = start.failures
        self._poked, self._anew = True, False

    @workflow.signal(name=POKE.name)
    def poke(self, news: Poke) -> None:
        """Something was added, or is worth another try."""
        self._poked = True
        self._anew = self._anew or news.anew

    @workflow.run
    async def run(self, _: LaneInput) -> None:
        while True:
            self._poked = self._anew = False
            worked = await self._work()
            self._failures = self._failures + 1 if worked.away else 0
            if worked.again_at is None and not worked.away and not self._poked:
                return
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(self._start.model_copy(update={"failures": self._failures}))
            await self._rest(worked)

    async def _work(self) -> Worked:
        start = self._start
        workflow.set_current_details(f"Working off the lane `{start.lane.value}`.")
        given = LaneWork(tenant_id=start.tenant_id, channel_account_id=start.channel_account_id)
        try:
            return await call(WORK[start.lane], given, start.channel_account_id)
        except ActivityError:
            # What is wrong with the work is in its rows; the lane goes on.
            return Worked(away=True)

    async def _rest(self, worked: Worked) -> None:
        """Sleep until there is something to do; while the provider is away, through everything but a change of that."""
        now = workflow.now()
        wait = timedelta(0) if worked.again_at is None else max(timedelta(0), worked.again_at - now)
        if worked.away:
            if worked.again_at is None:
                wait = LANE_RESTS[min(self._failures, len(LANE_RESTS)) - 1]
            workflow.set_current_details(f"The provider is away; tried again at {now + wait:%Y-%m-%d %H:%M:%S} UTC.")
            await self._wait(wait, lambda: self._anew)
        elif wait:
            workflow.set_current_details(f"Waiting until {now + wait:%Y-%m-%d %H:%M:%S} UTC.")
            await self._wait(wait, lambda: self._poked)

    async def _wait(self, longest: timedelta, ended: Callable[[], bool]) -> None:
        try:
            await workflow.wait_condition(ended, timeout=longest)
        except TimeoutError:
            return
