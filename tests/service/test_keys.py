"""Keys in the database: who may read them, how they are rotated under running processes, and what their end takes along."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy.exc import ProgrammingError
from temporalio.api.common.v1 import Payload
from temporalio.converter import WorkflowSerializationContext

from models import payload_keys
from models.contracts.enums import KeyPurpose
from models.contracts.routing import conversation_id, tenant_of
from models.payload_keys import KeysUnavailableError, PayloadKeys, connected
from models.repositories import data_keys, key_rotation, signing_keys, tenant_secrets
from models.repositories.signing_keys import PUBLISHED_BEFORE, VALIDATES_FOR, SigningKeys
from models.repositories.vault import Vault
from runtime.crypto.aead import SealedError
from runtime.crypto.codec import EncryptionCodec
from runtime.crypto.roots import RootKeys, new_root
from runtime.database import Database, SystemTx
from runtime.embedded import Servers
from runtime.errors import OperatorError
from runtime.ids import new_id
from tests.service.api.house import ROOT_KEYS, settings_of
from tests.service.conftest import new_tenant
from worker.build import tools

ROOTS = RootKeys.parse(ROOT_KEYS)
VAULT = Vault(ROOTS)
SENT = [Payload(metadata={"encoding": b"json/plain"}, data=b'{"text": "Astana"}')]


@pytest.fixture(scope="module")
async def owner(servers: Servers) -> AsyncIterator[Database]:
    """The operator's way in."""
    owner = Database(servers.admin_database_url, pool_size=2)
    yield owner
    await owner.close()


@pytest.fixture
async def other(database: Database) -> UUID:
    return await new_tenant(database)


# The vault ----------------------------------------------------------------------------------------


async def seal(database: Database, tenant: UUID, text: bytes, context: str = "totp/1") -> bytes:
    async with database.tenant(tenant) as tx:
        return await VAULT.seal(tx, text, context=context)


async def unseal(database: Database, tenant: UUID, sealed: bytes, context: str = "totp/1") -> bytes:
    async with database.tenant(tenant) as tx:
        return await VAULT.open(tx, sealed, context=context)


async def test_the_vault_gives_back_what_it_got(database: Database, tenant: UUID) -> None:
    sealed = await seal(database, tenant, b"secret")
    assert b"secret" not in sealed
    assert await unseal(database, tenant, sealed) == b"secret"


async def test_a_sealed_blob_opens_in_its_own_place_only(database: Database, tenant: UUID, other: UUID) -> None:
    sealed = await seal(database, tenant, b"secret")
    await seal(database, other, b"the other has a key too")
    for whose, context, blob in (
        (tenant, "totp/2", sealed),
        (other, "totp/1", sealed),
        (tenant, "totp/1", sealed[:-1]),
        (tenant, "totp/1", b"\x02" + sealed[1:]),
        (tenant, "totp/1", b""),
    ):
        with pytest.raises(SealedError):
            await unseal(database, whose, blob, context)


async def test_rotation_keeps_what_was_sealed_before(database: Database, tenant: UUID) -> None:
    before = await seal(database, tenant, b"before")
    async with database.tenant(tenant) as tx:
        await data_keys.add(tx, ROOTS)
    after = await seal(database, tenant, b"after")
    assert before[1:17] != after[1:17], "another key"
    assert await unseal(database, tenant, before) == b"before"
    assert await unseal(database, tenant, after) == b"after"


