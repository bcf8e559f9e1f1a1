"""Channel accounts over HTTP: made, renamed, disabled, removed, their secrets rotated."""

from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from models.repositories import channel_accounts
from models.repositories.vault import Vault
from runtime.crypto.aead import SealedError
from runtime.crypto.roots import RootKeys
from runtime.database import Database
from tests.service.api.house import ROOT_KEYS, Company
from tests.service.api.signing import Sender, message, sender

PATH = "/v1/channel-accounts"


async def listed(tenant: Company) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await tenant.get(PATH)).json()["items"]
    return items


async def test_a_tenant_begins_with_its_default_accounts(acme: Company) -> None:
    assert [(each["kind"], each["name"], each["signed"]) for each in await listed(acme)] == [
        ("api", "default", False),
        ("web", "default", False),
    ]


async def test_an_account_is_made_changed_and_removed(acme: Company) -> None:
    made = (await acme.post(PATH, {"provider": "api", "name": " Shop "})).json()
    assert made.pop("webhook_secret").startswith("whsec_")
    assert made.pop("webhook_url").endswith(made["webhook_path"])
    assert made["name"] == "Shop"
    assert made["webhook_path"] == f"/v1/channels/api/{made['id']}"
    assert made in await listed(acme)
    changed = await acme.http.patch(f"{PATH}/{made['id']}", json={"name": "Store", "disabled": True})
    assert changed.json() == made | {"name": "Store", "disabled": True}
    assert (await acme.http.patch(f"{PATH}/{made['id']}", json={})).json() == changed.json()
    assert (await acme.http.delete(f"{PATH}/{made['id']}")).status_code == 204
    assert (await acme.http.delete(f"{PATH}/{made['id']}")).status_code == 404
    assert made["id"] not in {each["id"] for each in await listed(acme)}


async def test_names_are_taken_once(acme: Company) -> None:
    first = (await acme.post(PATH, {"provider": "api", "name": "shop"})).json()
    assert (await acme.post(PATH, {"provider": "api", "name": "shop"})).status_code == 409
    assert (await acme.post(PATH, {"provider": "web", "name": "shop"})).status_code == 201
    assert (await acme.http.patch(f"{PATH}/{first['id']}", json={"name": "default"})).status_code == 409


async def test_an_account_with_conversations_stays(acme: Company) -> None:
    shop = await sender(acme)
    assert (await shop.deliver(message())).status_code == 200
    assert (await acme.http.delete(f"{PATH}/{shop.account}")).status_code == 409
    assert shop.account in {each["id"] for each in await listed(acme)}


async def test_a_secret_is_rotated_with_an_overlap(acme: Company) -> None:
    shop = await sender(acme)
    rotated = (await acme.post(f"{PATH}/{shop.account}/rotate", {"overlap_minutes": 5})).json()
    renewed = Sender(acme.http, shop.account, rotated["webhook_secret"])
    assert rotated["previous_until"] is not None
    assert (await shop.deliver(message())).status_code == 200
    assert (await renewed.deliver(message())).status_code == 200
    # The next rotation ends the oldest, whatever time it had left.
    third = (await acme.post(f"{PATH}/{shop.account}/rotate")).json()
    assert (await shop.deliver(message())).status_code == 401
    assert (await renewed.deliver(message())).status_code == 200
    # And one without an overlap ends the current one at once.
    fourth = (await acme.post(f"{PATH}/{shop.account}/rotate", {"overlap_minutes": 0})).json()
    assert fourth["previous_until"] is None
    assert (await Sender(acme.http, shop.account, third["webhook_secret"]).deliver(message())).status_code == 401
    assert (await Sender(acme.http, shop.account, fourth["webhook_secret"]).deliver(message())).status_code == 200


async def test_the_default_account_gets_its_first_secret_by_rotation(acme: Company) -> None:
    default, web = await listed(acme)
    secret = (await acme.post(f"{PATH}/{default['id']}/rotate")).json()["webhook_secret"]
    assert (await Sender(acme.http, default["id"], secret).deliver(message())).status_code == 200
    assert (await acme.post(f"{PATH}/{web['id']}/rotate")).json()["webhook_secret"].startswith("mis_")


