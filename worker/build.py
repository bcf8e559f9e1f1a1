"""Puts a worker process together: what the activities need, and which worker polls which queue."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import Worker

from activities.embedding.choice import embedder_for
from activities.embedding.port import Embedder
from activities.generate import Generate
from activities.generation.choice import chat_for
from activities.generation.extractive import ExtractiveGenerator
from activities.generation.port import ChatModel
from activities.generation.written import WritingGenerator
from activities.hand_over import HandOver
from activities.ingest import Ingest
from activities.ladder import Ladder
from activities.learn import Learn
from activities.prepare import Prepare
from activities.record import Recorder
from activities.understanding.choice import classifier_for
from models.contracts.routing import CONVERSATIONS_QUEUE, KNOWLEDGE_QUEUE, MODELS_QUEUE, OPERATIONS_QUEUE
from models.repositories import knowledge
from runtime.database import Database
from runtime.home import Home
from runtime.settings import Settings
from worker.heartbeats import Heartbeats
from workflows.conversation import ConversationWorkflow
from workflows.escalation import EscalationWorkflow
from workflows.ingest import IngestWorkflow
from workflows.reconcile import ReconcileWorkflow

STICKY_TIMEOUT = timedelta(seconds=1.5)
"""How long a conversation waits for the worker that had it in memory before any other may take it."""

INGESTS_AT_A_TIME = 2
"""Ingestion is patient and heavy: more of it at once would only slow the conversations down."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What the activities work with. `model` is None where the best passage is quoted instead of writing."""

    database: Database
    client: Client
    embedder: Embedder
    space: int
    model: ChatModel | None


@asynccontextmanager
async def tools(settings: Settings, client: Client) -> AsyncIterator[Tools]:
    """Open what a worker needs, warm, and close it afterwards."""
    async with AsyncExitStack() as stack:
        assert settings.database_url is not None, "the command line resolves it"
        database = Database(settings.database_url.get_secret_value(), pool_size=settings.database_pool_size)
        stack.push_async_callback(database.close)
        embedding_key, llm_key = settings.embedding_api_key, settings.llm_api_key
        embedder = embedder_for(
            settings.embedding_provider,
            model=settings.embedding_model,
            base_url=settings.embedding_url,
            api_key=embedding_key.get_secret_value() if embedding_key else None,
            dimension=settings.embedding_dimension,
        )
        stack.push_async_callback(embedder.close)
        model = None
        if settings.llm_provider != "extractive":
            assert settings.llm_model, "settings require it"
            assert settings.llm_url, "settings require it"
            model = chat_for(
                settings.llm_provider,
                model=settings.llm_model,
                base_url=settings.llm_url,
                api_key=llm_key.get_secret_value() if llm_key else None,
                stall_seconds=settings.llm_stall_seconds,
            )
            stack.push_async_callback(model.close)
        space = embedder.space
        async with database.system() as tx:
            space_id = await knowledge.ensure_space(tx, space.provider, space.model, space.dimension)
        yield Tools(database, client, embedder, space_id, model)


async def workers(settings: Settings, tools: Tools) -> list[Worker]:
    """One worker a queue, none of them started. Loads the classifier first: a worker that polls can answer."""
    client, database = tools.client, tools.database
    classifier = classifier_for(
        tools.embedder,
        Home.at(settings.data_dir).root / "cache",
        model=tools.model if settings.llm_understands else None,
    )
    await classifier.load()
    grace = timedelta(seconds=settings.drain_seconds)
    prepare = Prepare(database, tools.embedder, classifier, tools.space, writes=tools.model is not None)
    ladder = Ladder(database)
    ingest = Ingest(database, tools.embedder, tools.space)
    found = [
        Worker(
            client,
            task_queue=CONVERSATIONS_QUEUE,
            workflows=[ConversationWorkflow, EscalationWorkflow],
            activities=[prepare.prepare, Recorder(database).record, ladder.plan, ladder.climb, Learn(database).learn],
            interceptors=[Heartbeats()],
            max_cached_workflows=settings.worker_cached_workflows,
            sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUT,
            graceful_shutdown_timeout=grace,
        ),
        Worker(
            client,
            task_queue=KNOWLEDGE_QUEUE,
            workflows=[IngestWorkflow],
            activities=[ingest.split_documents, ingest.embed_chunks, ingest.publish_documents],
            max_concurrent_activities=INGESTS_AT_A_TIME,
            sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUT,
            graceful_shutdown_timeout=grace,
        ),
        Worker(
            client,
            task_queue=OPERATIONS_QUEUE,
            workflows=[ReconcileWorkflow],
            activities=[HandOver(database, client).hand_over],
            graceful_shutdown_timeout=grace,
        ),
    ]
    # Polled without a model too: what was begun with one must end when the setting is taken back.
    writer = WritingGenerator(tools.model) if tools.model else ExtractiveGenerator()
    generate = Generate(database, tools.embedder, writer, settings.llm_turn_seconds)
    found.append(
        Worker(
            client,
            task_queue=MODELS_QUEUE,
            activities=[generate.generate],
            max_concurrent_activities=settings.worker_llm_slots,
            graceful_shutdown_timeout=grace,
        )
    )
    return found
