"""Conversations through WhatsApp, from end to end: the whole system, and providers that judge every request."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from models.tables import channel_inbox, send_ledger
from runtime.database import Database
from runtime.embedded import Servers, ports
from tests.fakes.chatflow import FakeChatflow, Instance
from tests.fakes.faults import slow, too_many
from tests.fakes.outbox import Address
from tests.fakes.upload import Upload
from tests.fakes.whatsapp_cloud import FakeCloud, Number, Sent, batch
from tests.service.api.house import Company
from tests.service.api.test_api_command_line import Terminal
from tests.service.whole import SAMPLE, eventually, job_is_done, messages_of, open_escalation, system

DELIVERY = "How much is delivery to Astana?"
PERSON = "Please let me talk to a real person"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(64)


@pytest.fixture(scope="module")
async def cloud() -> AsyncIterator[FakeCloud]:
    async with FakeCloud() as cloud:
        yield cloud
        assert cloud.wrong == []


@pytest.fixture(scope="module")
async def chatflow() -> AsyncIterator[FakeChatflow]:
    async with FakeChatflow() as chatflow:
        yield chatflow
        assert chatflow.wrong == []


@pytest.fixture(scope="module")
async def shop(servers: Servers, cloud: FakeCloud, chatflow: FakeChatflow) -> AsyncIterator[Company]:
    port = ports.pick(set())
    async with system(
        servers,
        whatsapp_url=cloud.url,
        chatflow_url=chatflow.url,
        port=port,
        public_url=f"http://127.0.0.1:{port}",
        learns=False,
    ) as shop:
        page = {"name": "delivery", "text": (SAMPLE / "en" / "delivery.md").read_text(), "language": "en"}
        staged = await shop.post("/v1/kb/sources", {"name": "help", "documents": [page]})
        await eventually(lambda: job_is_done(shop, staged.json()["job_id"]))
        quick = {"quiet_seconds": {"whatsapp": 0.0}}
        changed = await shop.http.put("/v1/tenant/settings", json=quick, headers={"If-Match": "*"})
        changed.raise_for_status()
        yield shop


async def added(shop: Company, provider: str, settings: dict[str, Any], credentials: dict[str, str]) -> dict[str, Any]:
    name = f"{provider} {next(iter(settings.values()))}"
    given = {"provider": provider, "name": name, "settings": settings, "credentials": credentials}
    made = await shop.post("/v1/channel-accounts", given)
    assert made.status_code == 201, made.text
    account: dict[str, Any] = made.json()
    assert account["health"] == "ok", account
    return account


async def cloud_number(shop: Company, cloud: FakeCloud, **settings: Any) -> Number:
    number = cloud.add_number()
    credentials = {name: getattr(number, name) for name in ("access_token", "app_secret", "verify_token")}
    account = await added(shop, "whatsapp_cloud", {"phone_number_id": number.id, **settings}, credentials)
    assert not await cloud.subscribe(cloud.add_number(), f"{shop.http.base_url}{account['webhook_path']}")
    assert await cloud.subscribe(number, f"{shop.http.base_url}{account['webhook_path']}")
    return number


async def chatflow_instance(shop: Company, chatflow: FakeChatflow) -> Instance:
    phone = chatflow.add_instance()
    account = await added(shop, "chatflow", {"instance_id": phone.id}, {"token": phone.token})
    url = f"{shop.http.base_url}{account['webhook_path']}?key={account['webhook_secret']}"
    phone.outbox.point(Address(url))
    return phone


async def conversation_with(shop: Company, person: str) -> str:
    found: list[dict[str, Any]] = []

    async def opened() -> bool:
        listed = (await shop.get("/v1/conversations?limit=200")).json()["items"]
        found[:] = [each for each in listed if each["customer"]["external_id"] == f"whatsapp:{person}"]
        return bool(found)

    await eventually(opened)
    assert len(found) == 1
    return str(found[0]["id"])


async def picture_is_shown(shop: Company, conversation: str) -> None:
    """The last message has the picture, which can be fetched."""
    found: list[dict[str, Any]] = []

    async def stored() -> bool:
        found[:] = (await messages_of(shop, conversation))[-1]["attachments"]
        return [each["state"] for each in found] == ["stored"]

    await eventually(stored)
    fetched = await shop.http.get(found[0]["url"])
    assert (fetched.status_code, fetched.content) == (200, PICTURE)


async def became(shop: Company, conversation: str, author: str, status: str, error: str | None) -> None:
    """What happens to the first words of a manager's, or the bot's."""

    async def so() -> bool:
        said = await messages_of(shop, conversation)
        delivery = next(each["delivery"] for each in said if each["author"] == author)
        return (delivery["status"], delivery["error"]) == (status, error)

    await eventually(so)


async def answer_as_a_manager(shop: Company, conversation: str) -> None:
    """Take it, reply with words and a picture, and give it back."""
    escalation = f"/v1/escalations/{(await open_escalation(shop, conversation))['id']}"
    (await shop.post(f"{escalation}/take")).raise_for_status()
    files = {"file": ("map.png", PICTURE, "image/png")}
    uploaded = await shop.http.post(f"/v1/conversations/{conversation}/attachments", files=files)
    assert uploaded.status_code == 201, uploaded.text
    reply = {"text": "It is 2 * 3 & quick.", "attachment_ids": [uploaded.json()["id"]]}
    replied = await shop.post(f"{escalation}/reply", reply)
    assert replied.is_success, replied.text
    (await shop.post(f"{escalation}/resolve")).raise_for_status()


async def test_question_person_reply_with_a_picture_and_receipts_by_the_cloud_api(
    shop: Company, cloud: FakeCloud
) -> None:
    number, aida = await cloud_number(shop, cloud), cloud.person("Aida")
    # They choose from a list: what is too long for its row stands below.
    row = {"id": "1", "title": f"{DELIVERY[:23]}…", "description": DELIVERY}
    cloud.says(number, aida, interactive={"type": "list_reply", "list_reply": row})
    [answer] = await cloud.sent(aida)
    assert "1,490" in answer.text
    question = number.outbox.made[0]["entry"][0]["changes"][0]["value"]["messages"][0]
    await cloud.called("POST read")
    assert (number.read[0], number.typing[0]) == (question["id"], question["id"])
    cloud.says(number, aida, PERSON)
    await cloud.sent(aida, count=2)
    conversation = await conversation_with(shop, aida.id)
    cloud.says(number, aida, image=Upload(PICTURE, mime="image/png"))
    await picture_is_shown(shop, conversation)
    await answer_as_a_manager(shop, conversation)
    [*_, reply] = await cloud.sent(aida, count=3)
    assert (reply.text, reply.data) == ("It is 2 * 3 & quick.", PICTURE)
    cloud.reports(reply, "read", "delivered", "sent")

    async def read() -> bool:
        said = await messages_of(shop, conversation)
        return bool(said[-1]["delivery"]["status"] == "read")

    await eventually(read)
    said = await messages_of(shop, conversation)
    assert [each["author"] for each in said] == ["customer", "bot", "customer", "bot", "customer", "manager"]


async def test_what_is_said_too_late_is_held_behind_a_template_until_the_customer_writes(
    shop: Company, cloud: FakeCloud, database: Database
) -> None:
    template = {"template": "hello_again", "template_parameters": ["Shop"]}
    cloud.world.templates["hello_again", "en"] = 1
    number, late = await cloud_number(shop, cloud, **template), cloud.person("Late")
    cloud.says(number, late, PERSON)
    await cloud.sent(late)
    conversation = await conversation_with(shop, late.id)
    escalation = f"/v1/escalations/{(await open_escalation(shop, conversation))['id']}"

    # Meta takes them, and refuses them afterwards.
    (await shop.post(f"{escalation}/reply", {"text": "It is free."})).raise_for_status()
    await became(shop, conversation, "manager", "sent", None)
    cloud.reports((await cloud.sent(late, count=2))[-1], "failed", code=131_047)
    invitation = (await cloud.sent(late, count=3))[-1]
    assert invitation.template == "hello_again"

    async def noted() -> bool:
        async with database.tenant(shop.id) as tx:
            found = sa.select(send_ledger.c.id).where(send_ledger.c.invitation == invitation.id)
            return await tx.connection.scalar(found) is not None

    await eventually(noted)
    await became(shop, conversation, "manager", "queued", "window_closed")
    # It refuses the template as well, at its own pace.
    cloud.reports(invitation, "failed", code=131_049)
    await became(shop, conversation, "manager", "queued", "withheld_by_meta")
    (await shop.post(f"{escalation}/reply", {"text": "And quick."})).raise_for_status()
    cloud.says(number, late, "Hello again")
    said = [sent.text for sent in await cloud.sent(late, count=5)]
    assert said[3:] == ["It is free.", "And quick."]
    # Or it refuses at once; and of the template it tells why.
    cloud.passes(timedelta(hours=25))
    cloud.world.refused["hello_again", "en"] = 132_015
    (await shop.post(f"{escalation}/reply", {"text": "Are you there?"})).raise_for_status()

    async def told() -> bool:
        last = (await messages_of(shop, conversation))[-1]
        return bool(last["delivery"]["error"] == "template_paused")

    await eventually(told)
    # A customer who cannot be reached has not got it, and nothing else is known of what came before.
    cloud.reports((await cloud.sent(late, count=5))[3], "failed", code=131_026)
    await became(shop, conversation, "manager", "failed", "undeliverable")


async def test_what_becomes_of_a_message_may_be_told_before_its_id(
    shop: Company, cloud: FakeCloud, database: Database
) -> None:
    """Meta tells of messages by webhook while it still owes us the answers to the calls that sent them."""
    number = await cloud_number(shop, cloud)
    answered = asyncio.Event()
    people = {status: cloud.person(status) for status in ("delivered", "failed")}
    for status, person in people.items():
        cloud.faults.add(slow(until=answered), method="POST messages", chat=person.id)
        cloud.says(number, person, DELIVERY)
        [answer] = await cloud.sent(person)
        cloud.reports(answer, status, code=131_026)

    async def waiting() -> list[bool]:
        """Of each delivery that is kept: whether it was read, and is to be looked at again."""
        ours = channel_inbox.c.payload.cast(sa.Text).contains(number.id)
        async with database.tenant(shop.id) as tx:
            rows = await tx.connection.scalars(sa.select(channel_inbox.c.due_at).where(ours))
            return [due_at is not None for due_at in rows]

    async def looked_at() -> bool:
        return await waiting() == [True, True]

    await eventually(looked_at)
    # They keep nobody else waiting.
    other = cloud.person("Other")
    cloud.says(number, other, DELIVERY)
    await cloud.sent(other)
    answered.set()
    for (status, person), error in zip(people.items(), (None, "undeliverable"), strict=True):
        await became(shop, await conversation_with(shop, person.id), "bot", status, error)

    async def nothing_waits() -> bool:
        return not await waiting()

    await eventually(nothing_waits)


async def test_an_account_that_is_refused_is_red_and_says_why_until_something_goes_through(
    shop: Company, cloud: FakeCloud
) -> None:
    number, aida = await cloud_number(shop, cloud), cloud.person("Aida")
    listed = (await shop.get("/v1/channel-accounts?limit=200")).json()["items"]
    path = next(
        f"/v1/channel-accounts/{each['id']}" for each in listed if each["settings"].get("phone_number_id") == number.id
    )
    shown: dict[str, Any] = {}
    answers: list[Sent] = []

    async def is_now(health: str, code: str | None, advice: str) -> None:
        async def so() -> bool:
            shown.update((await shop.get(path)).json())
            return (shown["health"], shown["health_code"]) == (health, code)

        await eventually(so)
        assert advice in " ".join(shown["advice"])

    async def asked() -> Sent:
        cloud.says(number, aida, DELIVERY)
        answers.append((await cloud.sent(aida, count=len(answers) + 1))[-1])
        return answers[-1]

    # Meta takes the message, and refuses the account afterwards.
    for meta, code, advice in (
        (190, "token_refused", "Meta refuses the access token"),
        (131_031, "account_locked", "Account Quality"),
        (131_042, "payment_missing", "Payment Settings"),
    ):
        cloud.reports(await asked(), "failed", code=meta)
        await is_now("dead", code, advice)
    # That it takes another one says nothing: it did so before. That one arrives does.
    await asked()
    last = await asked()
    await is_now("dead", "payment_missing", "Payment Settings")
    cloud.reports(last, "delivered")
    await is_now("ok", None, "")
    # Or it refuses at once.
    cloud.faults.add(too_many(None, status=400, code=131_042), method="POST messages", chat=aida.id)
    cloud.says(number, aida, DELIVERY)
    await is_now("dead", "payment_missing", "Payment Settings")
    shell = Terminal({**os.environ, "MAINSTAY_URL": str(shop.http.base_url), "MAINSTAY_API_KEY": shop.keys["owner"]})
    assert "dead (payment_missing)" in (await shell.mainstay("channels", "list", COLUMNS="200")).out
    assert (await shop.post(f"{path}/check", {})).json()["health"] == "ok"
    await cloud.sent(aida, count=6)


async def test_a_batch_that_comes_again_and_again_has_one_effect(shop: Company, cloud: FakeCloud) -> None:
    number, first, second = await cloud_number(shop, cloud), cloud.person("First"), cloud.person("Second")
    number.outbox.held = True
    for person in (first, second):
        cloud.says(number, person, DELIVERY)
    made = list(number.outbox.made)
    # Meta puts what it could not deliver into other batches.
    await number.outbox.deliver([batch(made), *made, batch(made[::-1])], times=3, at_once=4)
    # What is delivered after all that is read after all that.
    number.outbox.held = False
    for person in (first, second):
        await cloud.sent(person)
        cloud.says(number, person, "Thank you!")
        await cloud.sent(person, count=2)
        said = await messages_of(shop, await conversation_with(shop, person.id))
        assert [each["author"] for each in said] == ["customer", "bot", "customer", "bot"]


async def test_question_person_and_reply_with_a_picture_by_chatflow(shop: Company, chatflow: FakeChatflow) -> None:
    phone, aida = await chatflow_instance(shop, chatflow), chatflow.person("Aida")
    chatflow.says(phone, aida, DELIVERY)
    [answer] = await chatflow.sent(aida)
    assert "1,490" in answer.text
    chatflow.says(phone, aida, PERSON)
    await chatflow.sent(aida, count=2)
    conversation = await conversation_with(shop, aida.id)
    chatflow.says(phone, aida, kind="image", file=Upload(PICTURE, mime="image/png"))
    await picture_is_shown(shop, conversation)
    await answer_as_a_manager(shop, conversation)
    [*_, reply] = await chatflow.sent(aida, count=3)
    # ChatFlow gets the file by its signed address.
    assert (reply.method, reply.text, reply.data) == ("send-image", "It is 2 * 3 & quick.", PICTURE)
    assert phone.outbox.last_error is None