async def test_a_key_that_was_rolled_back_seals_nothing(database: Database, tenant: UUID) -> None:
    async def fail() -> None:
        async with database.tenant(tenant) as tx:
            await VAULT.seal(tx, b"lost with its key", context="totp/1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await unseal(database, tenant, await seal(database, tenant, b"kept")) == b"kept"


async def test_two_that_make_the_first_key_at_once_read_each_other(database: Database, tenant: UUID) -> None:
    sealed = await asyncio.gather(*(seal(database, tenant, b"%d" % number) for number in range(8)))
    assert [await unseal(database, tenant, each) for each in sealed] == [b"%d" % number for number in range(8)]


async def test_without_its_keys_a_tenants_secrets_are_gone(database: Database, tenant: UUID, other: UUID) -> None:
    sealed, theirs = await seal(database, tenant, b"secret"), await seal(database, other, b"theirs")
    async with database.tenant(tenant) as tx:
        await tenant_secrets.put(tx, VAULT, "bot", "token")
        assert await tenant_secrets.get(tx, VAULT, "bot") == "token"
        assert await data_keys.forget(tx) == 1
        with pytest.raises(SealedError):
            await tenant_secrets.get(tx, VAULT, "bot")
    with pytest.raises(SealedError):
        await unseal(database, tenant, sealed)
    assert await unseal(database, other, theirs) == b"theirs"


# What the application's role may do ---------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM installation_keys",
        "DELETE FROM installation_keys",
        "UPDATE installation_keys SET retired_at = now()",
        "UPDATE data_keys SET wrapped = ''",
    ],
)
async def test_the_application_cannot_touch_keys_directly(database: Database, tenant: UUID, statement: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"):
        async with database.tenant(tenant) as tx:
            await tx.connection.execute(sa.text(statement))


async def test_only_the_first_key_of_the_installation_is_made_by_the_application(database: Database) -> None:
    keys = SigningKeys(database, ROOTS)
    first = await keys.current()
    async with database.system() as tx:
        await tx.connection.execute(
            sa.text("SELECT begin_installation_keys('signing', :id, 'evil', 'evil'::bytea)"), {"id": new_id()}
        )
    assert await SigningKeys(database, ROOTS).current() == first


async def test_a_worker_without_a_root_key_that_is_needed_does_not_start(servers: Servers, database: Database) -> None:
    await SigningKeys(database, ROOTS).current()
    async with connected(settings_of(servers)) as client:
        with pytest.raises(OperatorError, match=f"MAINSTAY_ROOT_KEYS lacks {ROOTS.newest}"):
            async with tools(settings_of(servers, root_keys=SecretStr(new_root())), client):
                pass


# Payloads, in several processes -------------------------------------------------------------------


@asynccontextmanager
async def processes(servers: Servers, tenant: UUID, count: int) -> AsyncIterator[list[EncryptionCodec]]:
    """Codecs that share nothing but the database, each in a conversation of `tenant`."""
    context = WorkflowSerializationContext("default", conversation_id(tenant, uuid4()))
    async with AsyncExitStack() as stack:
        found = []
        for _ in range(count):
            database = Database(servers.database_url, pool_size=2)
            stack.push_async_callback(database.close)
            found.append(EncryptionCodec(PayloadKeys(database, ROOTS), tenant_of).with_context(context))
        yield found


async def test_rotation_fails_no_payload_in_any_process(
    servers: Servers, database: Database, tenant: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payload_keys, "CURRENT_SECONDS", 0.02)
    used: set[bytes] = set()
    rotated = asyncio.Event()

    async def talk(writer: EncryptionCodec, reader: EncryptionCodec) -> int:
        count = 0
        while not rotated.is_set():
            encrypted = await writer.encode(SENT)
            used.add(encrypted[0].metadata["encryption-key-id"])
            assert await reader.decode(encrypted) == SENT
            count += 1
            await asyncio.sleep(0)
        return count

    async with processes(servers, tenant, 2) as (one, two):
        talks = [asyncio.create_task(talk(*pair)) for pair in ((one, two), (two, one))]
        for _ in range(10):
            before = len(used)
            async with database.tenant(tenant) as tx:
                await data_keys.add(tx, ROOTS)
            async with asyncio.timeout(10):
                while len(used) == before and not any(each.done() for each in talks):  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
        rotated.set()
        assert min(await asyncio.gather(*talks)) > 10
    assert len(used) >= 10


async def test_a_known_key_is_not_asked_for_again(
    servers: Servers, tenant: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with processes(servers, tenant, 1) as (codec,):
        first = await codec.encode(SENT)

        def refuse(*_: object) -> None:
            raise AssertionError("the database was asked")

        monkeypatch.setattr(Database, "tenant", refuse)
        assert await codec.decode(await codec.encode(SENT) + first) == SENT + SENT


async def test_keys_that_are_known_serve_while_the_database_is_away(
    tenant: UUID, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with processes(servers, tenant, 2) as (codec, fresh):
        encrypted = await codec.encode(SENT)

        def away(*_: object) -> None:
            raise ConnectionRefusedError

        monkeypatch.setattr(Database, "tenant", away)
        monkeypatch.setattr(payload_keys, "CURRENT_SECONDS", 0.0)
        assert await codec.decode(await codec.encode(SENT) + encrypted) == SENT + SENT
        with pytest.raises(KeysUnavailableError):
            await fresh.decode(encrypted)
        with pytest.raises(KeysUnavailableError):
            await fresh.encode(SENT)


async def test_forgotten_keys_open_no_payload(servers: Servers, database: Database, tenant: UUID) -> None:
    async with processes(servers, tenant, 2) as (codec, fresh):
        encrypted = await codec.encode(SENT)
        async with database.tenant(tenant) as tx:
            assert await data_keys.forget(tx) == 1
        with pytest.raises(SealedError, match="any more"):
            await fresh.decode(encrypted)


async def test_what_is_no_tenants_has_the_installations_key(
    servers: Servers, owner: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payload_keys, "CURRENT_SECONDS", 0.0)
    async with processes(servers, uuid4(), 2) as both:
        context = WorkflowSerializationContext("default", "reconcile")
        one, two = (codec.with_context(context) for codec in both)
        before = await one.encode(SENT)
        assert before[0].metadata["encryption-key-id"].startswith(b"installation/")
        async with owner.system() as tx:
            await key_rotation.rotate(tx, ROOTS, KeyPurpose.PAYLOADS)
        after = await one.encode(SENT)
        assert after[0].metadata != before[0].metadata
        assert await two.decode(before + after) == SENT + SENT


# Signing keys -------------------------------------------------------------------------------------


class Counting:
    """Transactions, counted; none while it is `away`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.count = 0
        self.away = False

    @asynccontextmanager
    async def system(self) -> AsyncIterator[SystemTx]:
        self.count += 1
        if self.away:
            raise ConnectionRefusedError
        async with self._database.system() as tx:
            yield tx


async def aged(owner: Database, kid: str, column: str, by: Any) -> None:
    """As if it had happened so long ago."""
    statement = (
        f"UPDATE installation_keys SET {column} = {column} - CAST(:by AS interval) WHERE id = CAST(:id AS uuid)"  # ours
    )
    async with owner.system() as tx:
        await tx.connection.execute(sa.text(statement), {"by": by, "id": kid})


async def test_processes_share_the_key_that_signs(database: Database) -> None:
    current = await asyncio.gather(*(SigningKeys(database, ROOTS).current() for _ in range(4)))
    assert len(set(current)) == 1
    assert len(current[0].secret) == 32


async def test_a_new_key_is_published_before_it_signs_and_the_old_one_validates_after(
    database: Database, owner: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing_keys, "REFRESH_SECONDS", 0.0)
    signer, reader = SigningKeys(database, ROOTS), SigningKeys(database, ROOTS)
    old = await signer.current()
    async with owner.system() as tx:
        new = (await key_rotation.rotate(tx, ROOTS, KeyPurpose.SIGNING)).hex
    assert await signer.current() == old
    assert await reader.get(new) is not None

    await aged(owner, new, "active_at", PUBLISHED_BEFORE)
    assert (await signer.current()).kid == new
    assert await reader.get(old.kid) == old

    await aged(owner, old.kid, "retired_at", VALIDATES_FOR + PUBLISHED_BEFORE)
    assert await reader.get(old.kid) is None
    async with owner.system() as tx:
        assert await key_rotation.retire(tx) >= 1
        assert await key_rotation.retire(tx) == 0
    assert (await reader.current()).kid == new


async def test_a_key_that_is_retired_at_once_validates_nothing(
    database: Database, owner: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing_keys, "REFRESH_SECONDS", 0.0)
    keys = SigningKeys(database, ROOTS)
    stolen = await keys.current()
    async with owner.system() as tx:
        new = await key_rotation.rotate(tx, ROOTS, KeyPurpose.SIGNING)
        assert await key_rotation.retire(tx, UUID(stolen.kid)) == 1
    assert await keys.get(stolen.kid) is None
    assert (await keys.current()).kid == new.hex, "the only one, though it is young"


async def test_made_up_key_ids_do_not_hammer_the_database(database: Database) -> None:
    counting = Counting(database)
    keys = SigningKeys(counting, ROOTS)
    assert [kid for kid in range(1000) if await keys.get(f"{kid:032x}") is not None] == []
    assert counting.count <= 3


async def test_known_signing_keys_serve_while_the_database_is_away(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing_keys, "REFRESH_SECONDS", 0.0)
    counting = Counting(database)
    keys = SigningKeys(counting, ROOTS)
    current = await keys.current()
    counting.away = True
    assert await keys.current() == current
    assert await keys.get(current.kid) == current
    with pytest.raises(ConnectionRefusedError):
        await SigningKeys(counting, ROOTS).current()
