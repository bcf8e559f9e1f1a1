"""What a delivery to a channel account is proved by, found by the account alone: a delivery names no tenant.

Asked anew for each delivery, in a single round trip: what is changed of an account holds at once, in every gateway.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.contracts.channels import Provider
from models.contracts.enums import ChannelKind
from models.repositories.channel_accounts import credentials_place, secret_place
from models.repositories.vault import Vault
from runtime.crypto.roots import Wrapped
from runtime.database import Database
from runtime.together import Together

FIND = sa.text(
    """
    SELECT asked.nth, p.* FROM unnest(:accounts, :kinds) WITH ORDINALITY AS asked(account, kind, nth)
    CROSS JOIN LATERAL find_account_proofs(asked.account, asked.kind) p
    """
).bindparams(
    sa.bindparam("accounts", type_=sa.ARRAY(sa.Uuid())),
    sa.bindparam("kinds", type_=sa.ARRAY(sa.Text())),
)


@dataclass(frozen=True, slots=True)
class AccountProof:
    """An account, whose it is, who delivers to it, and the secrets that are good now: one, two after a rotation, or none."""

    account_id: UUID
    tenant_id: UUID
    provider: Provider
    secrets: tuple[bytes, ...]


class AccountProofs:
    """What several deliveries are proved by is asked together."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault
        self._rows = Together(self._read)

    async def find(self, account: UUID, kind: ChannelKind) -> AccountProof | None:
        """None for an account that takes no messages: unknown, of another kind, disabled, or of a suspended tenant."""
        rows = await self._rows.ask((account, kind))
        if not rows:
            return None
        tenant, provider = rows[0].tenant_id, Provider(rows[0].provider)
        # Meta signs with its own secret, which the account was given.
        theirs = provider is Provider.WHATSAPP_CLOUD
        context = credentials_place(account) if theirs else secret_place(account)
        opened = [
            self._vault.open_with(tenant, row.key_id, Wrapped(row.root_id, row.wrapped), row.sealed, context=context)
            for row in rows
            if row.place == ("credentials" if theirs else "secret")
        ]
        secrets = [json.loads(each)["app_secret"].encode() for each in opened] if theirs else opened
        return AccountProof(account, tenant, provider, tuple(secrets))

    async def _read(self, asked: Sequence[tuple[UUID, ChannelKind]]) -> Sequence[Sequence[sa.Row[Any]]]:
        given = {"accounts": [account for account, _ in asked], "kinds": [kind.value for _, kind in asked]}
        found: list[list[sa.Row[Any]]] = [[] for _ in asked]
        for row in await self._database.call(FIND, given):
            found[row.nth - 1].append(row)
        return found
