"""What embedders and rerankers are called for is entered as their spender's: together, and without anybody's waiting."""

from uuid import UUID

import pytest
import sqlalchemy as sa

from activities.embedding.nano import NanoEmbedder
from activities.embedding.openai import OpenAIEmbedder
from activities.provider.errors import DeadlineError, UnreachableError
from activities.reranking.tei import TeiReranker
from activities.usage.counted import CountedEmbedder, CountedReranker
from activities.usage.ledger import Ledger, open_ledger, spent_by
from models.contracts.usage import CallOutcome, Purpose, Spender
from models.tables import model_calls
from runtime.database import Database
from runtime.ids import new_id
from tests.fakes.rerank import KEY, serving

NOBODY_THERE = "http://127.0.0.1:9"
Row = tuple[Purpose, CallOutcome, int]


async def entered(database: Database, tenant: UUID) -> list[Row]:
    """Purpose, outcome and number of calls of each row."""
    columns = (model_calls.c.purpose, model_calls.c.outcome, model_calls.c.calls)
    async with database.tenant(tenant) as tx:
        rows = await tx.connection.execute(sa.select(*columns).order_by(*columns))
        return [(row.purpose, row.outcome, row.calls) for row in rows]


async def test_calls_are_summed_by_what_they_have_in_common_and_outlive_an_outage(
    database: Database, tenant: UUID
) -> None:
    away = Database(database.url.replace(database.engine.url.database or "", "nowhere"))
    ledger = Ledger(away)
    embedder = CountedEmbedder(NanoEmbedder(), ledger)
    unreachable = CountedEmbedder(OpenAIEmbedder(base_url=NOBODY_THERE, model="m", dimension=3), ledger)
    await embedder.embed_query("nobody's")
    with spent_by(Spender(tenant_id=tenant)):
        await embedder.embed_query("how much is it")
        await ledger.enter()
        await embedder.embed_passages(["it is free", "it is not"])
        with pytest.raises(UnreachableError):
            await unreachable.embed_queries(["how much"])
    ledger._database = database
    await ledger.enter()
    await ledger.enter()
    assert await entered(database, tenant) == [
        (Purpose.EMBED, CallOutcome.OK, 2),
        (Purpose.EMBED, CallOutcome.UNREACHABLE, 1),
    ]
    async with database.tenant(tenant) as tx:
        tokens = await tx.connection.scalar(sa.select(sa.func.sum(model_calls.c.prompt_tokens)))
    assert tokens is not None
    assert tokens > 10
    await away.close()
    for each in (embedder, unreachable):
        await each.close()


async def test_a_reranker_that_is_late_is_entered_as_such(database: Database, tenant: UUID) -> None:
    async with serving() as fake, open_ledger(database) as ledger:
        reranker = CountedReranker(TeiReranker(base_url=fake.url, api_key=KEY, deadline_seconds=0.2), ledger)
        with spent_by(Spender(tenant_id=tenant)):
            await reranker.scores("metal?", ["gold", "silver"])
            fake.failing = "silence"
            with pytest.raises(DeadlineError):
                await reranker.scores("metal?", ["gold", "silver"])
        await reranker.close()
    assert await entered(database, tenant) == [
        (Purpose.RERANK, CallOutcome.DEADLINE, 1),
        (Purpose.RERANK, CallOutcome.OK, 1),
    ], "what the process had not entered yet is entered when it ends"


async def test_an_assistant_that_was_removed_meanwhile_loses_nobody_s_calls(database: Database, tenant: UUID) -> None:
    ledger, embedder = Ledger(database), NanoEmbedder()
    with spent_by(Spender(tenant_id=tenant, assistant_id=new_id())):
        await CountedEmbedder(embedder, ledger).embed_query("hello")
    await ledger.enter()
    assert await entered(database, tenant) == [(Purpose.EMBED, CallOutcome.OK, 1)]
    await embedder.close()
