"""Puts posts into a desk's group, one call at a time. What a post says is read when its call is made: a card that waited
for its turn shows how things stand then."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog

from activities.channels.accounts import Opened
from activities.channels.port import Forums, RefusedError
from activities.desk import compose, condition
from activities.desk.words import WORDS, Words
from models.contracts.channels import Chat, Health, HealthState, Part
from models.contracts.desk import CardPost, FilePost, ForgetPost, LearnedPost, MessagePost, NoticePost, Said
from models.contracts.enums import Author, SendStatus
from models.repositories import (
    conversations,
    desk_feed,
    desk_posts,
    desks,
    escalations,
    learned_queue,
    messages,
    sends,
    tenants,
)
from models.repositories.conversations import Conversation
from models.repositories.desk_posts import DuePost, NewPost
from models.repositories.desks import Topic
from models.repositories.escalations import Escalation
from models.repositories.messages import Message
from runtime.database import Database, TenantTx

REST = timedelta(minutes=5)
"""How long posts wait when the group refuses them all; a check, or news from the group, ends it."""
GIVE_UP_AFTER = 20
"""Calls for one post."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Next:
    """The next call of a post: make a topic called `topic`, or send `part`, or show it in place of the message `edits`.
    `card_of`: it is the card of that escalation. `aside`: it goes before the post's own parts. Neither: nothing is left."""

    topic: str | None = None
    part: Part | None = None
    edits: str | None = None
    card_of: UUID | None = None
    aside: bool = False
    last: bool = True


