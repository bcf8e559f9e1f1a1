"""What is sealed opens only where it belongs, unchanged, under its own key."""

import base64
import hashlib
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload
from temporalio.converter import ActivitySerializationContext, WorkflowSerializationContext

from models.contracts.routing import conversation_id, escalation_id, ingest_id, tenant_of
from runtime.crypto.aead import SealedError, new_key, seal, unseal
from runtime.crypto.codec import ENCODING, EncryptionCodec
from runtime.crypto.roots import RootKeys, Wrapped, new_root
from tests.keys import Keys

ACME, GLOBEX = UUID(int=0xACE), UUID(int=0x610BE)
CIPHER = AESGCM(new_key())


def codec_for(keys: Keys, tenant: UUID | None) -> EncryptionCodec:
    workflow = conversation_id(tenant, uuid4()) if tenant else "reconcile"
    return EncryptionCodec(keys, tenant_of).with_context(WorkflowSerializationContext("default", workflow))


# Sealing ------------------------------------------------------------------------------------------


@given(st.binary(max_size=4096), st.binary(max_size=64))
def test_what_is_sealed_opens(plaintext: bytes, place: bytes) -> None:
    assert unseal(CIPHER, seal(CIPHER, plaintext, place), place) == plaintext


@given(st.binary(max_size=64), st.data())
def test_one_changed_bit_anywhere_is_noticed(plaintext: bytes, data: st.DataObject) -> None:
    sealed = bytearray(seal(CIPHER, plaintext, b"here"))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(SealedError):
        unseal(CIPHER, bytes(sealed), b"here")


@given(st.binary(max_size=64), st.data())
def test_what_is_cut_short_does_not_open(plaintext: bytes, data: st.DataObject) -> None:
    sealed = seal(CIPHER, plaintext, b"here")
    with pytest.raises(SealedError):
        unseal(CIPHER, sealed[: data.draw(st.integers(0, len(sealed) - 1))], b"here")


@given(st.binary(max_size=64), st.binary(max_size=16), st.binary(max_size=16))
def test_a_place_is_no_other_place(plaintext: bytes, here: bytes, there: bytes) -> None:
    if here != there:
        with pytest.raises(SealedError):
            unseal(CIPHER, seal(CIPHER, plaintext, here), there)


# Root keys ----------------------------------------------------------------------------------------


@given(st.binary(min_size=32, max_size=32))
def test_a_wrapped_key_opens_under_its_root_and_in_its_row(key: bytes) -> None:
    old, new = new_root(), new_root()
    wrapped = RootKeys.parse(old).wrap(key, "row 1")
    both = RootKeys.parse(f"{new}, {old}")
    assert both.unwrap(wrapped, "row 1") == key
    assert both.wrap(key, "row 1").root_id == new.partition(":")[0] == both.newest
    for roots, place in ((both, "row 2"), (RootKeys.parse(new), "row 1")):
        with pytest.raises(SealedError):
            roots.unwrap(wrapped, place)
    with pytest.raises(SealedError):
        both.unwrap(Wrapped(both.newest, wrapped.blob), "row 1")


