"""What a question means, what policy says of it, and what knowledge has for it: all that an answer begins with.

A turn of a conversation and a question without one (agent/ask) come through here alike.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from activities import policy
from activities.embedding.port import Embedder, Vector
from activities.generation.port import ChatModel
from activities.guards import orders
from activities.language.sentences import sentences
from activities.masking import mask
from activities.policy.likeness import Likeness
from activities.provider.errors import ProviderError
from activities.retrieval.retrieve import Retriever
from activities.turn import follow_up
from activities.turn.manners import opt_out
from activities.turn.rewrite import standalone
from activities.understanding.classify import core
from activities.understanding.language import detect
from activities.understanding.port import Classifier
from models.contracts.assistants import Assistant, Chosen
from models.contracts.enums import Intent, Language
from models.contracts.knowledge import Retrieval, Understanding
from models.contracts.policy import Policy, Topic
from models.contracts.settings import TenantSettings
from models.contracts.turn import Coverage
from models.repositories import messages
from models.repositories.retrieval import Worded
from runtime.database import Database

BEFORE = 4
"""The customer's messages that a follow-up may lean on."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """A customer's words, and the rules by which they are answered.

    `spoken` is the tenant's language, `previous` the conversation's so far; without a `conversation_id` there is
    nothing that the words could follow.
    """

    tenant_id: UUID
    text: str
    settings: TenantSettings
    policy: Policy
    spoken: Language
    chosen: Chosen
    previous: Language | None = None
    conversation_id: UUID | None = None

    def masked(self, text: str) -> str:
        """What a model or a server may see of `text`. What is looked up here is not masked."""
        return mask(text, self.settings.masking, self.spoken)


@dataclass(frozen=True, slots=True)
class Understood:
    """`topic` is what policy takes the words to be about; `vector` None: the embedder is away. `words`: what they find in
    knowledge."""

    understanding: Understanding
    topic: Topic | None
    vector: Vector | None
    words: Worded
    embedding_seconds: float


class Consider:
    """Holds what it takes."""

    def __init__(
        self,
        database: Database,
        embedder: Embedder,
        classifier: Classifier,
        retriever: Retriever,
        rewriter: ChatModel | None = None,
    ) -> None:
        self._database = database
        self._embedder = embedder
        self._classifier = classifier
        self._retriever = retriever
        self._rewriter = rewriter
        self._likeness = Likeness()

    async def understand(self, asked: Asked) -> Understood:
        outgoing = asked.masked(asked.text)
        # What can be known without a vector is found out while it is made: nobody waits for it then.
        embedding = asyncio.create_task(self._embed(core(outgoing)))
        try:
            words = await self._retriever.worded(asked.tenant_id, core(asked.text), asked.chosen.tags or None)
            self._classifier.read_ahead(outgoing)
            matched = policy.match(asked.policy, asked.text)
        finally:
            vector, embedding_seconds = await embedding
        understanding = await self._meaning(asked, outgoing, vector)
        if asked.chosen.assistant.language is not None:
            understanding = understanding.model_copy(update={"language": asked.chosen.assistant.language})
        topic = matched or await self._alike(asked, core(outgoing), vector)
        return Understood(understanding, topic, vector, words, embedding_seconds)

    async def find(self, asked: Asked, understood: Understood) -> Retrieval | None:
        """The passages that may answer, the one to quote first. None when nothing could be searched.

        A follow-up that finds nothing by itself is searched with what it follows.
        """
        if understood.vector is None:
            return None
        question, language = core(asked.text), understood.understanding.language
        try:
            outgoing = core(asked.masked(asked.text))
            found = await self._search(asked, question, language, outgoing, understood.vector, understood.words)
        except ProviderError as error:
            log.warning("search failed", cause=type(error).__name__)
            return None
        if found.confidence < asked.chosen.assistant.answer_at and follow_up.leans_on_context(question):
            found = await self._with_what_it_follows(asked, question, language, found)
        return found

    async def _meaning(self, asked: Asked, outgoing: str, vector: Vector | None) -> Understanding:
        """What the words mean; the tenant's own words for an opt-out say so whatever the classifier thinks."""
        opted_out, rest = policy.opt_out_apart(asked.policy, asked.text)
        if opted_out:
            outgoing, vector = asked.masked(rest), None
        if opted_out and not rest:
            return opt_out(detect(asked.text, asked.previous))
        understanding = await self._classifier.understand(outgoing, vector, previous=asked.previous)
        if outgoing != asked.text:
            understanding = understanding.model_copy(update={"language": detect(asked.text, asked.previous)})
        return opt_out(understanding.language, understanding.intents) if opted_out else understanding

    async def _alike(self, asked: Asked, said: str, vector: Vector | None) -> Topic | None:
        """The topic of the policy that the words are like, where no phrase has found one."""
        if vector is None:
            return None
        try:
            return await self._likeness.match(asked.policy, sentences(said), vector, self._embedder)
        except ProviderError as error:
            log.warning("likeness failed", cause=type(error).__name__)
            return None

    async def _with_what_it_follows(
        self, asked: Asked, question: str, language: Language, found: Retrieval
    ) -> Retrieval:
        if asked.conversation_id is None:
            return found
        async with self._database.tenant(asked.tenant_id) as tx:
            before = await messages.asked_before(tx, asked.conversation_id, limit=BEFORE)
        together = await self._standalone(asked, question, before)
        if together is None:
            return found
        try:
            carried = await self._search(asked, together, language, asked.masked(together), None)
        except ProviderError as error:
            log.warning("search failed", cause=type(error).__name__)
            return found
        return max(found, carried, key=lambda retrieval: retrieval.confidence)

    async def _standalone(self, asked: Asked, question: str, before: Sequence[str]) -> str | None:
        """The follow-up with what it leaves out; None when nothing was said that it could follow."""
        topic = follow_up.topic_of(before)
        if topic is None:
            return None
        if self._rewriter is not None:
            shown = [asked.masked(text) for text in before]
            if (rewritten := await standalone(self._rewriter, asked.masked(question), shown)) is not None:
                return rewritten
        return f"{topic} {question}"

    async def _search(
        self,
        asked: Asked,
        question: str,
        language: Language,
        outgoing: str,
        vector: Vector | None,
        words: Worded | None = None,
    ) -> Retrieval:
        tags = asked.chosen.tags or None
        found = await self._retriever.find(
            asked.tenant_id, question, language, outgoing=outgoing, usual=vector, tags=tags, words=words
        )
        passages = orders.readable(found.passages)
        # The confidence is the first passage's: with that one gone, nothing is known.
        first_stays = passages[:1] and passages[0].chunk_id == found.passages[0].chunk_id
        confidence = found.confidence if first_stays else 0.0
        return found.model_copy(update={"passages": tuple(passages), "confidence": confidence})

    async def _embed(self, text: str) -> tuple[Vector | None, float]:
        """The vector, and the seconds that it took."""
        begun, vector = time.perf_counter(), None
        try:
            vector = await self._embedder.embed_query(text)
        except ProviderError as error:
            log.warning("embedding failed", cause=type(error).__name__)
        return vector, time.perf_counter() - begun


def asks(understanding: Understanding) -> bool:
    """Whether knowledge is searched. What sounds like none of the company's business may be just that: its pages know."""
    return not {Intent.QUESTION, Intent.OUT_OF_SCOPE}.isdisjoint(understanding.intents)


def coverage_of(confidence: float, assistant: Assistant) -> Coverage:
    if confidence >= assistant.answer_at:
        return Coverage.COVERED
    return Coverage.UNSURE if confidence >= assistant.unsure_at else Coverage.UNCOVERED
