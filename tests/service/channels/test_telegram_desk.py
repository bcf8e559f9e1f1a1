"""The managers' desk in Telegram: the whole system, a bot for customers, a bot for the desk, and a judged Telegram."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from activities.desk import posting
from activities.desk.follow import Follow
from models.contracts.channels import Chat, Provider
from models.contracts.channels import Person as Sender
from models.contracts.enums import ChannelKind, Language, Role
from models.contracts.lanes import LaneWork
from models.pokes import Pokes
from models.repositories import arrivals, channel_accounts, desk_feed, desks, erasure, inbox, members, tenants
from models.repositories.arrivals import Owner
from runtime.database import Database
from runtime.embedded import Servers, ports
from runtime.ids import new_id
from runtime.wakeups import Wakeups
from tests.fakes.telegram import FakeTelegram, Person, Sent
from tests.service.api.house import Company
from tests.service.api.test_api_command_line import Terminal
from tests.service.channels.desk import Desk, code_of, desk_of, hurried
from tests.service.channels.desk_troubles import TROUBLES
from tests.service.channels.test_telegram_conversation import conversation_with
from tests.service.whole import eventually, messages_of, system

PNG = b"\x89PNG\r\n\x1a\n" + 32 * b"x"


@pytest.fixture(scope="module")
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with hurried() as telegram:
        yield telegram


@pytest.fixture(scope="module")
async def shop(servers: Servers, telegram: FakeTelegram) -> AsyncIterator[Company]:
    port = ports.pick(set())
    at = {"port": port, "public_url": f"http://127.0.0.1:{port}", "telegram_url": telegram.url}
    async with system(servers, learns=False, **at) as shop:
        quick = {"quiet_seconds": {"telegram": 0.0}}
        (await shop.http.put("/v1/tenant/settings", json=quick, headers={"If-Match": "*"})).raise_for_status()
        yield shop


@pytest.fixture
async def desk(shop: Company, telegram: FakeTelegram) -> Desk:
    return await desk_of(shop, telegram)


async def test_a_request_from_its_card_to_what_is_learned(desk: Desk, database: Database) -> None:
    shop, telegram, aigerim, boris = desk.shop, desk.telegram, desk.people["aigerim"], desk.people["boris"]
    aida = telegram.person("Aida <b>&")
    telegram.says(desk.customers, aida, "Do you repair roofs of castles?")
    conversation = await conversation_with(shop, aida.id)
    card = await desk.card(aida)
    assert "there is nothing about it in the knowledge base" in card.text
    assert "Do you repair roofs of castles?" in card.text
    assert [*card.buttons] == ["Take", "Can't", "Return to bot", "Resolve"]
    topic = card.topic
    assert topic is not None

    assert await desk.pressed(card, aigerim, "Take") == ""
    await desk.shows(card, "taken by Aigerim")
    assert [*card.buttons] == ["Resolve", "Can't", "Return to bot"]
    await telegram.sent(desk.group, topic=topic, text="Aigerim took it.")
    assert "Aigerim" in await desk.pressed(card, boris, "Resolve")

    telegram.says(desk.customers, aida, "Like this one", photo=PNG)
    await telegram.sent(desk.group, topic=topic, text="Like this one")
    [photo] = await eventually_sent(desk, topic, "sendPhoto")
    assert photo.data == PNG

    telegram.says(desk.group, aigerim, "// a difficult one", topic=topic)
    telegram.says(desk.group, boris, "I know better", topic=topic)
    await telegram.sent(desk.group, topic=topic, text="Aigerim has taken it")
    telegram.says(desk.group, aigerim, "We do: 500 a square metre.", topic=topic, photo=PNG + b"ours")
    await telegram.sent(aida, text="500 a square metre")
    [sent] = [each for each in telegram.world.sends if each.method == "sendPhoto" and each.room.person is not None]
    assert sent.data == PNG + b"ours"
    assert not [each for each in telegram.world.sends if "difficult" in each.text or "better" in each.text]
    said = telegram.says(desk.group, aigerim, "Ask us any time.", topic=topic)
    await telegram.sent(aida, text="any time")
    # As after a crash that came between its effect and the end of its delivery.
    account = UUID((await desk.state())["channel_account_id"])
    async with database.tenant(shop.id) as tx:
        await inbox.put(tx, account, "again", {"update_id": 1, "message": said})

    assert await desk.pressed(card, aigerim, "Resolve") == ""
    await desk.shows(card, "resolved by Aigerim")
    assert card.buttons == {}
    [proposed] = await telegram.sent(desk.group, topic=topic, text="A new answer")
    await reviewed(desk, proposed)
    [entry] = (await shop.get("/v1/learned?status=approved")).json()["items"]
    assert (entry["question"], entry["answer"]) == ("Do you repair roofs of castles?", "We do: 600 a square metre.")
    authors = [each["author"] for each in await messages_of(shop, conversation)]
    assert authors.count("manager") == 2
    assert len(await telegram.sent(aida, text="any time")) == 1


async def reviewed(desk: Desk, proposed: Sent) -> None:
    """The owner changes a proposed answer and approves it; an agent may do neither."""
    telegram, aigerim, owner, topic = desk.telegram, desk.people["aigerim"], desk.people["owner"], proposed.topic
    assert [*proposed.buttons] == ["Approve", "Edit", "Reject"]
    for button in proposed.buttons:
        assert "role" in await desk.pressed(proposed, aigerim, button)
    telegram.says(desk.group, aigerim, "It is free.", topic=topic, reply_to=proposed)
    await telegram.sent(desk.group, topic=topic, text="your role")
    assert "Answer to this message" in await desk.pressed(proposed, owner, "Edit")
    telegram.says(desk.group, owner, "We do: 600 a square metre.", topic=topic, reply_to=proposed)
    await desk.shows(proposed, "600 a square metre")
    await telegram.sent(desk.group, topic=topic, text="The answer is changed")
    before = as_it_was(proposed)
    assert await desk.pressed(proposed, owner, "Approve") == ""
    await desk.shows(proposed, "Owner approved the answer")
    for button in before.buttons:
        assert "reviewed already" in await desk.pressed(before, owner, button) or button == "Approve"


def as_it_was(sent: Sent) -> Sent:
    """A message with the buttons that it has now, for somebody whose app does not show what becomes of it."""
    return replace(sent, message=dict(sent.message))


async def eventually_sent(desk: Desk, topic: int, method: str) -> list[Sent]:
    def seen() -> list[Sent]:
        return [each for each in desk.telegram.world.sends if each.topic == topic and each.method == method]

    return await desk.telegram.watch.until(seen, 15, method) or []


async def test_nobody_takes_it_and_what_is_said_then_does_not_arrive(desk: Desk) -> None:
    shop, telegram, boris, owner = desk.shop, desk.telegram, desk.people["boris"], desk.people["owner"]
    ladder = {"team_minutes": 0.0, "reminder_1_minutes": 0.002, "reminder_2_minutes": 0.004}
    settings = (await shop.get("/v1/tenant/settings")).json()["settings"]
    await changed(shop, {**settings, "ladder": ladder})
    dana = telegram.person("Dana")
    telegram.says(desk.customers, dana, "Do you mend umbrellas?")
    card = await desk.card(dana)
    [reminder] = await telegram.sent(desk.group, topic=card.topic, text="still waiting")
    [calling] = await telegram.sent(desk.group, topic=card.topic, text="waiting for long")
    await changed(shop, settings)
    assert reminder.id < calling.id
    assert f"tg://user?id={owner.id}" in str(calling.message["entities"])
    await telegram.sent(dana, text="taking longer than usual")
    assert "waiting" in card.text

    desk.customers.blocked_by.add(dana.id)
    telegram.says(desk.group, boris, "We do.", topic=card.topic)
    await telegram.sent(desk.group, topic=card.topic, text="did not reach the customer")
    desk.customers.blocked_by.clear()
    telegram.says(desk.group, boris, "We mend all umbrellas.", topic=card.topic)
    await telegram.sent(dana, text="all umbrellas")
    assert await desk.pressed(card, boris, "Resolve") == ""
    [proposed] = await telegram.sent(desk.group, topic=card.topic, text="A new answer")
    assert await desk.pressed(proposed, owner, "Reject") == ""
    await desk.shows(proposed, "Owner rejected the answer")
    assert proposed.buttons == {}


async def changed(shop: Company, settings: object) -> None:
    (await shop.http.put("/v1/tenant/settings", json=settings, headers={"If-Match": "*"})).raise_for_status()


async def linked(database: Database, tenant: UUID, member: UUID, person: Person) -> Person:
    async with database.tenant(tenant) as tx:
        found = await desks.link_person(tx, await desks.new_person_link(tx, member), str(person.id))
    assert found is not None
    return person


async def test_who_may_not_take_is_told_why_and_nothing_happens(desk: Desk, database: Database) -> None:
    shop, telegram = desk.shop, desk.telegram
    nurlan, dana = telegram.person("Nurlan"), telegram.person("Dana")
    conversation, other = await desk.asked(nurlan), await desk.asked(dana)
    card, theirs = await desk.card(nurlan), await desk.card(dana)
    elsewhere = new_id()
    async with database.tenant(elsewhere) as tx:
        await tenants.create(tx, slug=f"t-{elsewhere.hex}", name="Another", language=Language.EN)
        foreign = (await tenants.add_member(tx, name="Foreign", role=Role.OWNER)).id
    async with database.tenant(shop.id) as tx:
        left, resting = [(await tenants.add_member(tx, name=name, role=Role.AGENT)).id for name in ("Left", "Resting")]
    strangers = {
        "stranger": telegram.person("Stranger"),
        "of another tenant": await linked(database, elsewhere, foreign, telegram.person("Foreign")),
        "removed": await linked(database, shop.id, left, telegram.person("Left")),
        "disabled": await linked(database, shop.id, resting, telegram.person("Resting")),
    }
    async with database.tenant(shop.id) as tx:
        await members.remove(tx, left)
        await members.update(tx, resting, disabled=True)
    for who, person in strangers.items():
        telegram.says(desk.group, person, "I am the boss", topic=card.topic)
        telegram.says(desk.group, person, "Really", topic=card.topic)
        assert "do not know who you are" in await desk.pressed(card, person, "Take"), who
    reader = await linked(database, shop.id, shop.members["user"].id, telegram.person("Reader"))
    assert "role" in await desk.pressed(card, reader, "Take")
    telegram.says(desk.group, reader, "I read only", topic=card.topic)
    await telegram.sent(desk.group, topic=card.topic, text="your role")

    taking, aigerim = card.buttons["Take"], desk.people["aigerim"]
    forged = (
        "take",
        "take:",
        f"take:{new_id().hex}",
        taking.replace("take", "reassign"),
        taking.replace("take", "approve"),
    )
    for data in (*forged, taking.upper(), taking + "0", theirs.buttons["Take"], "x" * 64):
        assert "not possible" in await desk.answered(telegram.forges(card, aigerim, data)), data
    assert await desk.pending(conversation)
    assert await desk.pending(other)
    for each in (conversation, other):
        assert "manager" not in [said["author"] for said in await messages_of(shop, each)]
    assert len(await telegram.sent(desk.group, text="do not know who you are")) == len(strangers)


async def test_of_two_at_once_one_takes_it_and_the_other_sees_who(desk: Desk) -> None:
    telegram, aigerim, boris = desk.telegram, desk.people["aigerim"], desk.people["boris"]
    omar = telegram.person("Omar")
    await desk.asked(omar)
    card = await desk.card(omar)
    before = as_it_was(card)
    presses = [telegram.presses(card, who, card.buttons["Take"]) for who in (aigerim, boris, aigerim, boris)]
    won, lost, again, still = [await desk.answered(query) for query in presses]
    assert (won, again) == ("", "")
    assert "Aigerim has taken it" in lost
    assert "Aigerim has taken it" in still
    await desk.shows(card, "taken by Aigerim")
    assert await desk.pressed(card, aigerim, "Can't") == ""
    await desk.shows(card, "waiting")
    assert await desk.pressed(before, boris, "Take") == ""
    await desk.shows(card, "taken by Boris")
    assert await desk.pressed(card, boris, "Return to bot") == ""
    await desk.shows(card, "returned to the bot by Boris")
    for button in before.buttons:
        assert "finished" in await desk.pressed(before, aigerim, button)
    assert len(await telegram.sent(desk.group, text="Aigerim took it")) == 1


async def test_a_press_waits_for_nothing_that_is_missing(
    shop: Company, telegram: FakeTelegram, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what was said stays in order: it waits for as long as it has to."""
    monkeypatch.setattr(inbox, "HELD", timedelta(minutes=5))
    desk = await desk_of(shop, telegram, receive="webhook")
    zoya, aigerim, mailbox = telegram.person("Zoya"), desk.people["aigerim"], desk.bot.mailbox
    await desk.asked(zoya)
    card = await desk.card(zoya)
    mailbox.held = True
    for text in ("The first", "The second"):
        telegram.says(desk.group, aigerim, text, topic=card.topic)
    taking = telegram.presses(card, aigerim, card.buttons["Take"])
    telegram.says(desk.group, aigerim, "The third", topic=card.topic)
    missing, *came = mailbox.made[-4:]
    await mailbox.deliver(came)
    assert await desk.answered(taking) == ""
    await desk.shows(card, "taken by Aigerim")
    await mailbox.deliver([missing])
    said = await telegram.sent(zoya, text="The ", count=3)
    assert [each.text for each in said] == ["The first", "The second", "The third"]


