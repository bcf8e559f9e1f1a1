"""Every timeout, retry class and priority of the workflows, in one place.

Two retry classes. `persist`: the work must happen (it writes down what was decided), so it is tried until it
works; only the database can hold it up. `attempt`: the work may fail, and the workflow then does without.
Heartbeat timeouts are given where an activity runs long enough to be cancelled or lost.
"""

from dataclasses import dataclass
from datetime import timedelta

from temporalio.common import RetryPolicy

from models.contracts.crawl import BEGIN_CRAWL, END_CRAWL, FETCH_PAGES
from models.contracts.escalation import CLIMB, LEARN, PLAN
from models.contracts.ingest import EMBED, HAND_OVER, PUBLISH, READ, SPLIT
from models.contracts.lanes import DELIVER, FETCH_MEDIA, FOLLOW, POLL, RECEIVE
from models.contracts.learning import ASK_AGAIN, EMBED_QUESTIONS, FIND_CONTRADICTIONS, GATHER_GAPS, START_REVIEWS
from models.contracts.mail import SEND_MAIL
from models.contracts.privacy import (
    CLOSE_ERASURE,
    END_PROCESSES,
    ERASE_CONVERSATIONS,
    ERASE_CUSTOMER,
    FIND_TO_ERASE,
    NEXT_TENANTS,
    RETAIN,
    SEND_CODE,
)
from models.contracts.reindex import BEGIN_REINDEX, DROP_VECTORS, FILL_SPACE, SWITCH_SPACE
from models.contracts.routing import BATCH, CRAWLS_QUEUE, INTERACTIVE, MODELS_QUEUE, OPERATIONS_QUEUE, REMINDERS
from models.contracts.tenant_life import (
    BEGIN_DELETION,
    DELETE_ROWS,
    EXPORT_TENANT,
    FINISH_DELETION,
    PURGE_PROCESSES,
)
from models.contracts.turn import GENERATE, PREPARE, RECORD

PERSIST = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), backoff_coefficient=2.0, maximum_interval=timedelta(seconds=5)
)
ATTEMPT = RetryPolicy(initial_interval=timedelta(milliseconds=500), backoff_coefficient=2.0, maximum_attempts=3)


LOST_AFTER = timedelta(seconds=1.5)
"""A worker that has not beaten for so long is taken for dead, and its work given to another. With the time for
which a conversation waits for that worker's memory of it, this is how long a killed worker delays a reply."""

LANE_LOST_AFTER = timedelta(seconds=4)
"""A lane's worker that was killed delays what waits in the lane by so long."""

POLLER_LOST_AFTER = timedelta(seconds=15)
"""Longer, because there may be a thousand pollers, each of which beats all the time."""

LANE_RESTS = tuple(timedelta(seconds=seconds) for seconds in (1, 2, 5, 10, 20, 30, 60))
"""How long a lane rests after so many failures in a row to reach its provider; the last for all that follow."""

BATCH_LOST_AFTER = timedelta(seconds=5)
"""The same for work that nobody waits for: a process that embeds may be slow to beat."""


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """How one activity is called. `queue` None: the workflow's own (its tasks are started eagerly)."""

    start_to_close: timedelta
    retry: RetryPolicy
    priority: int
    queue: str | None = None
    schedule_to_close: timedelta | None = None
    heartbeat: timedelta | None = None


