"""A conversation's step in its record: written once, whoever repeats it, and never over another's."""

from uuid import UUID, uuid4

import sqlalchemy as sa

from models import tables
from models.contracts.conversation import Record, Reply, Standing
from models.contracts.enums import ChannelKind, ConversationState, Language, ReplyKind
from models.contracts.turn import MOST_TOGETHER
from models.repositories import conversations, events, intake, messages, previews, records
from models.repositories.records import Outgoing
from runtime.database import Database
from runtime.ids import new_id

WORDS = Outgoing("Words of the bot.", [])


async def asked(database: Database, tenant: UUID) -> tuple[UUID, UUID]:
    """A conversation with one stored message: their ids."""
    async with database.tenant(tenant) as tx:
        conversation, _ = await conversations.open_(tx, channel=ChannelKind.API)
        accepted = await intake.accept(tx, conversation, "Anybody there?", None)
    assert accepted is not None
    return conversation, accepted.message_id


def answer(message: UUID, version: int) -> Record:
    return Record(
        standing=Standing(version=version, turn=version),
        handled=(message,),
        reply=Reply(kind=ReplyKind.GREETING, language=Language.EN),
    )


async def test_a_step_written_twice_is_there_once(database: Database, tenant: UUID) -> None:
    conversation, message = await asked(database, tenant)
    step = answer(message, 1)
    written = []
    for _ in range(2):
        async with database.tenant(tenant) as tx:
            written.append((await records.apply(tx, conversation, "run", step, WORDS)).recorded)
    assert written[0] == written[1]
    assert written[0].message_id is not None
    async with database.tenant(tenant) as tx:
        said = await messages.page(tx, conversation)
        heard = await events.after(tx, 0, conversation=conversation)
    assert [each.text for each in said] == ["Anybody there?", "Words of the bot."]
    assert len([event for event in heard if event.data.get("kind") == "greeting"]) == 1


async def test_a_step_from_an_outdated_start_is_told_where_things_stand(database: Database, tenant: UUID) -> None:
    conversation, message = await asked(database, tenant)
    async with database.tenant(tenant) as tx:
        closed = Standing(version=5, turn=4, state=ConversationState.CLOSED)
        await records.apply(tx, conversation, "first", Record(standing=closed), None)
    async with database.tenant(tenant) as tx:
        outcome = (await records.apply(tx, conversation, "second", answer(message, 1), WORDS)).recorded
        said = await messages.page(tx, conversation)
    assert outcome.message_id is None
    assert outcome.standing == Standing(version=5, turn=4), "open again, from where it was left"
    assert len(said) == 1, "nothing was written"


async def test_a_step_is_written_or_not_at_all(database: Database, tenant: UUID) -> None:
    conversation, message = await asked(database, tenant)
    impossible = answer(message, 1).model_copy(
        update={"standing": Standing(version=1, turn=1, state=ConversationState.PENDING)}
    )
    refused = False
    try:
        async with database.tenant(tenant) as tx:
            await records.apply(tx, conversation, str(uuid4()), impossible, WORDS)
    except Exception as error:  # noqa: BLE001  # whatever the driver calls it
        refused = "open escalations" in str(error)
    assert refused, "a pending conversation without an escalation cannot be committed"
    async with database.tenant(tenant) as tx:
        assert len(await messages.page(tx, conversation)) == 1


async def test_a_long_backlog_is_taken_in_loads_oldest_first(database: Database, tenant: UUID) -> None:
    conversation, first = await asked(database, tenant)
    async with database.tenant(tenant) as tx:
        stored = [first]
        for _ in range(MOST_TOGETHER):
            accepted = await intake.accept(tx, conversation, "Still there?", None)
            assert accepted is not None
            stored.append(accepted.message_id)
        burst = await messages.unhandled(tx, conversation, (stored[-1],))
    assert burst is not None
    assert burst.ids == tuple(stored[:MOST_TOGETHER])


async def test_what_is_shown_of_an_answer_ends_with_the_step_that_answers(database: Database, tenant: UUID) -> None:
    conversation, message = await asked(database, tenant)
    given_up, draft = sorted((new_id(), new_id()))

    async def put(of: UUID, text: str, version: int = 0) -> str:
        """What is shown after it."""
        async with database.tenant(tenant) as tx:
            await previews.put(tx, conversation, of, version, text)
        async with database.tenant(tenant) as tx:
            return await previews.shown(tx, conversation)

    assert await put(given_up, "One.") == "One."
    assert await put(draft, "Two.") == "Two."
    assert await put(given_up, "One. And more.") == "Two.", "an attempt that was given up comes late"
    assert await put(draft, "Two. And more.") == "Two. And more."
    async with database.tenant(tenant) as tx:
        await previews.withdraw(tx, conversation, given_up)
        assert await previews.shown(tx, conversation) == "Two. And more."
        await records.apply(tx, conversation, "run", answer(message, 1), WORDS)
        assert await tx.connection.scalar(sa.select(sa.func.count()).select_from(tables.previews)) == 0
    assert await put(draft, "Two.") == "", "late, of a turn that is over"
    assert await put(draft, "Three.", version=1) == "Three."
    async with database.tenant(tenant) as tx:
        await previews.withdraw(tx, conversation, draft)
        assert await previews.shown(tx, conversation) == ""
