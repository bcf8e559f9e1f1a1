"""The gateway as an ASGI application: what is opened when it starts, and in which order a request passes."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

from fastapi import Depends, FastAPI
from starlette.types import ASGIApp

from api import openapi, problems, uploads
from api.answering import OpenAnswerer
from api.connecting import OpenConnector
from api.edge import behind_the_edge
from api.edge.body_limit import BodyLimit
from api.edge.origins import Origins
from api.edge.rate_limits import Limiter
from api.edge.traffic import Gate
from api.edge.well_formed import well_formed
from api.gateway import Gateway
from api.identity import auth
from api.identity.aside import Aside
from api.identity.auth import Authenticator
from api.identity.cookies import Cookies
from api.identity.key_uses import KeyUses
from api.identity.password_rules import Breached
from api.identity.passwords import Passwords
from api.identity.tokens import Tokens
from api.observe import Metrics, Observe
from api.processes import Processes
from api.readiness import Readiness
from api.records import Records
from api.routes import (
    agent,
    assistants,
    audit,
    branches,
    channel_accounts,
    codec,
    conversations,
    crawls,
    customers,
    desks,
    escalations,
    events,
    gaps,
    health,
    keys,
    knowledge,
    learned,
    media,
    members,
    people,
    policy,
    reindex,
    second_factor,
    secrets,
    tenant,
    tenant_life,
    usage,
    webhooks,
    widget,
    widget_pages,
)
from api.routes import auth as signing_in
from api.search import OpenSearcher
from models.payload_keys import encrypting
from models.pokes import Pokes
from models.repositories import events as happened
from models.repositories import previews, sessions, typing_signs
from models.repositories.account_proofs import AccountProofs
from models.repositories.inbox import Inbox
from models.repositories.signing_keys import SigningKeys
from models.repositories.vault import Vault
from runtime import temporal
from runtime.database import Database
from runtime.egress import Egress
from runtime.egress.addresses import networks
from runtime.errors import OperatorError
from runtime.media.choice import media_store
from runtime.media.links import Links
from runtime.notifications import Listener
from runtime.secrets import check, root_keys
from runtime.settings import Settings, load
from runtime.version import VERSION
from runtime.wakeups import Wakeups


class Application(FastAPI):
    """The framework's application, behind our edge: its own answers to defects pass there too."""

    def __init__(self, settings: Settings, metrics: Metrics, **given: Any) -> None:
        self._settings = settings
        self._metrics = metrics
        super().__init__(**given)

    def build_middleware_stack(self) -> ASGIApp:
        return Observe(behind_the_edge(super().build_middleware_stack(), self._settings), self._metrics)


def create_app(
    settings: Settings | None = None,
    *,
    open_searcher: OpenSearcher | None = None,
    open_answerer: OpenAnswerer | None = None,
    open_connector: OpenConnector | None = None,
) -> FastAPI:
    """The gateway. `open_searcher` gives it the means to search knowledge, `open_answerer` to answer from it,
    `open_connector` to ask channels' providers; without, what needs them answers 503.

    Starting needs neither Postgres nor Temporal to be there. Raises OperatorError if no database or root key is
    configured, or a secret is none.
    """
    settings = settings or load()
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with _opened(settings, metrics, open_searcher, open_answerer, open_connector) as gateway:
            app.state.gateway = gateway
            yield

    app = Application(
        settings,
        metrics,
        title="Mainstay",
        version=VERSION,
        lifespan=lifespan,
        # Those pages load scripts from elsewhere; the document itself is what tools want.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(auth.authorize), Depends(well_formed)],
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
    )
    problems.install(app)
    app.add_middleware(BodyLimit, limit=lambda path: uploads.largest_form(path, settings) or settings.body_max_bytes)
    # Tried one after the other: what is asked most, and what others wait for, first.
    for module in (
        webhooks,
        widget,
        conversations,
        events,
        agent,
        escalations,
        media,
        signing_in,
        customers,
        knowledge,
        crawls,
        reindex,
        learned,
        gaps,
        assistants,
        usage,
        people,
        second_factor,
        members,
        keys,
        secrets,
        channel_accounts,
        desks,
        widget_pages,
        codec,
        audit,
        tenant,
        policy,
        tenant_life,
        branches,
        health,
    ):
        app.include_router(module.router)
    auth.check_routes(app)
    openapi.describe(app, settings)
    return app


