"""A tenant's secrets over HTTP: they go in, and never come out."""

from typing import Any

import pytest
import sqlalchemy as sa

from models.repositories import tenant_secrets
from models.repositories.vault import Vault
from runtime.crypto.aead import SealedError
from runtime.crypto.roots import RootKeys
from runtime.database import Database
from tests.service.api.house import ROOT_KEYS, Company

VALUE = "123456:telegram-bot-token"


async def put(tenant: Company, name: str, value: str = VALUE, **more: Any) -> Any:
    return await tenant.http.put(f"/v1/secrets/{name}", json={"value": value, **more})


async def kept(database: Database, tenant: Company, name: str) -> str | None:
    async with database.tenant(tenant.id) as tx:
        return await tenant_secrets.get(tx, Vault(RootKeys.parse(ROOT_KEYS)), name)


async def test_a_secret_is_put_replaced_and_removed(acme: Company, database: Database) -> None:
    first = await put(acme, "telegram.bot")
    assert first.status_code == 200, first.text
    assert first.json().keys() == {"name", "created_at", "updated_at"}
    assert await kept(database, acme, "telegram.bot") == VALUE
    second = (await put(acme, "telegram.bot", "another")).json()
    assert second["created_at"] == first.json()["created_at"]
    assert second["updated_at"] > first.json()["updated_at"]
    assert await kept(database, acme, "telegram.bot") == "another"
    assert (await acme.get("/v1/secrets")).json() == {"items": [second]}
    assert (await acme.http.delete("/v1/secrets/telegram.bot")).status_code == 204
    assert (await acme.http.delete("/v1/secrets/telegram.bot")).status_code == 404
    assert (await acme.get("/v1/secrets")).json() == {"items": []}


async def test_a_secret_is_shown_nowhere(acme: Company, database: Database) -> None:
    answers = [await put(acme, "bot"), await acme.get("/v1/secrets")]
    assert not any(VALUE in answer.text for answer in answers)
    async with database.tenant(acme.id) as tx:
        for table in ("tenant_secrets", "audit_log", "idempotency_keys", "events"):
            rows = await tx.connection.execute(sa.text(f"SELECT t::text FROM {table} t"))  # ours
            text = " ".join(rows.scalars())
            assert VALUE not in text
            assert VALUE.encode().hex() not in text
        actions = await tx.connection.scalars(sa.text("SELECT action FROM audit_log WHERE details->>'name' = 'bot'"))
        assert list(actions) == ["secret.stored"]


async def test_a_secret_is_its_tenants_own(acme: Company, globex: Company, database: Database) -> None:
    await put(acme, "bot")
    assert (await globex.get("/v1/secrets")).json() == {"items": []}
    assert (await globex.http.delete("/v1/secrets/bot")).status_code == 404
    await put(globex, "bot", "theirs")
    assert await kept(database, acme, "bot") == VALUE


async def test_a_copied_secret_does_not_open(acme: Company, database: Database) -> None:
    """Somebody who can write the table, and has no key, cannot pass one secret off as another."""
    await put(acme, "ours")
    await put(acme, "theirs", "from outside")
    async with database.tenant(acme.id) as tx:
        await tx.connection.execute(
            sa.text(
                "UPDATE tenant_secrets SET sealed = (SELECT sealed FROM tenant_secrets WHERE name = 'theirs') "
                "WHERE name = 'ours'"
            )
        )
    with pytest.raises(SealedError):
        await kept(database, acme, "ours")


@pytest.mark.parametrize(
    ("name", "body", "field"),
    [
        ("Upper", {"value": VALUE}, "name"),
        ("-", {"value": VALUE}, "name"),
        ("x" * 64, {"value": VALUE}, "name"),
        ("bot", {}, "value"),
        ("bot", {"value": ""}, "value"),
        ("bot", {"value": "x" * 8193}, "value"),
        ("bot", {"value": VALUE, "tenant_id": "x"}, "tenant_id"),
        ("bot", {"value": [VALUE]}, "value"),
    ],
)
async def test_what_is_wrong_is_named_and_not_quoted(acme: Company, name: str, body: Any, field: str) -> None:
    refused = await acme.http.put(f"/v1/secrets/{name}", json=body)
    assert refused.status_code == 422, refused.text
    assert [error["field"] for error in refused.json()["errors"]] == [field]
    assert VALUE not in refused.text


@pytest.mark.parametrize("name", ["aigerim", "user"])
async def test_secrets_are_for_admins(acme: Company, name: str) -> None:
    headers = acme.as_(name)
    assert (await acme.get("/v1/secrets", headers=headers)).status_code == 403
    assert (await acme.http.put("/v1/secrets/bot", json={"value": VALUE}, headers=headers)).status_code == 403
    assert (await acme.http.delete("/v1/secrets/bot", headers=headers)).status_code == 403
