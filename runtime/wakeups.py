"""Who waits for news of what: the database's announcements, fanned out to the waiters of this process.

A wake-up says only that there is something to read. A slow reader therefore costs one flag, however much
happens meanwhile, and a lost or repeated wake-up does no harm.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

Topic = UUID
"""A conversation's id, a tenant's for all of its events, a member's for what concerns their access. Ids are unique, so
one space serves all."""


class Subscription:
    """One waiter. `ended` turns true when the process stops: whoever waits should come to an end. `typing`: an answer is
    being written; whoever passes that on takes it back."""

    def __init__(self) -> None:
        self.ended = False
        self.typing = False
        self._news = asyncio.Event()

    def wake(self) -> None:
        self._news.set()

    async def wait(self, seconds: float) -> None:
        """Return at the next wake-up (at once, if there was one since the last wait), or after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return
        self._news.clear()


class Wakeups:
    """The subscriptions of one process."""

    def __init__(self) -> None:
        self._topics: dict[Topic, set[Subscription]] = defaultdict(set)
        self._subscriptions = 0
        self._ended = False

    @contextmanager
    def subscribe(self, *topics: Topic) -> Iterator[Subscription]:
        """Hear of `topics` inside the block. Subscribe first, then read: what comes between wakes you again."""
        subscription = Subscription()
        subscription.ended = self._ended
        self._subscriptions += 1
        for topic in topics:
            self._topics[topic].add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions -= 1
            for topic in topics:
                subscribers = self._topics[topic]
                subscribers.discard(subscription)
                if not subscribers:
                    del self._topics[topic]

    def announce(self, payload: str) -> None:
        """Pass on one announcement of the channel of events."""
        tenant, conversation, _seq = payload.split(" ")
        for topic in (tenant, conversation):
            if topic != "-":
                self.wake(UUID(topic))

    def wake(self, topic: Topic) -> None:
        for subscription in self._topics.get(topic, ()):
            subscription.wake()

    def typing(self, conversation: UUID) -> None:
        """An answer is being written there."""
        for subscription in self._topics.get(conversation, ()):
            subscription.typing = True
            subscription.wake()

    def wake_all(self) -> None:
        """Announcements may have been missed: let everybody look."""
        for subscribers in self._topics.values():
            for subscription in subscribers:
                subscription.wake()

    def end(self) -> None:
        """The process stops: every waiter, present and future, is told."""
        self._ended = True
        for subscribers in self._topics.values():
            for subscription in subscribers:
                subscription.ended = True
                subscription.wake()

    def __len__(self) -> int:
        return self._subscriptions