GOOD, OTHER = (base64.b64encode(hashlib.sha256(word).digest()).decode() for word in (b"one", b"another"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "must be id:base64"),
        (GOOD, "must be id:base64"),
        (f"UPPER:{GOOD}", "must be id:base64"),
        (f"a:{GOOD},", "root key 2 must be id:base64"),
        ("a:not base64!", "is no base64"),
        (f"a:{base64.b64encode(b'short').decode()}", "must have 32 bytes, not 5"),
        (f"a:{base64.b64encode(bytes(32)).decode()}", "is not random"),
        (f"a:{base64.b64encode(b'passwordpasswordpasswordpassword').decode()}", "is not random"),
        (f"a:{GOOD},a:{OTHER}", "two root keys are called a"),
        (f"a:{GOOD},b:{GOOD}", "repeats another"),
    ],
)
def test_a_wrong_root_key_is_named_and_not_quoted(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as refused:
        RootKeys.parse(text)
    assert GOOD not in str(refused.value)


def test_a_new_root_key_is_a_right_one_and_no_other() -> None:
    assert len({new_root() for _ in range(100)}) == 100
    RootKeys.parse(",".join(new_root() for _ in range(100)))


# Payloads -----------------------------------------------------------------------------------------

payloads = st.builds(
    Payload, metadata=st.dictionaries(st.text(max_size=8), st.binary(max_size=16)), data=st.binary(max_size=512)
)


@given(st.lists(payloads, max_size=4))
async def test_payloads_come_back_after_rotations(sent: list[Payload]) -> None:
    keys = Keys()
    codec = codec_for(keys, ACME)
    before = await codec.encode(sent)
    keys.rotate(ACME)
    after = await codec.encode(sent)
    assert await codec.decode(before + after) == sent + sent
    assert {payload.metadata["encoding"] for payload in before + after} <= {ENCODING}


async def test_a_payload_names_its_key_and_holds_nothing_readable() -> None:
    keys = Keys()
    (payload,) = await codec_for(keys, ACME).encode([Payload(metadata={"encoding": b"json/plain"}, data=b'"Astana"')])
    assert payload.metadata == {"encoding": ENCODING, "encryption-key-id": keys.newest[ACME].label}
    assert keys.newest[ACME].label.startswith(f"{ACME}/".encode())
    assert b"Astana" not in payload.SerializeToString()
    assert b"json" not in payload.SerializeToString()


@given(payloads, st.data())
async def test_a_changed_payload_does_not_open(sent: Payload, data: st.DataObject) -> None:
    codec = codec_for(Keys(), ACME)
    (payload,) = await codec.encode([sent])
    changed = bytearray(payload.data)
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    payload.data = bytes(changed)
    with pytest.raises(SealedError):
        await codec.decode([payload])


async def test_a_payload_of_another_tenant_does_not_open_in_ours() -> None:
    keys = Keys()
    (theirs,) = await codec_for(keys, GLOBEX).encode([Payload(data=b"theirs")])
    with pytest.raises(SealedError, match="another tenant"):
        await codec_for(keys, ACME).decode([theirs])
    # Nor does it under our name: the name is bound to what was encrypted.
    keys.rotate(ACME)
    theirs.metadata["encryption-key-id"] = keys.newest[ACME].label
    with pytest.raises(SealedError):
        await codec_for(keys, ACME).decode([theirs])


@pytest.mark.parametrize("label", [b"", b"nonsense", b"installation/", b"\xff/\xff", f"{ACME}/{GLOBEX}".encode()])
async def test_a_payload_without_a_key_does_not_open(label: bytes) -> None:
    payload = Payload(metadata={"encoding": ENCODING, "encryption-key-id": label}, data=b"x" * 64)
    with pytest.raises(SealedError):
        await codec_for(Keys(), ACME).decode([payload])


@given(payloads)
async def test_what_is_not_encrypted_passes(sent: Payload) -> None:
    codec = codec_for(Keys(), ACME)
    assert await codec.decode([sent]) == [sent]


async def test_encryption_that_is_switched_off_still_decrypts() -> None:
    keys = Keys()
    sent = [Payload(data=b"before")]
    encrypted = await codec_for(keys, ACME).encode(sent)
    off = EncryptionCodec(keys, tenant_of, encrypts=False)
    assert await off.decode(encrypted) == sent
    assert await off.encode(sent) == sent


async def test_only_the_own_tenants_payloads_are_opened_for_it() -> None:
    keys = Keys()
    sent = [Payload(data=b"text")]
    ours, theirs, nobodys = [(await codec_for(keys, tenant).encode(sent))[0] for tenant in (ACME, GLOBEX, None)]
    forged = Payload(metadata=ours.metadata, data=ours.data[:-1] + bytes([ours.data[-1] ^ 1]))
    given = [ours, theirs, nobodys, forged, *sent]
    assert await EncryptionCodec(keys, tenant_of).open_for(ACME, given) == [*sent, theirs, nobodys, forged, *sent]


@pytest.mark.parametrize("named", [conversation_id, escalation_id, ingest_id])
def test_a_workflows_id_names_the_tenant_whose_key_encrypts(named: Callable[[UUID, UUID], str]) -> None:
    workflow = named(ACME, uuid4())
    codec = EncryptionCodec(Keys(), tenant_of)
    activity = ActivitySerializationContext("default", "1", "record", "conversations", workflow, "conversation", False)
    assert codec.with_context(WorkflowSerializationContext("default", workflow)).tenant == ACME
    assert codec.with_context(activity).tenant == ACME


@pytest.mark.parametrize(
    "workflow", ["", "reconcile", "reconcile-2026-11-21T10:00:00Z", f"tenant-deletion/{ACME}", "a/b/c", f"a/{ACME}/c/d"]
)
def test_every_other_workflow_has_the_installations_key(workflow: str) -> None:
    context = WorkflowSerializationContext("default", workflow)
    assert EncryptionCodec(Keys(), tenant_of, tenant=ACME).with_context(context).tenant is None
