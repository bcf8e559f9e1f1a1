"""Deliveries of other systems: proved before they are read, stored once, answered like every message."""

import asyncio
import time
from typing import Any

import pytest
import sqlalchemy as sa

from runtime.database import Database
from runtime.ids import new_id
from tests.service.api.house import Company
from tests.service.api.signing import Sender, message, sender, sign


async def messages_in(tenant: Company, conversation: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await tenant.get(f"/v1/conversations/{conversation}/messages")).json()["items"]
    return items


async def conversations_of(tenant: Company) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await tenant.get("/v1/conversations")).json()["items"]
    return items


async def test_a_delivered_message_is_answered(acme: Company) -> None:
    shop = await sender(acme)
    async with acme.stream("/v1/events") as stream:
        stored = await shop.deliver(message("Здравствуйте 👋"))
        assert stored.status_code == 200, stored.text
        receipt = stored.json()
        assert receipt["duplicate"] is False
        await stream.until("message", author="bot")
    said = await messages_in(acme, receipt["conversation_id"])
    first = said[0]
    assert (first["author"], first["text"], first["id"]) == ("customer", "Здравствуйте 👋", receipt["message_id"])
    assert "bot" in {each["author"] for each in said}


async def test_a_customer_has_one_conversation_on_each_account(acme: Company) -> None:
    shop, app = await sender(acme, "shop"), await sender(acme, "app")
    first = (await shop.deliver(message())).json()
    second = (await shop.deliver(message())).json()
    elsewhere = (await app.deliver(message())).json()
    by_key = await acme.opened(customer={"external_id": "c-42"})
    assert second["conversation_id"] == first["conversation_id"]
    assert len({first["conversation_id"], elsewhere["conversation_id"], by_key}) == 3


async def test_a_delivery_that_comes_again_has_no_effect(acme: Company) -> None:
    shop = await sender(acme)
    given, delivery = message(), new_id().hex
    first = (await shop.deliver(given, name=delivery)).json()
    # To the byte; by its id alone; and the message under another delivery's id, even as another customer's.
    for again in (
        await shop.deliver(given, name=delivery),
        await shop.deliver(message("Something else"), name=delivery),
        await shop.deliver(given),
        await shop.deliver(message(customer="c-43", name=given["message_id"])),
    ):
        assert (again.status_code, again.json()["duplicate"]) == (200, True)
    said = await messages_in(acme, first["conversation_id"])
    assert len([each for each in said if each["author"] == "customer"]) == 1
    assert len(await conversations_of(acme)) == 1


