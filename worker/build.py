"""Puts a worker process together: what the activities need, and which worker polls which queue."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import Worker

from activities.channels.accounts import Accounts
from activities.channels.choice import open_accounts
from activities.channels.inbound import Receive
from activities.channels.outbound import Deliver
from activities.channels.polling import Poll
from activities.channels.typing import Typing
from activities.crawling.crawl import CrawlLimits, CrawlSteps
from activities.crawling.site import SCHEMES
from activities.desk.commands import Commands
from activities.desk.commands import Room as KnowledgeRoom
from activities.desk.follow import Follow
from activities.desk.handle import Desks
from activities.embedding.port import Embedder
from activities.embedding.spaces import Spaces
from activities.hand_over import HandOver
from activities.identity import SendCode
from activities.ingestion.ingest import Ingest
from activities.ingestion.read_files import ReadFiles, Room
from activities.ingestion.reindex import ReindexSteps
from activities.ladder import Ladder
from activities.learning.learn import Learn
from activities.learning.review import Review, StartReviews
from activities.mail.choice import mailer_for
from activities.mail.send import SendMail
from activities.media.fetch import FetchMedia
from activities.media.fetch import Limits as MediaLimits
from activities.media.sweep import Sweep
from activities.privacy.erase import Erase
from activities.privacy.retain import Retain
from activities.privacy.tenant_deletion import TenantDeletion
from activities.privacy.tenant_export import TenantExport
from activities.provider.errors import ProviderError
from activities.reading.port import Limits
from activities.reading.process import ProcessReader
from activities.reranking.port import Reranker
from activities.retrieval.retrieve import Retriever
from activities.routes.build import Routes
from activities.transcribing.port import Transcriber
from activities.turn.consider import Consider
from activities.turn.generate import Generate
from activities.turn.prepare import Prepare
from activities.turn.record import Recorder
from activities.turn.write import Write
from activities.understanding.choice import classifier_for
from activities.usage.counted import counted_embedders, counted_reranker, counted_transcriber
from activities.usage.ledger import open_ledger
from models.contracts.routing import (
    CHANNELS_QUEUE,
    CONVERSATIONS_QUEUE,
    CRAWLS_QUEUE,
    KNOWLEDGE_QUEUE,
    MODELS_QUEUE,
    OPERATIONS_QUEUE,
)
from models.contracts.usage import Purpose
from models.pokes import Pokes
from models.repositories import events, installation_keys
from models.repositories.vault import Vault
from runtime import models_file, secrets
from runtime.database import Database
from runtime.egress import Egress
from runtime.egress import Limits as EgressLimits
from runtime.egress.addresses import networks
from runtime.errors import OperatorError
from runtime.home import Home
from runtime.media.choice import media_store
from runtime.media.links import Links
from runtime.media.port import MediaStore
from runtime.notifications import Listener
from runtime.settings import Settings
from runtime.version import VERSION
from runtime.wakeups import Wakeups
from worker.heartbeats import Heartbeats
from worker.metrics import observing
from worker.parking import Parking, Suspended
from worker.spending import Spending
from workflows.conversation import ConversationWorkflow
from workflows.crawl import CrawlWorkflow
from workflows.erasure import ErasureWorkflow
from workflows.escalation import EscalationWorkflow
from workflows.identity import IdentityCodeWorkflow
from workflows.ingest import IngestWorkflow
from workflows.lane import LaneWorkflow
from workflows.mail import MailWorkflow
from workflows.reconcile import ReconcileWorkflow
from workflows.reindex import ReindexWorkflow
from workflows.retention import RetentionWorkflow
from workflows.review import ReviewsWorkflow, ReviewWorkflow
from workflows.tenant_deletion import TenantDeletionWorkflow
from workflows.tenant_export import TenantExportWorkflow

BUILD_ID = f"mainstay/{VERSION}"
"""What Temporal shows that a step was run by. By itself the SDK reads all code that is loaded to make one up, which is a
tenth of a worker's start."""

