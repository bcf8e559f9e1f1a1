"""All that the gateway's routes work with, gathered once per process."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from api.answering import Answerer
from api.connecting import Connector
from api.edge.origins import Origins
from api.edge.rate_limits import Limiter
from api.edge.traffic import Gate
from api.identity.aside import Aside
from api.identity.auth import Authenticator
from api.identity.cookies import Cookies
from api.identity.key_uses import KeyUses
from api.identity.password_rules import Breached
from api.identity.passwords import Passwords
from api.identity.tokens import Tokens
from api.observe import Metrics
from api.processes import Processes
from api.readiness import Readiness
from api.records import Records
from api.search import Searcher
from models.pokes import Pokes
from models.repositories.account_proofs import AccountProofs
from models.repositories.inbox import Inbox
from models.repositories.signing_keys import SigningKeys
from models.repositories.vault import Vault
from runtime.crypto.codec import EncryptionCodec
from runtime.egress import Egress
from runtime.media.links import Links
from runtime.media.port import MediaStore
from runtime.settings import Settings
from runtime.wakeups import Wakeups


@dataclass(frozen=True, slots=True)
class Gateway:
    """One process' connections and registers."""

    settings: Settings
    records: Records
    processes: Processes
    authenticator: Authenticator
    tokens: Tokens
    cookies: Cookies
    limiter: Limiter
    gate: Gate
    origins: Origins
    media: MediaStore
    links: Links
    aside: Aside
    egress: Egress
    vault: Vault
    account_proofs: AccountProofs
    inbox: Inbox
    signing_keys: SigningKeys
    codec: EncryptionCodec
    passwords: Passwords
    breached: Breached
    key_uses: KeyUses
    wakeups: Wakeups
    metrics: Metrics
    readiness: Readiness
    searcher: Searcher | None
    answerer: Answerer | None
    connector: Connector | None
    pokes: Pokes


async def gateway_of(request: Request) -> Gateway:
    """A coroutine, though it awaits nothing: the framework runs plain functions in a thread."""
    gateway: Gateway = request.app.state.gateway
    return gateway


InGateway = Annotated[Gateway, Depends(gateway_of)]