async def test_a_secret_is_shown_once_and_kept_sealed(acme: Company, database: Database) -> None:
    made = await acme.post(PATH, {"provider": "api", "name": "shop"}, key="the-same-request")
    secret = made.json()["webhook_secret"]
    answers = [await acme.get(PATH), await acme.http.patch(f"{PATH}/{made.json()['id']}", json={"name": "x"})]
    assert not any("whsec_" in answer.text for answer in answers)
    async with database.tenant(acme.id) as tx:
        for table in ("channel_secrets", "channel_accounts", "audit_log", "idempotency_keys", "events"):
            rows = " ".join((await tx.connection.execute(sa.text(f"SELECT t::text FROM {table} t"))).scalars())
            assert secret not in rows
        vault = Vault(RootKeys.parse(ROOT_KEYS))
        (kept,) = await channel_accounts.secrets(tx, vault, UUID(made.json()["id"]))
        assert kept.hex() not in " ".join(
            (await tx.connection.execute(sa.text("SELECT encode(sealed, 'hex') FROM channel_secrets"))).scalars()
        )


async def test_a_secret_that_was_copied_to_another_account_does_not_open(acme: Company, database: Database) -> None:
    ours, other = await sender(acme, "ours"), await sender(acme, "other")
    async with database.tenant(acme.id) as tx:
        await tx.connection.execute(
            sa.text(
                "UPDATE channel_secrets SET sealed = (SELECT sealed FROM channel_secrets WHERE channel_account_id = :other) "
                "WHERE channel_account_id = :ours"
            ).bindparams(sa.bindparam("other", type_=sa.Uuid()), sa.bindparam("ours", type_=sa.Uuid())),
            {"ours": ours.account, "other": other.account},
        )
    async with database.tenant(acme.id) as tx:
        with pytest.raises(SealedError):
            await channel_accounts.secrets(tx, Vault(RootKeys.parse(ROOT_KEYS)), UUID(ours.account))


async def test_accounts_are_a_tenants_own(acme: Company, globex: Company) -> None:
    theirs = (await sender(globex)).account
    branch = (await listed(globex))[0]["branch_id"]
    assert (await acme.http.patch(f"{PATH}/{theirs}", json={"disabled": True})).status_code == 404
    assert (await acme.http.delete(f"{PATH}/{theirs}")).status_code == 404
    assert (await acme.post(f"{PATH}/{theirs}/rotate")).status_code == 404
    refused = await acme.post(PATH, {"provider": "api", "name": "x", "branch_id": branch})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "branch_id")
    assert theirs not in {each["id"] for each in await listed(acme)}


@pytest.mark.parametrize("name", ["aigerim", "user"])
async def test_accounts_are_managed_by_admins(acme: Company, name: str) -> None:
    account = (await listed(acme))[0]["id"]
    headers = acme.as_(name)
    assert (await acme.get(PATH, headers=headers)).status_code == (200 if name == "aigerim" else 403)
    assert (await acme.post(PATH, {"provider": "api", "name": "x"}, headers=headers)).status_code == 403
    assert (await acme.post(f"{PATH}/{account}/rotate", headers=headers)).status_code == 403
    assert (await acme.http.patch(f"{PATH}/{account}", json={"disabled": True}, headers=headers)).status_code == 403
    assert (await acme.http.delete(f"{PATH}/{account}", headers=headers)).status_code == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x"}, "provider"),
        ({"provider": "fax", "name": "x"}, "provider"),
        ({"provider": "telegram", "name": "x"}, "credentials.token"),
        ({"provider": "telegram", "name": "x", "credentials": {"token": "no"}}, "credentials.token"),
        ({"provider": "telegram", "name": "x", "settings": {"receive": "pigeon"}}, "settings.receive"),
        ({"provider": "chatflow", "name": "x", "credentials": {"token": "t"}}, "settings.instance_id"),
        ({"provider": "api", "name": "x", "credentials": {"token": "t"}}, "credentials"),
        ({"provider": "api", "name": " "}, "name"),
        ({"provider": "api", "name": "x", "tenant_id": "x"}, "tenant_id"),
        ({"provider": "api", "name": "x", "webhook_secret": "whsec_x"}, "webhook_secret"),
        ({"provider": "api", "name": "x", "disabled": True}, "disabled"),
    ],
)
async def test_what_is_wrong_is_named(acme: Company, body: Any, field: str) -> None:
    refused = await acme.post(PATH, body)
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == [field]


async def test_every_change_is_in_the_audit_log(acme: Company, database: Database) -> None:
    shop = await sender(acme)
    await acme.http.patch(f"{PATH}/{shop.account}", json={"disabled": True})
    await acme.post(f"{PATH}/{shop.account}/rotate")
    await acme.http.delete(f"{PATH}/{shop.account}")
    async with database.tenant(acme.id) as tx:
        actions = await tx.connection.scalars(
            sa.text("SELECT action FROM audit_log WHERE target_id = :id ORDER BY seq").bindparams(
                sa.bindparam("id", type_=sa.Uuid())
            ),
            {"id": shop.account},
        )
        assert list(actions) == [
            "channel_account.created",
            "channel_account.changed",
            "channel_account.secret_rotated",
            "channel_account.removed",
        ]
