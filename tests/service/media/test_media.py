"""Files that customers send: fetched from a real adapter over real HTTP, kept while they are wanted and not longer."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from temporalio.testing import ActivityEnvironment

from activities.channels.inbound import Receive
from activities.desk.commands import Commands, Room
from activities.desk.handle import Desks
from activities.media.fetch import GIVE_UP_AFTER
from activities.phrases import PHRASES
from activities.privacy.retain import UNSENT
from activities.transcribing.port import BYTES_A_SECOND
from models.contracts.channels import FileState, MediaKind
from models.contracts.enums import Language, Role
from models.contracts.lanes import LaneWork, Worked
from models.pokes import Pokes
from models.repositories import (
    attachments,
    deliveries,
    erasure,
    inbox,
    media_garbage,
    messages,
    tenants,
)
from models.repositories.attachments import NewFile
from models.tables import attachments as table
from runtime.media.folder import FolderStore
from runtime.media.links import Links
from tests.service.media.shop import LIMITS, NUMBER, OGG, PNG, Shop, image, voice


async def test_files_are_fetched_and_told_of_or_refused_with_a_word(shop: Shop) -> None:
    shop.has("photo", PNG)
    shop.has("program", b"MZ\x90\x00" + bytes(10))
    shop.has("empty", b"")
    shop.has("larger", bytes(LIMITS.file + 1))
    # A picture of 60,000 by 60,000 points, as it says: whoever unpacked it would need gigabytes.
    bomb = (
        PNG[:8] + b"\x00\x00\x00\x0dIHDR" + (60_000).to_bytes(4, "big") * 2 + bytes(5) + zlib.compress(bytes(1 << 20))
    )
    shop.has("bomb", bomb)
    beside = await shop.arrives(image("bomb", name="../../\u202egpj.exe\x1b[2J\n" + "a" * 500 + ".png"), chat="2")
    accepted = await shop.arrives(
        image("photo", name="a.jpg"), image("program"), image("empty"), image("larger"), image("huge", size=10_001)
    )
    assert await shop.fetch() == Worked()
    photo, *refused = await shop.files_of(accepted)
    assert (photo.state, photo.name, photo.mime, photo.size) == (FileState.STORED, "a.jpg", "image/png", len(PNG))
    assert [(each.state, each.reason) for each in refused] == [
        (FileState.REFUSED, "executable"),
        (FileState.REFUSED, "empty"),
        (FileState.REFUSED, "too_large"),
        (FileState.REFUSED, "too_large"),
    ]
    assert photo.key is not None
    assert b"".join([part async for part in shop.store.read(photo.key)]) == PNG
    (packed,) = await shop.files_of(beside)
    assert (packed.state, packed.mime, packed.size) == (FileState.STORED, "image/png", len(bomb))
    assert packed.name == "a" * 196 + ".png"
    told = [each for each in await shop.told() if each.data["attachment_id"] != str(packed.id)]
    reasons = [(each.data["state"], each.data.get("reason", "")) for each in told]
    refusals = [("refused", reason) for reason in ("empty", "executable", "too_large", "too_large")]
    assert sorted(reasons) == [*refusals, ("stored", "")]
    assert all(each.message is not None and each.message.files[0].key == photo.key for each in told)
    assert not any("huge" in path for path in shop.meta.asked), "what is said to be too large is not even asked for"
    # What was written of the program goes with the next sweep; what is wanted stays.
    assert len(shop.kept()) == 4
    await shop.sweep()
    assert shop.kept() == {photo.key, packed.key}


async def test_what_cannot_be_had_now_is_fetched_later_and_given_up_in_the_end(shop: Shop, tmp_path: Path) -> None:
    shop.has("photo", PNG, status=503)
    accepted = await shop.arrives(image("photo"))
    assert await shop.waits()
    begun = datetime.now(UTC)
    again = (await shop.fetch()).again_at
    assert again is not None
    assert timedelta(seconds=9) < again - begun < timedelta(seconds=30)
    asked = len(shop.meta.asked)
    assert not await shop.waits(), "reconcile leaves it alone until it is due"
    assert (await shop.fetch()).again_at == again
    assert len(shop.meta.asked) == asked, "it was not due yet"

    # Our own store is away: that is not held against the file.
    shop.has("photo", PNG)
    broken = tmp_path / "broken"
    broken.write_bytes(b"")
    await shop.change(due_at=None, attempts=GIVE_UP_AFTER - 1)
    for _ in range(2):
        await shop.change(due_at=None)
        await shop.fetch(store=FolderStore(broken, Links("", [b"k"])))
    await shop.change(due_at=None)
    assert await shop.fetch() == Worked()
    assert [each.state for each in await shop.files_of(accepted)] == [FileState.STORED]

    late = await shop.arrives(image("photo"))
    async with shop.database.tenant(shop.tenant) as tx:
        await tx.connection.execute(
            sa.update(table).where(table.c.message_id == late.message_id).values(attempts=GIVE_UP_AFTER)
        )
    assert await shop.fetch() == Worked()
    assert [each.reason for each in await shop.files_of(late)] == ["unavailable"]


async def test_of_files_that_are_refused_each_message_is_told_of_once_in_its_language(shop: Shop) -> None:
    shop.has("program", b"MZ\x90\x00" + bytes(10))
    await shop.arrives(image("a", size=10_001), image("b", size=10_001), image("program"), chat="1", text="Вот чек")
    await shop.arrives(image("program"), chat="2", text="Here is my receipt")
    for _ in range(3):
        await shop.arrives(image("a", size=10_001), chat="3", text="Менің чегім", album="album")
    # Whoever wants no answers gets none, not even this one.
    silent = await shop.arrives(image("program"), chat="4")
    async with shop.database.tenant(shop.tenant) as tx:
        await tx.connection.execute(
            sa.text("UPDATE conversations SET muted_until = now() + interval '1 day' WHERE id = :id"),
            {"id": silent.start.conversation_id},
        )
    await asyncio.gather(*(shop.fetch() for _ in range(3)))
    told = await shop.queued()
    phrases = PHRASES[Language.RU].file_too_large, PHRASES[Language.EN].file_kind, PHRASES[Language.KK].file_too_large
    assert told == sorted(each.format(megabytes=1) for each in phrases)
    async with shop.database.tenant(shop.tenant) as tx:
        said = [each for each in await deliveries.after(tx, 0) if each.data.get("kind") == "unreadable"]
    assert len(said) == 3


async def test_an_account_that_is_refused_waits_and_loses_nothing(shop: Shop) -> None:
    shop.has("photo", PNG, status=401)
    accepted = await shop.arrives(image("photo"))
    worked = await shop.fetch()
    assert worked.away
    assert worked.again_at is not None
    shop.has("photo", PNG)
    await shop.change(due_at=None)
    assert await shop.fetch() == Worked()
    assert [each.state for each in await shop.files_of(accepted)] == [FileState.STORED]


async def test_no_file_is_fetched_by_two_and_a_tenants_room_is_bounded(shop: Shop) -> None:
    names = [f"photo-{number}" for number in range(7)]
    for name in [*names, "one-more"]:
        shop.has(name, PNG + bytes(7_000))
    accepted = await shop.arrives(*(image(name) for name in names))
    await asyncio.gather(*(shop.fetch() for _ in range(3)))
    times = shop.meta.times()
    assert {times[f"/files/{name}"] for name in names} == {1}
    assert {each.state for each in await shop.files_of(accepted)} == {FileState.STORED}
    more = await shop.arrives(image("one-more", size=7_000))
    assert await shop.fetch() == Worked()
    assert [each.reason for each in await shop.files_of(more)] == ["no_room"]


async def test_a_short_voice_message_is_written_down_and_then_handed_over(shop: Shop) -> None:
    shop.has("voice", OGG)
    heard = await shop.arrives(voice("voice", seconds=None), chat="1")
    long = await shop.arrives(voice("voice", seconds=121), chat="2")
    assert await shop.fetch(hears=True) == Worked()
    assert (shop.transcriber.heard, shop.transcriber.languages) == ([OGG], [None])
    async with shop.database.tenant(shop.tenant) as tx:
        found = await messages.get_many(tx, [heard.message_id, long.message_id])
        extras = await tx.connection.scalar(
            sa.text("SELECT extras FROM messages WHERE id = :id"), {"id": heard.message_id}
        )
    assert (found[heard.message_id].text, found[long.message_id].text) == (shop.transcriber.words, "")
    assert extras == {"transcribed": True}
    assert [await shop.handed_over(each.start.conversation_id) for each in (heard, long)] == [True, False]

    # A manager who speaks in a channel is passed on as they are, and shown to nobody before it is accepted.
    async with shop.database.tenant(shop.tenant) as tx:
        member = await tenants.add_member(tx, name="Aigerim", role=Role.AGENT)
        draft = await messages.add_draft(tx, heard.start.conversation_id, member.id, "")
        await attachments.add(tx, heard.start.conversation_id, draft, shop.owner.account, [voice("voice")])
        refused = await messages.add_draft(tx, heard.start.conversation_id, member.id, "")
        await attachments.add(tx, heard.start.conversation_id, refused, shop.owner.account, [voice("voice")])
        await messages.drop_draft(tx, refused)
    assert await shop.fetch(hears=True) == Worked()
    assert shop.meta.times()["/files/voice"] == 3, "what came with a refused draft is not fetched"
    async with shop.database.tenant(shop.tenant) as tx:
        assert await attachments.next_due(tx, shop.owner.account) is None
        said = (await messages.get_many(tx, [draft]))[draft]
    assert (said.text, [each.state for each in said.files]) == ("", [FileState.STORED])
    assert [each.message for each in await shop.told() if each.data["message_id"] == str(draft)] == [None]

    shop.transcriber.status = 500
    unheard = await shop.arrives(voice("voice"), chat="3")
    assert await shop.fetch(hears=True) == Worked()
    async with shop.database.tenant(shop.tenant) as tx:
        assert (await messages.get_many(tx, [unheard.message_id]))[unheard.message_id].text == ""
    assert [each.state for each in await shop.files_of(unheard)] == [FileState.STORED]
    assert await shop.handed_over(unheard.start.conversation_id)
    seconds = len(OGG) / BYTES_A_SECOND
    assert await shop.heard() == [("ok", 1, round(6_000_000 * seconds / 60)), ("server_fault", 1, 0)]


@pytest.mark.parametrize("listens", [True, False])
async def test_a_voice_message_waits_for_its_words_where_somebody_writes_them_down(shop: Shop, listens: bool) -> None:
    said = {"from": "77001112233", "id": "wamid.1", "timestamp": "1700000000", "type": "audio"}
    spoken = said | {"audio": {"id": "voice", "mime_type": "audio/ogg; codecs=opus", "voice": True}}
    value = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": NUMBER}, "messages": [spoken]}
    entry = {"id": "1", "changes": [{"field": "messages", "value": value}]}
    pokes = Pokes(shop.client)
    commands = Commands(shop.database, shop.client, Room(0, 0))
    step = Receive(
        shop.database,
        shop.client,
        shop.accounts,
        Desks(shop.database, commands, pokes, longest=LIMITS.text),
        pokes,
        longest=LIMITS.text,
        listens=listens,
    )
    async with shop.database.tenant(shop.tenant) as tx:
        await inbox.put(tx, shop.owner.account, "delivery", {"object": "whatsapp_business_account", "entry": [entry]})
    given = LaneWork(tenant_id=shop.tenant, channel_account_id=shop.owner.account)
    assert await ActivityEnvironment().run(step.receive, given) == Worked()
    await pokes.close()
    async with shop.database.tenant(shop.tenant) as tx:
        conversation = await tx.connection.scalar(sa.select(table.c.conversation_id))
    assert conversation is not None
    assert await shop.handed_over(conversation) != listens


async def test_a_file_lies_there_as_long_as_a_row_wants_it_and_no_longer(shop: Shop) -> None:
    """Whatever deletes the row: an erasure, the end of a draft's day, a cascade; or whoever wrote it was killed."""
    shop.has("photo", PNG)
    erased, stays = await shop.arrives(image("photo"), chat="1"), await shop.arrives(image("photo"), chat="2")
    await shop.fetch()
    (kept,) = await shop.files_of(stays)
    conversation = stays.start.conversation_id

    async def written() -> NewFile:
        """As a process does that is killed right after it."""
        async with shop.database.tenant(shop.tenant) as tx:
            key = await media_garbage.reserve(tx)
        await shop.store.put(key, _once(PNG), limit=1_000)
        return NewFile(key=key, mime="image/png", size=len(PNG), sha256="")

    unsent, draft, orphan = await written(), await written(), await written()
    async with shop.database.tenant(shop.tenant) as tx:
        await attachments.upload(tx, conversation, MediaKind.IMAGE, "unsent.png", unsent)
        member = await tenants.add_member(tx, name="Aigerim", role=Role.AGENT)
        message = await messages.add_draft(tx, conversation, member.id, "")
        uploaded = await attachments.upload(tx, conversation, MediaKind.IMAGE, "draft.png", draft)
        assert uploaded is not None
        await attachments.attach(tx, conversation, message, [uploaded])
    await shop.sweep()
    assert len(shop.kept()) == 5, "nothing of it is due"

    async with shop.database.tenant(shop.tenant) as tx:
        removed = await erasure.erase_conversation(tx, erased.start.conversation_id)
        assert removed["files"] == 1
        # A refused reply gives its file back, to be sent with another.
        await messages.drop_draft(tx, message)
        assert await attachments.forget_unsent(tx, datetime.now(UTC) - UNSENT) == 0
    await shop.sweep()
    assert len(shop.kept()) == 4
    async with shop.database.tenant(shop.tenant) as tx:
        assert await attachments.forget_unsent(tx, datetime.now(UTC) + timedelta(seconds=1)) == 2
    await shop.sweep()
    assert shop.kept() == {kept.key, orphan.key}

    async with shop.database.tenant(shop.tenant) as tx:
        await tx.connection.execute(
            sa.text("UPDATE media_garbage SET due_at = now() WHERE id = CAST(:id AS uuid)"),
            {"id": orphan.key.partition("/")[2]},
        )
    await shop.sweep()
    assert shop.kept() == {kept.key}
    async with shop.database.tenant(shop.tenant) as tx:
        await tx.connection.execute(sa.text("DELETE FROM channel_inbox"))
        await tx.connection.execute(
            sa.text("DELETE FROM conversations WHERE id = :id").bindparams(sa.bindparam("id", type_=sa.Uuid())),
            {"id": conversation},
        )
    await shop.sweep()
    assert shop.kept() == set()


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