async def test_a_bot_that_only_serves_a_desk_opens_no_conversation(shop: Company, telegram: FakeTelegram) -> None:
    desk = await desk_of(shop, telegram, customers=False)
    anna, ivan = telegram.person("Anna"), telegram.person("Ivan")
    for text in ("/start", "Where is my order?", f"/start {'x' * 16}"):
        telegram.says(desk.bot, anna, text)
    await telegram.sent(anna, text="only serves the desk")
    await telegram.sent(anna, text="not good")
    telegram.says(desk.bot, anna, f"/start {await code_of(shop, 'boris')}")
    telegram.says(desk.bot, ivan, f"/link {await code_of(shop, 'aigerim')}")
    await telegram.sent(anna, text="You are Boris here")
    await telegram.sent(ivan, text="You are Aigerim here")
    telegram.blocks(desk.bot, ivan)
    await desk.asked(ivan)
    assert await desk.pressed(await desk.card(ivan), anna, "Take") == ""
    customers = [each["customer"]["external_id"] for each in (await shop.get("/v1/conversations")).json()["items"]]
    assert f"telegram:{anna.id}" not in customers


async def test_a_code_links_one_group_once(desk: Desk) -> None:
    telegram, owner, stranger = desk.telegram, desk.people["owner"], desk.telegram.person("Stranger")
    elsewhere = telegram.group("Elsewhere", forum=True)
    telegram.joins(desk.bot, elsewhere, stranger)
    made = (await desk.shop.post(f"/v1/desks/{desk.id}/link", {})).json()
    telegram.says(desk.group, owner, made["link"]["command"])
    await telegram.sent(desk.group, text="is the desk of", count=2)
    telegram.says(elsewhere, stranger, made["link"]["command"])
    await telegram.sent(elsewhere, text="not good")
    assert (await desk.state())["chat_id"] == str(desk.group.id)


