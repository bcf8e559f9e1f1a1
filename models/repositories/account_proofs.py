"""What a delivery to a channel account is proved by, found by the account alone: a delivery names no tenant.

Asked anew for each delivery, and a single round trip: what is changed of an account holds at once, in every gateway.
"""

import json
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from models.contracts.channels import Provider
from models.contracts.enums import ChannelKind
from models.repositories.channel_accounts import credentials_place, secret_place
from models.repositories.vault import Vault
from runtime.crypto.roots import Wrapped
from runtime.database import Database

FIND = sa.text("SELECT * FROM find_account_proofs(:account, :kind)").bindparams(
    sa.bindparam("account", type_=sa.Uuid())
)


@dataclass(frozen=True, slots=True)
class AccountProof:
    """An account, whose it is, who delivers to it, and the secrets that are good now: one, two after a rotation, or none."""

    account_id: UUID
    tenant_id: UUID
    provider: Provider
    secrets: tuple[bytes, ...]


async def find(database: Database, vault: Vault, account: UUID, kind: ChannelKind) -> AccountProof | None:
    """None for an account that takes no messages: unknown, of another kind, disabled, or of a suspended tenant."""
    rows = await database.call(FIND, {"account": account, "kind": kind.value})
    if not rows:
        return None
    tenant, provider = rows[0].tenant_id, Provider(rows[0].provider)
    # Meta signs with its own secret, which the account was given.
    theirs = provider is Provider.WHATSAPP_CLOUD
    context = credentials_place(account) if theirs else secret_place(account)
    opened = [
        vault.open_with(tenant, row.key_id, Wrapped(row.root_id, row.wrapped), row.sealed, context=context)
        for row in rows
        if row.place == ("credentials" if theirs else "secret")
    ]
    secrets = [json.loads(each)["app_secret"].encode() for each in opened] if theirs else opened
    return AccountProof(account, tenant, provider, tuple(secrets))
