"""The verdict: what clients were told, against the records and the processes.

Every check yields violations: what is broken, and in which conversation. Nothing here trusts the code under test
beyond its tables.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import asyncpg

from tests.chaos.client import Sent
from tests.chaos.readers import Reader

Promise = Literal["lost", "duplicated", "order", "wedged", "invariant", "events", "stream", "answers"]

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken promise. `conversation` is None where it concerns the whole."""

    promise: Promise
    what: str
    conversation: str | None = None


class Records:
    """What the database holds for the tenant, read once."""

    def __init__(
        self,
        messages: Sequence[asyncpg.Record],
        ledger: Sequence[asyncpg.Record],
        events: Sequence[asyncpg.Record],
        conversations: Sequence[asyncpg.Record],
        escalations: Sequence[asyncpg.Record],
        last_event: int,
    ) -> None:
        self.messages = messages
        self.ledger = ledger
        self.events = events
        self.conversations = conversations
        self.escalations = escalations
        self.last_event = last_event

    @classmethod
    async def read(cls, connection: asyncpg.Connection, tenant: object) -> "Records":
        async def rows(query: str) -> Sequence[asyncpg.Record]:
            found: Sequence[asyncpg.Record] = await connection.fetch(query, tenant)
            return found

        return cls(
            await rows(
                "SELECT id::text, seq, conversation_id::text AS conversation, author, kind, status, turn, text, "
                "provider_message_id AS name FROM messages WHERE tenant_id = $1 ORDER BY seq"
            ),
            await rows("SELECT key, message_id::text AS message, status FROM send_ledger WHERE tenant_id = $1"),
            await rows(
                "SELECT seq, conversation_id::text AS conversation, type, data::text FROM events "
                "WHERE tenant_id = $1 ORDER BY seq"
            ),
            await rows("SELECT id::text, state, turn, version FROM conversations WHERE tenant_id = $1"),
            await rows(
                "SELECT id::text, conversation_id::text AS conversation, status FROM escalations WHERE tenant_id = $1"
            ),
            await connection.fetchval("SELECT last_seq FROM event_counters WHERE tenant_id = $1", tenant),
        )


def judge(
    records: Records, sent: Sequence[Sent], replied: Sequence[Sent], readers: Sequence[Reader]
) -> list[Violation]:
    """All that the records and the clients' log can tell. The processes are judged in processes.py."""
    return [
        *lost(records, sent),
        *unanswered(records),
        *stored_twice(records, sent),
        *answered_twice(records, sent),
        *sent_twice(records, replied),
        *disordered(records, sent),
        *inconsistent(records),
        *events_torn(records),
        *streams_torn(records, readers),
    ]


def lost(records: Records, sent: Iterable[Sent]) -> Iterable[Violation]:
    """Acknowledged means stored under the id that was given, and handled by a turn."""
    stored = {message["id"]: message for message in records.messages if message["author"] == "customer"}
    for each in sent:
        if each.refused is not None:
            yield Violation("answers", f"{each.client_message_id} was refused with {each.refused}", each.conversation)
        for message_id in each.message_ids:
            message = stored.get(message_id)
            if message is None:
                yield Violation("lost", f"acknowledged as {message_id} and not stored", each.conversation)
    for message in stored.values():
        if message["status"] != "handled":
            yield Violation("lost", f"message {message['id']} is stored and was not handled", message["conversation"])


def unanswered(records: Records) -> Iterable[Violation]:
    """A turn ends in a reply, or is forwarded to a person, or falls into a mute that the customer asked for."""
    replies: dict[tuple[str, int], list[asyncpg.Record]] = defaultdict(list)
    muted: dict[str, int] = {}
    forwarded = set()
    for message in records.messages:
        if message["author"] == "bot":
            replies[message["conversation"], message["turn"]].append(message)
            if message["kind"] == "muted":
                muted.setdefault(message["conversation"], message["turn"])
    for event in records.events:
        data = _data(event)
        if event["type"] == "state" and data["forwarded"]:
            forwarded.add((event["conversation"], data["turn"]))
    for message in records.messages:
        turn = (message["conversation"], message["turn"])
        if message["status"] != "handled" or turn in replies or turn in forwarded:
            continue
        if message["turn"] <= muted.get(message["conversation"], message["turn"]):
            yield Violation("lost", f"message {message['id']} was handled in silence", message["conversation"])


def stored_twice(records: Records, sent: Sequence[Sent]) -> Iterable[Violation]:
    """One row a message, one id a message, and no message that nobody sent."""
    customers = [message for message in records.messages if message["author"] == "customer"]
    for (conversation, name), times in _repeated((m["conversation"], m["name"]) for m in customers):
        yield Violation("duplicated", f"{name} is stored {times} times", conversation)
    names = {(each.conversation, each.client_message_id) for each in sent}
    for message in customers:
        if (message["conversation"], message["name"]) not in names:
            yield Violation("duplicated", f"{message['name']} is stored and was never sent", message["conversation"])
    for each in sent:
        if len(each.message_ids) > 1:
            yield Violation("duplicated", f"{each.client_message_id} was given several ids", each.conversation)