async def refused(database: Database, desk: Desk) -> bool:
    """Whether the desk's next post was tried, and is put off."""
    query = (
        "SELECT count(*) FROM send_ledger "
        "WHERE desk_id = :desk AND status = 'queued' AND due_at IS NOT NULL AND error <> 'pace'"
    )
    async with database.tenant(desk.shop.id) as tx:
        return bool(await tx.connection.scalar(sa.text(query), {"desk": UUID(desk.id)}))


@pytest.mark.parametrize("name", TROUBLES)
async def test_what_is_wrong_with_a_group_is_told_and_mended(
    desk: Desk, database: Database, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble, telegram, farida, group = TROUBLES[name], desk.telegram, desk.telegram.person("Farida"), desk.group
    monkeypatch.setattr(posting, "REST", timedelta(minutes=5) if trouble.heard else timedelta(seconds=0.2))
    await desk.asked(farida)
    card = await desk.card(farida)
    # What is the group's fault is never given up; the rest would be at once.
    monkeypatch.setattr(posting, "GIVE_UP_AFTER", 0)
    await trouble.breaks(desk)
    telegram.says(desk.customers, farida, "Are you there?")
    gulnara = telegram.person("Gulnara")
    await desk.asked(gulnara)

    async def reported() -> bool:
        found = await desk.state()
        told = (found["health"], found["health_code"], found["waiting"] > 0) == ("dead", trouble.code, True)
        return told and await refused(database, desk)

    await eventually(reported)
    monkeypatch.setattr(posting, "GIVE_UP_AFTER", 20)
    assert trouble.advice in " ".join((await desk.state())["advice"])
    await telegram.sent(desk.people["owner"], text=f"Nothing can be posted at the desk of Branch {desk.bot.id}")
    if trouble.told is not None:
        [told, *_] = await telegram.sent(desk.group, text=trouble.told)
        assert told.topic is None
    await trouble.heals(desk)
    await desk.card(gulnara)
    [late, *_] = await telegram.sent(desk.group, text="Are you there?")
    assert late.topic == card.topic or desk.group is not group

    async def well() -> bool:
        found = await desk.state()
        return (found["health"], found["waiting"]) == ("ok", 0)

    await eventually(well)


async def test_a_group_goes_on(desk: Desk, database: Database) -> None:
    """With a topic that is deleted, or closed; as a supergroup; and when a customer is erased."""
    telegram, owner, farida = desk.telegram, desk.people["owner"], desk.telegram.person("Farida")
    conversation = await desk.asked(farida)
    card = await desk.card(farida)
    assert card.topic is not None
    telegram.deletes_topic(desk.group, card.topic)
    telegram.says(desk.customers, farida, "Are you there?")
    [again] = await telegram.sent(desk.group, text="Are you there?")
    assert again.topic not in (None, card.topic)
    anew = await desk.card(farida)
    assert (anew.topic, [*anew.buttons]) == (again.topic, [*card.buttons])
    telegram.closes_topic(desk.group, owner, anew.topic or 0)
    telegram.says(desk.customers, farida, "Hello?")
    await telegram.sent(desk.group, topic=anew.topic, text="Hello?")

    desk.group = telegram.migrates(desk.group, owner)
    telegram.says(desk.customers, farida, "Still there?")
    await telegram.sent(desk.group, text="Still there?")
    moved = await desk.card(farida)
    assert moved.topic in desk.group.topics
    assert (await desk.state())["chat_id"] == str(desk.group.id)
    async with database.tenant(desk.shop.id) as tx:
        assert await erasure.erase_conversation(tx, UUID(conversation))
    await desk.shop.post(f"/v1/desks/{desk.id}/check", {})
    await telegram.watch.until(lambda: moved.topic not in desk.group.topics, 10, "her topic gone")


async def linked_desk(database: Database) -> tuple[UUID, UUID, UUID]:
    """A tenant, its bot and the bot's desk, which nobody works for."""
    tenant = new_id()
    async with database.tenant(tenant) as tx:
        await tenants.create(tx, slug=f"t-{tenant.hex}", name="A company", language=Language.EN)
        account = await channel_accounts.create(tx, provider=Provider.TELEGRAM, name="desk", branch_id=None)
        code = await desks.new_link(tx, await desks.create(tx, account, None))
        desk = await desks.link(tx, account, code, "-100")
    assert desk is not None
    return tenant, account, desk


async def test_an_erasure_waits_for_nobody_who_follows(database: Database) -> None:
    """It holds the conversation, which they need to enter posts: neither could go on."""
    tenant, account, desk = await linked_desk(database)
    async with database.tenant(tenant) as tx:
        owner = Owner(account, ChannelKind.TELEGRAM)
        conversation = await arrivals.conversation_of(tx, owner, Chat(id="7"), Sender(id="7", name="Farida"))
        await desks.put_topic(tx, desk, conversation, "3")
    async with database.tenant(tenant) as following, database.tenant(tenant) as erasing:
        assert await desk_feed.begin(following, desk) is not None
        await erasing.connection.execute(sa.text("SET LOCAL lock_timeout = '5s'"))
        assert await erasure.erase_conversation(erasing, conversation)


async def test_nobody_follows_for_a_tenant_that_is_suspended(database: Database, servers: Servers) -> None:
    wakeups = Wakeups()
    tenant, account, _ = await linked_desk(database)
    client = await Client.connect(servers.temporal_address)
    follow = Follow(database, wakeups, Pokes(client))
    given = LaneWork(tenant_id=tenant, channel_account_id=account)
    following = asyncio.create_task(ActivityEnvironment().run(follow.follow_desk, given))

    async def follows() -> bool:
        return len(wakeups) > 0

    await eventually(follows)
    async with database.tenant(tenant) as tx:
        await tenants.suspend(tx, None)
    wakeups.wake(tenant)
    worked = await asyncio.wait_for(following, 10)
    assert worked.again_at is not None


async def test_a_desk_is_set_up_by_those_who_may(desk: Desk) -> None:
    shop, made = desk.shop, await desk.state()
    body = {"channel_account_id": made["channel_account_id"], "branch_id": made["branch_id"]}
    assert (await shop.post("/v1/desks", body, headers=shop.as_("aigerim"))).status_code == 403
    assert (await shop.post("/v1/desks", body)).status_code == 409
    wrong = await shop.post("/v1/desks", {**body, "channel_account_id": made["branch_id"]})
    assert [error["field"] for error in wrong.json()["errors"]] == ["channel_account_id"]
    shell = Terminal({**os.environ, "MAINSTAY_URL": str(shop.http.base_url), "MAINSTAY_API_KEY": shop.keys["owner"]})
    linked, checked = await asyncio.gather(
        shell.mainstay("desks", "link", desk.id), shell.mainstay("desks", "check", desk.id)
    )
    assert "Manage topics" in linked.out
    assert "write there: /link " in linked.out
    assert (checked.code, f"{desk.id}: ok" in checked.out) == (0, True)
    assert (await shop.http.delete(f"/v1/desks/{desk.id}")).status_code == 204
    assert (await shop.get(f"/v1/desks/{desk.id}")).status_code == 404