STICKY_TIMEOUT = timedelta(seconds=1.5)
"""How long a conversation waits for the worker that had it in memory before any other may take it."""

HEARTBEATS_HELD_BACK = timedelta(seconds=0.5)
"""At most. By itself the SDK holds them back for four fifths of the time that they must come in: one late beat would be a
death, and the work done again, where a machine has too much of it already."""

WORKFLOW_TASKS_AT_A_TIME = 8
"""Each is a thread that computes, and one computes at a time: more of them would only each take longer."""

INGESTS_AT_A_TIME = 2
"""Ingestion is patient and heavy: more of it at once would only slow the conversations down."""


CRAWLS_AT_A_TIME = 16
"""A crawl waits for its site most of the time."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What the activities work with."""

    database: Database
    client: Client
    embedder: Embedder
    spaces: Spaces
    reranker: Reranker | None
    routes: Routes
    vault: Vault
    media: MediaStore
    transcriber: Transcriber | None
    accounts: Accounts
    typing: Typing
    pokes: Pokes
    wakeups: Wakeups


@asynccontextmanager
async def tools(settings: Settings, client: Client) -> AsyncIterator[Tools]:
    """Open what a worker needs, warm, and close it afterwards. Raises OperatorError when a root key is missing."""
    async with AsyncExitStack() as stack:
        assert settings.database_url is not None, "the command line resolves it"
        database = Database(settings.database_url.get_secret_value(), pool_size=settings.database_pool_size)
        stack.push_async_callback(database.close)
        ledger = await stack.enter_async_context(open_ledger(database))
        embedder, following = counted_embedders(settings, ledger)
        stack.push_async_callback(embedder.close)
        if following is not None:
            stack.push_async_callback(following.close)
        reranker = counted_reranker(settings, ledger)
        if reranker is not None:
            stack.push_async_callback(reranker.close)
        routes = Routes(models_file.configured(settings), observing(client))
        stack.push_async_callback(routes.close)
        roots = secrets.root_keys(settings)
        async with database.system() as tx:
            missing = await installation_keys.root_keys_in_use(tx) - set(roots.ids)
            if missing:
                raise OperatorError(
                    f"MAINSTAY_ROOT_KEYS lacks {', '.join(sorted(missing))}, which wraps keys in this database: add it, or "
                    "what is encrypted cannot be read"
                )
            spaces = await Spaces.of(tx, embedder, following)
        vault = Vault(roots)
        media = media_store(settings, Links.of(settings.origin, roots))
        stack.push_async_callback(media.close)
        transcriber = counted_transcriber(settings, ledger)
        if transcriber is not None:
            stack.push_async_callback(transcriber.close)
        accounts = await stack.enter_async_context(open_accounts(settings, database, vault, media))
        typing = Typing(database, accounts)
        stack.push_async_callback(typing.close)
        pokes = Pokes(client)
        stack.push_async_callback(pokes.close)
        wakeups = await stack.enter_async_context(_listening(database.url))
        yield Tools(
            database,
            client,
            embedder,
            spaces,
            reranker,
            routes,
            vault,
            media,
            transcriber,
            accounts,
            typing,
            pokes,
            wakeups,
        )