class Posting:
    """Of one bot. `opened` must be an account that can keep desks."""

    def __init__(self, database: Database, tenant: UUID, opened: Opened) -> None:
        self._database = database
        self._tenant = tenant
        self._account = opened.owner.account
        self._channel = opened.channel

    async def step(self, due: DuePost, sent: int) -> int | None:
        """Make the next call for a post of which so many parts have gone. How many have gone after it; None: it is done.

        Raises ChannelError.
        """
        if isinstance(due.post, ForgetPost):
            await self._forget(due, due.post)
            return None
        async with self._database.tenant(self._tenant) as tx:
            chat, call = await self._next(tx, due, sent)
        if call.topic is not None:
            assert isinstance(self._channel, Forums), "others have no desks"
            made = await self._channel.create_topic(chat, call.topic)
            async with self._database.tenant(self._tenant) as tx:
                assert due.desk_id is not None, "it has a topic"
                assert due.conversation_id is not None, "it has a topic"
                await desks.put_topic(tx, due.desk_id, due.conversation_id, made)
                await sends.goes_on(tx, due.id)
            return sent
        if call.part is None:
            async with self._database.tenant(self._tenant) as tx:
                await desk_posts.drop(tx, due.id)
            return None
        if call.edits is not None:
            await self._channel.edit(chat, call.edits, call.part)
            name = call.edits
        else:
            name = await self._channel.send(chat, call.part)
        async with self._database.tenant(self._tenant) as tx:
            await self._went(tx, due, call, name, sent)
        return sent if call.aside else None if call.last else sent + 1

    async def _forget(self, due: DuePost, post: ForgetPost) -> None:
        """What a bot may not delete, people must: that it is still there stands with the desk. In a group that takes nothing
        at all it waits like everything else."""
        assert isinstance(self._channel, Forums), "others have no desks"
        chat = due.chat.model_copy(update={"topic": post.topic})
        try:
            await self._channel.delete_topic(chat)
        except RefusedError as error:
            health = await self._channel.check_desk(due.chat)
            if health.state is not HealthState.OK:
                raise
            async with self._database.tenant(self._tenant) as tx:
                if due.desk_id is not None:
                    await desks.set_health(tx, due.desk_id, health)
                await sends.finish(tx, due.id, SendStatus.FAILED, error.code)
            return
        async with self._database.tenant(self._tenant) as tx:
            await sends.went(tx, due.id, post.topic, len(due.sent), last=True)

    async def _went(self, tx: TenantTx, due: DuePost, call: _Next, name: str, place: int) -> None:
        if call.card_of is not None and due.desk_id is not None and due.conversation_id is not None:
            await desks.put_card(tx, due.desk_id, due.conversation_id, call.card_of, name)
        if call.aside:
            await sends.goes_on(tx, due.id)
        else:
            await sends.went(tx, due.id, name, place, last=call.last)
        if due.desk_id is not None:
            await desks.well(tx, due.desk_id)

    async def refused(self, due: DuePost, error: RefusedError) -> None:
        """Heal what can be healed; otherwise say what is wrong, where somebody sees it. What is wrong with the group may last
        for as long as it takes: then everything waits."""
        if error.code == "topic_closed":
            error = RefusedError("reopened" if await self._reopened(due) else "no_rights")
        wrong = await self._wrong(due, error)
        desk, conversation = due.desk_id, due.conversation_id
        async with self._database.tenant(self._tenant) as tx:
            if desk is not None and wrong is not None:
                await condition.note(tx, self._account, desk, due.chat.id, wrong)
                await sends.later(tx, due.id, error.code, datetime.now(UTC) + REST)
            elif desk is None or due.attempts >= GIVE_UP_AFTER:
                await sends.finish(tx, due.id, SendStatus.FAILED, error.code)
            elif conversation is not None and error.code == "topic_gone":
                await desks.forget_topic(tx, desk, conversation)
                await sends.later(tx, due.id, error.code, None)
            elif conversation is not None and error.code == "message_gone" and isinstance(due.post, CardPost):
                await desks.put_card(tx, desk, conversation, None, None)
                await sends.later(tx, due.id, error.code, None)
            elif error.code == "reopened":
                await sends.later(tx, due.id, error.code, None)
            else:
                await sends.finish(tx, due.id, SendStatus.FAILED, error.code)
                if isinstance(due.post, MessagePost | FilePost):
                    told = NoticePost(said=Said.FILE_REFUSED, code=error.code)
                    await desk_posts.enter(tx, self._account, desk, [NewPost(f"{due.id}/refused", told, conversation)])

    async def _wrong(self, due: DuePost, error: RefusedError) -> Health | None:
        """What is wrong with the group, where the refusal is for that."""
        if due.desk_id is None or not isinstance(self._channel, Forums):
            return None
        if error.code != "topic_gone":
            return self._channel.desk_refused(error)
        # A group whose topics were switched off has them all again when they are switched on.
        health = await self._channel.check_desk(due.chat)
        return None if health.state is HealthState.OK else health

    async def _reopened(self, due: DuePost) -> bool:
        """Whether the bot could open the topic again that somebody had closed."""
        if due.desk_id is None or due.conversation_id is None or not isinstance(self._channel, Forums):
            return False
        async with self._database.tenant(self._tenant) as tx:
            topic = await desks.topic(tx, due.desk_id, due.conversation_id)
        try:
            await self._channel.reopen_topic(due.chat.model_copy(update={"topic": topic and topic.topic_id}))
        except RefusedError as error:
            log.warning("topic stays closed", desk_id=due.desk_id, code=error.code)
            return False
        return True

    # What comes next

    async def _next(self, tx: TenantTx, due: DuePost, sent: int) -> tuple[Chat, _Next]:
        _, language = await tenants.settings_and_language(tx)
        words = WORDS[language]
        if due.desk_id is None or due.conversation_id is None:
            return due.chat, await self._answer(tx, words, due)
        conversation = await conversations.get(tx, due.conversation_id)
        if conversation is None:
            return due.chat, _Next()
        topic = await desks.topic(tx, due.desk_id, due.conversation_id)
        if topic is None:
            return due.chat, _Next(topic=compose.topic_name(words, conversation))
        chat = due.chat.model_copy(update={"topic": topic.topic_id})
        latest = await escalations.latest(tx, due.conversation_id)
        if isinstance(due.post, CardPost) or (topic.card_of is None and latest is not None):
            card = await self._card(tx, words, conversation, latest, topic, aside=not isinstance(due.post, CardPost))
            return chat, card
        if isinstance(due.post, LearnedPost):
            entry = await learned_queue.get(tx, due.post.learned_id)
            return chat, _Next() if entry is None else _Next(
                part=compose.learned(words, entry), edits=due.post.message_id
            )
        parts = await self._parts(tx, words, due, conversation)
        return chat, _Next() if sent >= len(parts) else _Next(part=parts[sent], last=sent == len(parts) - 1)

    async def _card(
        self,
        tx: TenantTx,
        words: Words,
        conversation: Conversation,
        latest: Escalation | None,
        topic: Topic,
        *,
        aside: bool,
    ) -> _Next:
        if latest is None:
            return _Next()
        said = await escalations.messages_until(tx, conversation.id, latest.created_at, compose.CONTEXT)
        part = compose.card(words, latest, conversation, said)
        stands = topic.card_message_id if topic.card_of == latest.id else None
        return _Next(part=part, edits=stands, card_of=latest.id, aside=aside)

    async def _parts(self, tx: TenantTx, words: Words, due: DuePost, conversation: Conversation) -> list[Part]:
        match due.post:
            case MessagePost(message_id=message, changed=changed):
                said = (await messages.get_many(tx, [message])).get(message)
                return (
                    []
                    if said is None
                    else compose.message(words, said, await _who(tx, said, conversation), changed=changed)
                )
            case FilePost(attachment_id=attachment):
                found = await messages.with_file(tx, attachment)
                if found is None:
                    return []
                [sent] = [each for each in found.files if each.id == attachment]
                return compose.file(words, sent, found, conversation.customer_name)
            case NoticePost():
                return [await self._notice(tx, words, due.post, due.desk_id)]
            case _:
                return []

    async def _answer(self, tx: TenantTx, words: Words, due: DuePost) -> _Next:
        """What somebody is answered outside of topics."""
        return (
            _Next(part=await self._notice(tx, words, due.post, due.desk_id))
            if isinstance(due.post, NoticePost)
            else _Next()
        )

    async def _notice(self, tx: TenantTx, words: Words, post: NoticePost, desk: UUID | None) -> Part:
        name = None
        if post.member_id is not None:
            name = (await escalations.names(tx, {post.member_id})).get(post.member_id)
        about = desk or post.about
        branch = "" if about is None else await desk_feed.branch_name(tx, about)
        owners = await desks.owners(tx) if post.said is Said.OWNERS else ()
        text = compose.notice(words, post.said, name=name, code=post.code, branch=branch, owners=owners)
        return Part(text=text, reply_to=post.reply_to)


async def _who(tx: TenantTx, said: Message, conversation: Conversation) -> str | None:
    """Who said it, by name; None: what we call the bot."""
    if said.author is Author.CUSTOMER:
        return conversation.customer_name
    if said.member_id is None:
        return None
    return (await escalations.names(tx, {said.member_id})).get(said.member_id)