CALLS: dict[str, CallPolicy] = {
    PREPARE.name: CallPolicy(timedelta(seconds=15), PERSIST, INTERACTIVE, heartbeat=LOST_AFTER),
    # The activity has its own time for a turn (llm_turn_seconds) and falls back inside it: one attempt, and a
    # bound for a worker that was lost. Heartbeats carry the cancellation when a customer or a manager speaks up.
    GENERATE.name: CallPolicy(
        timedelta(minutes=11),
        RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_attempts=2),
        INTERACTIVE,
        queue=MODELS_QUEUE,
        heartbeat=LOST_AFTER,
    ),
    RECORD.name: CallPolicy(timedelta(seconds=10), PERSIST, INTERACTIVE, heartbeat=LOST_AFTER),
    PLAN.name: CallPolicy(timedelta(seconds=10), PERSIST, REMINDERS, heartbeat=LOST_AFTER),
    CLIMB.name: CallPolicy(timedelta(seconds=20), PERSIST, REMINDERS, heartbeat=LOST_AFTER),
    LEARN.name: CallPolicy(timedelta(seconds=20), PERSIST, REMINDERS, heartbeat=LOST_AFTER),
    # A few files of a minute each, and room for the machine to be busy; it beats while it reads.
    READ.name: CallPolicy(timedelta(minutes=30), PERSIST, BATCH, heartbeat=timedelta(seconds=30)),
    SPLIT.name: CallPolicy(timedelta(minutes=5), PERSIST, BATCH, heartbeat=BATCH_LOST_AFTER),
    EMBED.name: CallPolicy(timedelta(minutes=10), PERSIST, BATCH, heartbeat=BATCH_LOST_AFTER),
    BEGIN_CRAWL.name: CallPolicy(timedelta(minutes=1), PERSIST, BATCH),
    # A minute of addresses, and the last of them.
    FETCH_PAGES.name: CallPolicy(
        timedelta(minutes=10), PERSIST, BATCH, queue=CRAWLS_QUEUE, heartbeat=timedelta(seconds=30)
    ),
    END_CRAWL.name: CallPolicy(timedelta(minutes=2), PERSIST, BATCH),
    PUBLISH.name: CallPolicy(timedelta(minutes=1), PERSIST, BATCH, heartbeat=BATCH_LOST_AFTER),
    BEGIN_REINDEX.name: CallPolicy(timedelta(minutes=1), PERSIST, BATCH, heartbeat=BATCH_LOST_AFTER),
    FILL_SPACE.name: CallPolicy(timedelta(minutes=30), PERSIST, BATCH, heartbeat=BATCH_LOST_AFTER),
    SWITCH_SPACE.name: CallPolicy(timedelta(minutes=1), PERSIST, BATCH, heartbeat=BATCH_LOST_AFTER),
    DROP_VECTORS.name: CallPolicy(timedelta(minutes=5), PERSIST, BATCH, heartbeat=BATCH_LOST_AFTER),
    EMBED_QUESTIONS.name: CallPolicy(timedelta(minutes=10), PERSIST, BATCH, heartbeat=timedelta(seconds=60)),
    GATHER_GAPS.name: CallPolicy(timedelta(minutes=10), PERSIST, BATCH, heartbeat=timedelta(seconds=60)),
    ASK_AGAIN.name: CallPolicy(timedelta(minutes=10), PERSIST, BATCH, heartbeat=timedelta(seconds=60)),
    FIND_CONTRADICTIONS.name: CallPolicy(timedelta(minutes=10), PERSIST, BATCH, heartbeat=timedelta(seconds=60)),
    START_REVIEWS.name: CallPolicy(timedelta(minutes=10), PERSIST, BATCH, heartbeat=timedelta(seconds=60)),
    # What a lane does at a stretch is bounded by itself, well below this; then its process looks whether there is more.
    RECEIVE.name: CallPolicy(timedelta(minutes=5), PERSIST, INTERACTIVE, heartbeat=LANE_LOST_AFTER),
    DELIVER.name: CallPolicy(timedelta(minutes=5), PERSIST, INTERACTIVE, heartbeat=LANE_LOST_AFTER),
    FETCH_MEDIA.name: CallPolicy(timedelta(minutes=10), PERSIST, INTERACTIVE, heartbeat=LANE_LOST_AFTER),
    POLL.name: CallPolicy(timedelta(minutes=15), PERSIST, INTERACTIVE, heartbeat=POLLER_LOST_AFTER),
    FOLLOW.name: CallPolicy(timedelta(minutes=15), PERSIST, INTERACTIVE, heartbeat=POLLER_LOST_AFTER),
    # A mail server that is away is asked ever less often, and after an hour by reconcile.
    SEND_MAIL.name: CallPolicy(
        timedelta(minutes=1),
        RetryPolicy(
            initial_interval=timedelta(seconds=1), backoff_coefficient=2.0, maximum_interval=timedelta(minutes=5)
        ),
        INTERACTIVE,
        schedule_to_close=timedelta(hours=1),
    ),
    # A customer waits for it, and gets a person when the mail does not go.
    SEND_CODE.name: CallPolicy(
        timedelta(seconds=25),
        ATTEMPT,
        INTERACTIVE,
        queue=OPERATIONS_QUEUE,
        schedule_to_close=timedelta(seconds=45),
    ),
    FIND_TO_ERASE.name: CallPolicy(timedelta(seconds=30), PERSIST, BATCH),
    END_PROCESSES.name: CallPolicy(timedelta(minutes=5), PERSIST, BATCH, heartbeat=timedelta(seconds=30)),
    ERASE_CONVERSATIONS.name: CallPolicy(timedelta(minutes=30), PERSIST, BATCH, heartbeat=timedelta(seconds=60)),
    ERASE_CUSTOMER.name: CallPolicy(timedelta(minutes=1), PERSIST, BATCH),
    CLOSE_ERASURE.name: CallPolicy(timedelta(minutes=1), PERSIST, BATCH),
    NEXT_TENANTS.name: CallPolicy(timedelta(minutes=1), PERSIST, BATCH),
    # What fails today is done tomorrow: one tenant must not hold up the others.
    RETAIN.name: CallPolicy(timedelta(hours=1), ATTEMPT, BATCH, heartbeat=timedelta(seconds=60)),
    # As long as it takes: heartbeats tell whether somebody is at it.
    EXPORT_TENANT.name: CallPolicy(timedelta(hours=24), PERSIST, BATCH, heartbeat=timedelta(seconds=20)),
    BEGIN_DELETION.name: CallPolicy(timedelta(seconds=30), PERSIST, BATCH),
    PURGE_PROCESSES.name: CallPolicy(timedelta(hours=24), PERSIST, BATCH, heartbeat=timedelta(seconds=20)),
    DELETE_ROWS.name: CallPolicy(timedelta(hours=24), PERSIST, BATCH, heartbeat=timedelta(seconds=20)),
    FINISH_DELETION.name: CallPolicy(timedelta(minutes=1), PERSIST, BATCH),
    # While Postgres is away one run waits for it, and the schedule starts no other.
    HAND_OVER.name: CallPolicy(timedelta(seconds=30), PERSIST, INTERACTIVE, heartbeat=timedelta(seconds=10)),
}

IDLE_CLOSE = timedelta(days=30)
"""A conversation in which nobody says anything for so long is closed; the next message reopens it."""

BURST_CAP_WINDOWS = 4
"""A customer who keeps typing is answered after this many quiet windows, whatever comes."""

MAX_FOLDS = 3
"""A generation is given up for a newer message this often in one turn; then it is let finish."""

MAX_INBOX = 50
"""Messages understood together in one turn; what is beyond waits for the next."""

SEEN_IDS = 500
"""Handled message ids that are remembered; beyond that the record recognises a duplicate."""

TURNS_PER_RUN = 50
"""A run continues as new after so many turns even where the server does not suggest it yet: after a worker's death
its history is replayed while the customer waits (two seconds for 2,000 events on a busy machine)."""

OLD_SPACE_KEPT = timedelta(minutes=1)
"""Vectors of a space that a tenant has left stay for so long: searches that began in it end in it."""

BATCHES_PER_RUN = 200
"""An ingestion continues as new after so many batches of documents or chunks."""