def answered_twice(records: Records, sent: Sequence[Sent]) -> Iterable[Violation]:
    """One reply a turn, one turn a message."""
    replies = ((m["conversation"], m["turn"]) for m in records.messages if m["author"] == "bot")
    for (conversation, turn), times in _repeated(replies):
        yield Violation("duplicated", f"turn {turn} has {times} replies", conversation)
    for each in sent:
        if len(each.reply_ids) > 1:
            yield Violation("duplicated", f"{each.client_message_id} was answered several times", each.conversation)
    turns = [(event["conversation"], _data(event)) for event in records.events if event["type"] == "state"]
    handled = ((conversation, message) for conversation, data in turns for message in data["handled"])
    for (conversation, message_id), times in _repeated(handled):
        yield Violation("duplicated", f"message {message_id} was handled {times} times", conversation)


def sent_twice(records: Records, replied: Sequence[Sent]) -> Iterable[Violation]:
    """One row of the ledger a send; what a manager wrote reaches the customer once."""
    for key, times in _repeated(row["key"] for row in records.ledger):
        yield Violation("duplicated", f"{key} stands {times} times in the ledger")
    sends = Counter(row["message"] for row in records.ledger)
    for message in records.messages:
        if message["status"] == "sent" and (times := sends[message["id"]]) != 1:
            yield Violation("duplicated", f"message {message['id']} has {times} sends", message["conversation"])
    written = Counter(m["text"] for m in records.messages if m["author"] == "manager" and m["status"] == "sent")
    for each in replied:
        if written[each.client_message_id] > 1:
            yield Violation("duplicated", f"{each.client_message_id!r} reached the customer more than once")
        if each.acknowledged is not None and written[each.client_message_id] == 0:
            yield Violation("lost", f"{each.client_message_id!r} was acknowledged and not sent")


def disordered(records: Records, sent: Iterable[Sent]) -> Iterable[Violation]:
    """Messages stand in the order in which they were written, are handled in it, and are answered behind it."""
    written: dict[str, list[str]] = defaultdict(list)
    for each in sent:
        written[each.conversation].append(each.client_message_id)
    by_conversation: dict[str, list[asyncpg.Record]] = defaultdict(list)
    for message in records.messages:
        by_conversation[message["conversation"]].append(message)
    for conversation, messages in by_conversation.items():
        theirs = [message for message in messages if message["author"] == "customer"]
        stored = [message["name"] for message in theirs]
        if stored != [name for name in written[conversation] if name in set(stored)]:
            yield Violation("order", "messages are not stored in the order in which they were written", conversation)
        for author in ("customer", "bot"):
            turns = [m["turn"] for m in messages if m["author"] == author and m["turn"] is not None]
            if turns != sorted(turns):
                yield Violation("order", f"turns of the {author}'s messages go back: {turns}", conversation)
        replied = {message["turn"]: message["seq"] for message in messages if message["author"] == "bot"}
        if any(message["turn"] in replied and replied[message["turn"]] < message["seq"] for message in theirs):
            yield Violation("order", "a reply stands before the message that it answers", conversation)


OPEN_IN = {"pending": ["pending"], "manager_active": ["active"], "bot_active": [], "closed": []}


def inconsistent(records: Records) -> Iterable[Violation]:
    """A conversation's state and its open escalations agree."""
    opened: dict[str, list[str]] = defaultdict(list)
    for escalation in records.escalations:
        if escalation["status"] in ("pending", "active"):
            opened[escalation["conversation"]].append(escalation["status"])
    for conversation in records.conversations:
        if opened[conversation["id"]] != OPEN_IN[conversation["state"]]:
            what = f"state {conversation['state']} with open escalations {opened[conversation['id']]}"
            yield Violation("invariant", what, conversation["id"])


def events_torn(records: Records) -> Iterable[Violation]:
    """Numbers without gaps, versions without jumps back, and an event for everything that was said."""
    numbers = [event["seq"] for event in records.events]
    if numbers != list(range(1, records.last_event + 1)):
        missing = sorted(set(range(1, records.last_event + 1)) - set(numbers))[:10]
        yield Violation("events", f"{len(numbers)} events for numbers up to {records.last_event}, missing {missing}")
    versions: dict[str, int] = defaultdict(int)
    told = Counter[str]()
    for event in records.events:
        data = _data(event)
        if event["type"] == "message":
            told[data["message_id"]] += 1
        if event["type"] == "state":
            conversation = event["conversation"]
            if data["version"] != versions[conversation] + 1:
                what = f"version {versions[conversation]} was followed by {data['version']}"
                yield Violation("events", what, conversation)
            versions[conversation] = data["version"]
    for message in records.messages:
        if message["status"] != "draft" and told[message["id"]] != 1:
            what = f"message {message['id']} was announced {told[message['id']]} times"
            yield Violation("events", what, message["conversation"])


def streams_torn(records: Records, readers: Iterable[Reader]) -> Iterable[Violation]:
    """A reader who resumed has seen every event of his conversation once, in order."""
    for reader in readers:
        true = [event["seq"] for event in records.events if event["conversation"] == reader.conversation]
        if reader.seen != true:
            missed, strange = sorted(set(true) - set(reader.seen)), len(reader.seen) - len(set(reader.seen))
            what = f"a reader missed {missed[:10]}, saw {strange} twice, of {len(true)} events"
            yield Violation("stream", what, reader.conversation)


def _repeated(keys: Iterable[Key]) -> list[tuple[Key, int]]:
    return [(key, times) for key, times in Counter(keys).items() if times > 1]


def _data(event: asyncpg.Record) -> Any:

    return json.loads(event["data"])