@asynccontextmanager
async def _listening(url: str) -> AsyncIterator[Wakeups]:
    """Hear for the whole process of what happens."""
    wakeups = Wakeups()
    heard = {events.CHANNEL: wakeups.announce}
    task = asyncio.create_task(Listener(url, heard=heard, connected=wakeups.wake_all).run())
    try:
        yield wakeups
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def workers(settings: Settings, tools: Tools) -> list[Worker]:
    """One worker a queue, none of them started. Loads the classifier first: a worker that polls can answer. Raises
    OperatorError when the embedding server is away: whoever supervises the worker starts it again."""
    client, database = tools.client, tools.database
    classifier = classifier_for(
        tools.embedder,
        Home.at(settings.data_dir).root / "cache",
        model=tools.routes.chat(Purpose.UNDERSTAND) if settings.llm_understands else None,
    )
    try:
        await classifier.load()
    except ProviderError as error:
        raise OperatorError(f"the embedding model cannot be used ({error}): see MAINSTAY_EMBEDDING_URL") from None
    grace = timedelta(seconds=settings.drain_seconds)
    retriever = Retriever(database, tools.spaces, tools.reranker)
    write = Write(tools.embedder, tools.routes, settings.llm_turn_seconds)
    rewriter = tools.routes.chat(Purpose.REWRITE) if settings.llm_rewrites else None
    consider = Consider(database, tools.embedder, classifier, retriever, rewriter)
    prepare = Prepare(database, consider, write, tools.vault, tools.typing)
    ladder = Ladder(database, tools.pokes)
    ingest = Ingest(database, tools.spaces)
    reader = ProcessReader(
        Limits(
            unpacked_bytes=settings.reading_unpacked_mib << 20,
            pages=settings.reading_pages,
            seconds=settings.reading_seconds,
            memory_bytes=settings.reading_memory_mib << 20,
            characters=settings.reading_max_chars,
        ),
        at_once=settings.reading_processes,
    )
    read = ReadFiles(database, reader, Room(bytes=settings.kb_tenant_mib << 20, chunks=settings.kb_tenant_chunks))
    crawl = CrawlSteps(
        database,
        client,
        Egress(
            allowed=networks(settings.egress_allow),
            ports=[int(port) for port in settings.egress_ports.split(",")],
            schemes=SCHEMES,
            limits=EgressLimits(body_bytes=settings.crawl_page_mib << 20, seconds=settings.crawl_page_seconds),
        ),
        reader,
        CrawlLimits(
            pause=settings.crawl_pause_seconds,
            bytes=settings.crawl_mib << 20,
            tenant_bytes=settings.kb_tenant_mib << 20,
        ),
    )
    reindex = ReindexSteps(database, tools.spaces)
    review = Review(database, tools.spaces, retriever)
    mail_url = settings.mail_url
    mailer = mailer_for(mail_url.get_secret_value() if mail_url else None, Home.at(settings.data_dir).mail)
    send_mail = SendMail(database, mailer, sender=settings.mail_from, origin=settings.origin)
    send_code = SendCode(database, tools.vault, mailer, sender=settings.mail_from)
    sweep = Sweep(database, tools.media)
    erase, retain = Erase(database, client, sweep), Retain(database, sweep)
    deletion = TenantDeletion(database, client, sweep)
    parking, spending = Parking(Suspended(database)), Spending()
    found = [
        Worker(
            client,
            task_queue=CONVERSATIONS_QUEUE,
            workflows=[ConversationWorkflow, EscalationWorkflow],
            activities=[
                prepare.prepare,
                Recorder(database, tools.pokes).record,
                ladder.plan,
                ladder.climb,
                Learn(database, tools.spaces).learn,
            ],
            interceptors=[parking, spending, Heartbeats()],
            max_concurrent_activities=settings.worker_turns,
            max_concurrent_workflow_tasks=WORKFLOW_TASKS_AT_A_TIME,
            max_heartbeat_throttle_interval=HEARTBEATS_HELD_BACK,
            max_cached_workflows=settings.worker_cached_workflows,
            sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUT,
            graceful_shutdown_timeout=grace,
            build_id=BUILD_ID,
        ),
        Worker(
            client,
            task_queue=KNOWLEDGE_QUEUE,
            workflows=[IngestWorkflow, CrawlWorkflow, ReindexWorkflow, ReviewWorkflow],
            activities=[
                crawl.begin_crawl,
                crawl.end_crawl,
                read.read_files,
                ingest.split_documents,
                ingest.embed_chunks,
                ingest.publish_documents,
                reindex.begin_reindex,
                reindex.fill_space,
                reindex.switch_space,
                reindex.drop_vectors,
                review.embed_gap_questions,
                review.gather_gaps,
                review.ask_gaps_again,
                review.find_contradictions,
            ],
            interceptors=[parking, spending, Heartbeats()],
            max_concurrent_activities=INGESTS_AT_A_TIME,
            max_heartbeat_throttle_interval=HEARTBEATS_HELD_BACK,
            sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUT,
            graceful_shutdown_timeout=grace,
            build_id=BUILD_ID,
        ),
        Worker(
            client,
            task_queue=CRAWLS_QUEUE,
            activities=[crawl.fetch_pages],
            interceptors=[parking],
            max_concurrent_activities=CRAWLS_AT_A_TIME,
            graceful_shutdown_timeout=grace,
            build_id=BUILD_ID,
        ),
        Worker(
            client,
            task_queue=OPERATIONS_QUEUE,
            workflows=[
                ReconcileWorkflow,
                MailWorkflow,
                IdentityCodeWorkflow,
                ErasureWorkflow,
                RetentionWorkflow,
                ReviewsWorkflow,
                TenantExportWorkflow,
                TenantDeletionWorkflow,
            ],
            activities=[
                HandOver(database, client).hand_over,
                send_mail.send_mail,
                send_code.send_code,
                erase.find_to_erase,
                erase.end_processes,
                erase.erase_conversations,
                erase.erase_customer,
                erase.close_erasure,
                retain.next_tenants,
                retain.retain,
                StartReviews(database, client).start_reviews,
                TenantExport(database, tools.vault).export_tenant,
                deletion.begin_tenant_deletion,
                deletion.purge_processes,
                deletion.delete_tenant_rows,
                deletion.finish_tenant_deletion,
            ],
            interceptors=[parking, spending],
            graceful_shutdown_timeout=grace,
            build_id=BUILD_ID,
        ),
    ]
    desk_commands = Commands(database, client, KnowledgeRoom(settings.kb_tenant_mib << 20, settings.kb_tenant_chunks))
    receive = Receive(
        database,
        client,
        tools.accounts,
        Desks(database, desk_commands, tools.pokes, longest=settings.message_max_chars),
        tools.pokes,
        longest=settings.message_max_chars,
        listens=tools.transcriber is not None,
    )
    fetch = FetchMedia(
        database,
        client,
        tools.accounts,
        tools.media,
        tools.transcriber,
        tools.pokes,
        MediaLimits(
            file=settings.media_mib << 20, tenant=settings.media_tenant_mib << 20, text=settings.message_max_chars
        ),
    )
    found.append(
        Worker(
            client,
            task_queue=CHANNELS_QUEUE,
            workflows=[LaneWorkflow],
            activities=[
                receive.receive,
                Deliver(database, tools.accounts).deliver,
                fetch.fetch_media,
                Poll(database, tools.accounts, tools.pokes).poll,
                Follow(database, tools.wakeups, tools.pokes).follow_desk,
            ],
            interceptors=[parking, spending, Heartbeats()],
            max_concurrent_activities=settings.worker_lanes,
            max_concurrent_workflow_tasks=WORKFLOW_TASKS_AT_A_TIME,
            max_heartbeat_throttle_interval=HEARTBEATS_HELD_BACK,
            max_cached_workflows=settings.worker_cached_workflows,
            sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUT,
            graceful_shutdown_timeout=grace,
            build_id=BUILD_ID,
        )
    )
    # Polled without a model too: what was begun with one must end when the setting is taken back.
    generate = Generate(database, write, tools.typing)
    found.append(
        Worker(
            client,
            task_queue=MODELS_QUEUE,
            activities=[generate.generate],
            interceptors=[parking, spending],
            max_concurrent_activities=settings.worker_llm_slots,
            graceful_shutdown_timeout=grace,
            build_id=BUILD_ID,
        )
    )
    return found