@asynccontextmanager
async def _opened(
    settings: Settings,
    metrics: Metrics,
    open_searcher: OpenSearcher | None,
    open_answerer: OpenAnswerer | None,
    open_connector: OpenConnector | None,
) -> AsyncIterator[Gateway]:
    if settings.database_url is None:
        raise OperatorError("MAINSTAY_DATABASE_URL is not set, and no embedded Postgres runs here: `mainstay up`")
    check(settings)
    roots = root_keys(settings)
    async with AsyncExitStack() as stack:
        database = Database(settings.database_url.get_secret_value(), pool_size=settings.database_pool_size)
        stack.push_async_callback(database.close)
        searcher = None if open_searcher is None else await stack.enter_async_context(open_searcher(database))
        answerer = None
        if open_answerer is not None:
            answerer = await stack.enter_async_context(open_answerer(database, metrics.model_called))
            metrics.show_circuits(answerer.health)
        connector = None if open_connector is None else await stack.enter_async_context(open_connector(database))
        records = Records(database)
        limiter = Limiter(database)
        links = Links.of(settings.origin, roots)
        media = media_store(settings, links)
        stack.push_async_callback(media.close)
        encryption = await stack.enter_async_context(encrypting(settings))
        client = await temporal.connect(settings, lazy=True, codec=encryption)
        processes = Processes(client, metrics.handovers)
        pokes = Pokes(client)
        stack.push_async_callback(pokes.close)
        passwords = Passwords(
            memory_mib=settings.password_memory_mib,
            passes=settings.password_passes,
            slots=settings.password_hash_slots,
        )
        stack.callback(passwords.close)
        breached = Breached(settings.breached_passwords_file)
        key_uses = KeyUses(records)
        await stack.enter_async_context(_beside(key_uses.run()))
        wakeups = Wakeups()
        metrics.subscribers.set_function(lambda: len(wakeups))

        vault = Vault(roots)
        signing_keys = SigningKeys(records, roots)
        tokens = Tokens(signing_keys, access_life=timedelta(minutes=settings.access_token_minutes))
        authenticator = Authenticator(records, tokens, lambda: listener.listening)
        listener = _listener(database.url, wakeups, authenticator, metrics)
        aside = Aside()
        stack.push_async_callback(aside.finish)
        await stack.enter_async_context(_beside(listener.run()))
        await stack.enter_async_context(_beside(processes.catch_up()))
        stack.callback(wakeups.end)
        yield Gateway(
            settings=settings,
            records=records,
            processes=processes,
            limiter=limiter,
            gate=Gate(limiter, settings),
            origins=Origins(database),
            media=media,
            links=links,
            authenticator=authenticator,
            tokens=tokens,
            cookies=Cookies(settings),
            aside=aside,
            egress=_egress(settings),
            passwords=passwords,
            breached=breached,
            key_uses=key_uses,
            vault=vault,
            account_proofs=AccountProofs(database, vault),
            inbox=Inbox(database),
            codec=encryption,
            signing_keys=signing_keys,
            wakeups=wakeups,
            metrics=metrics,
            readiness=Readiness(database.url, processes, listener),
            searcher=searcher,
            answerer=answerer,
            connector=connector,
            pokes=pokes,
        )


def _egress(settings: Settings) -> Egress:
    """The way to URLs that tenants set."""
    return Egress(
        allowed=networks(settings.egress_allow),
        ports=[int(port) for port in settings.egress_ports.split(",")],
    )


def _listener(url: str, wakeups: Wakeups, authenticator: Authenticator, metrics: Metrics) -> Listener:
    """Hears for the process what happened, and whose access has changed: both wake the streams that it concerns."""

    def access_changed(payload: str) -> None:
        member_id = authenticator.announce(payload)
        if member_id is None:
            wakeups.wake_all()
        else:
            wakeups.wake(member_id)

    def connected() -> None:
        metrics.listening.inc()
        authenticator.forget()
        wakeups.wake_all()

    def shown(conversation_id: str) -> None:
        wakeups.wake(UUID(conversation_id))

    def typing(conversation_id: str) -> None:
        wakeups.typing(UUID(conversation_id))

    heard = {
        happened.CHANNEL: wakeups.announce,
        previews.CHANNEL: shown,
        typing_signs.CHANNEL: typing,
        sessions.CHANNEL: access_changed,
    }
    return Listener(url, heard=heard, connected=connected)


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """`work` runs beside the block and ends with it."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