async def test_of_many_at_once_one_is_stored(acme: Company) -> None:
    shop = await sender(acme)
    given, delivery = message(), new_id().hex
    answers = await asyncio.gather(*(shop.deliver(given, name=delivery) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(answer.json()["duplicate"] for answer in answers) == [False] + [True] * 9
    assert len(await conversations_of(acme)) == 1


async def test_names_are_an_accounts_own(acme: Company, globex: Company) -> None:
    given, delivery = message(), new_id().hex
    for tenant, name in ((acme, "shop"), (acme, "app"), (globex, "shop")):
        answer = await (await sender(tenant, name)).deliver(given, name=delivery)
        assert answer.json()["duplicate"] is False


async def test_names_of_deliveries_are_forgotten_in_time(acme: Company, database: Database) -> None:
    shop = await sender(acme)
    await shop.deliver(message())
    async with database.tenant(acme.id) as tx:
        await tx.connection.execute(
            sa.text(
                "INSERT INTO channel_deliveries (tenant_id, channel_account_id, digest, received_at) "
                "SELECT DISTINCT tenant_id, channel_account_id, convert_to('old' || n, 'UTF8'), now() - interval '8 days' "
                "FROM channel_deliveries, generate_series(1, 5) n"
            )
        )
    assert await count(database, acme, "channel_deliveries") == 7
    await shop.deliver(message())
    assert await count(database, acme, "channel_deliveries") == 4


async def count(database: Database, tenant: Company, table: str) -> int:
    async with database.tenant(tenant.id) as tx:
        return (await tx.connection.scalar(sa.text(f"SELECT count(*) FROM {table}"))) or 0


# --- What is not proved


async def refusals(acme: Company, shop: Sender) -> dict[str, Any]:
    """Every way of being nobody."""
    given = message()
    stranger = Sender(acme.http, str(new_id()), shop.secret)
    no_id = Sender(acme.http, "nothing", shop.secret)
    other_kind = (await acme.post("/v1/channel-accounts", {"provider": "web", "name": "site"})).json()
    unsigned = Sender(acme.http, (await acme.get("/v1/channel-accounts")).json()["items"][0]["id"], shop.secret)
    return {
        "unknown account": await stranger.deliver(given),
        "no id": await no_id.deliver(given),
        "of another kind": await Sender(acme.http, other_kind["id"], shop.secret).deliver(given),
        "without a secret": await unsigned.deliver(given),
        "wrong secret": await shop.deliver(given, secret="whsec_" + "A" * 43 + "="),
        "too old": await shop.deliver(given, at=time.time() - 400),
        "too new": await shop.deliver(given, at=time.time() + 400),
        "other id": await shop.deliver(given, headers={"webhook-id": "other"}),
        "other time": await shop.deliver(given, headers={"webhook-timestamp": str(int(time.time()) - 1)}),
        "no signature": await shop.deliver(given, headers={"webhook-signature": ""}),
        "not even JSON": await shop.deliver(b'{"a":', secret="whsec_AAAA"),
        "deep": await shop.deliver(b"[" * 50_000, secret="whsec_AAAA"),
        "an API key instead": await acme.post(shop.path, given),
    }


async def test_whatever_is_wrong_the_answer_is_the_same(acme: Company, database: Database) -> None:
    shop = await sender(acme)
    answers = await refusals(acme, shop)
    await acme.http.patch(f"/v1/channel-accounts/{shop.account}", json={"disabled": True})
    answers["disabled"] = await shop.deliver(message())
    await acme.http.patch(f"/v1/channel-accounts/{shop.account}", json={"disabled": False})
    async with database.tenant(acme.id) as tx:
        await tx.connection.execute(sa.text("UPDATE tenants SET suspended = true WHERE id = :id"), {"id": acme.id})
    answers["suspended"] = await shop.deliver(message())
    said = {}
    for name, answer in answers.items():
        body = answer.json()
        del body["request_id"]
        said[name] = (answer.status_code, str(body), tuple(sorted(answer.headers)))
    assert set(said.values()) == {said["unknown account"]}, said
    assert said["unknown account"][0] == 401
    assert await count(database, acme, "conversations") == 0


@pytest.mark.parametrize("kind", ["web", "nothing", "API"])
async def test_kinds_that_nobody_can_read_do_not_exist(acme: Company, kind: str) -> None:
    shop = await sender(acme)
    answer = await Sender(acme.http, shop.account, shop.secret, kind=kind).deliver(message())
    assert answer.status_code == 404


async def test_a_secret_is_one_accounts_own(acme: Company, globex: Company) -> None:
    ours, theirs = await sender(acme), await sender(globex)
    crossed = Sender(acme.http, theirs.account, ours.secret)
    assert (await crossed.deliver(message())).status_code == 401
    assert await conversations_of(globex) == []


async def test_a_secret_whose_key_is_gone_proves_nothing(acme: Company, database: Database) -> None:
    shop = await sender(acme)
    async with database.tenant(acme.id) as tx:
        await tx.connection.execute(sa.text("DELETE FROM data_keys"))
    assert (await shop.deliver(message())).status_code == 401


async def test_a_changed_body_is_refused_whatever_it_means(acme: Company) -> None:
    """Proved are bytes, not what they mean: the same JSON with a space more is another delivery."""
    shop = await sender(acme)
    content = b'{"customer":{"external_id":"c-42"},"text":"Hello","message_id":"m-1"}'
    headers = sign(content, shop.secret, "d-1", int(time.time()))
    del acme.http.headers["Authorization"]
    assert (await acme.http.post(shop.path, content=content.replace(b":", b": "), headers=headers)).status_code == 401
    assert (await acme.http.post(shop.path, content=content, headers=headers)).status_code == 200


# --- What is proved, and wrong


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "customer"),
        ({"customer": {}, "text": "x", "message_id": "m"}, "customer.external_id"),
        (message(""), "text"),
        (message("  "), "text"),
        (message("x" * 16_001), "text"),
        (message("a\x00b"), "text"),
        (message(name="x" * 201), "message_id"),
        (message(tenant_id="00000000-0000-0000-0000-000000000000"), "tenant_id"),
        (message(channel_account_id="x"), "channel_account_id"),
    ],
)
async def test_what_is_wrong_with_a_proved_delivery_is_named(acme: Company, body: Any, field: str) -> None:
    refused = await (await sender(acme)).deliver(body)
    assert refused.status_code == 422, refused.text
    assert field in [error["field"] for error in refused.json()["errors"]]
    assert await conversations_of(acme) == []


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe{}", b'{"text":1,"text":2}', b"[" * 70 + b"]" * 70, b"NaN", b"[]"]
)
async def test_a_proved_delivery_that_is_no_message(acme: Company, body: bytes) -> None:
    refused = await (await sender(acme)).deliver(body)
    assert refused.status_code in (400, 422), refused.text


async def test_a_wrong_delivery_can_be_put_right_under_its_own_name(acme: Company) -> None:
    shop = await sender(acme)
    assert (await shop.deliver(message(""), name="d-1")).status_code == 422
    assert (await shop.deliver(message(), name="d-1")).json()["duplicate"] is False


async def test_a_body_is_bounded(acme: Company) -> None:
    shop = await sender(acme)
    assert (await shop.deliver(b" " * 1_100_000)).status_code == 413
