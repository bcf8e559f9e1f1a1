"""What people do in a desk's group: a button becomes a command, words in a topic become a reply to its customer.

All of it may be read again after a crash, and has its effect once: drafts are named after the message, commands and
notices after the delivery.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID, uuid5

import structlog

from activities.channels.accounts import Opened
from activities.channels.port import ChannelError, Forums
from activities.desk import condition
from activities.desk.commands import Commands, Refused, may_review
from activities.desk.compose import plain_notice
from activities.desk.linking import Linking, is_command
from activities.desk.words import WORDS
from models.contracts.channels import (
    Arrived,
    ButtonPressed,
    Chat,
    ChatKind,
    ChatMoved,
    Health,
    HealthState,
    MessageArrived,
    MessageEdited,
    ReachChanged,
)
from models.contracts.desk import BUTTONS, LearnedPost, NoticePost, Post, Review, Said
from models.contracts.enums import Command, LearnedStatus, MessageStatus
from models.contracts.lanes import Lane
from models.pokes import Pokes
from models.repositories import attachments, desk_posts, desks, escalations, learned_queue, messages, tenants
from models.repositories.desk_posts import NewPost
from models.repositories.desks import Colleague, Desk
from runtime.database import Database

INSIDE = "//"
"""What begins with it is a note among colleagues."""

_PRESSED = re.compile(r"(\w+):([0-9a-f]{32})")

log = structlog.get_logger(__name__)


class Desks:
    """Holds what handling needs. `longest`: characters of a message."""

    def __init__(self, database: Database, commands: Commands, pokes: Pokes, *, longest: int) -> None:
        self._database = database
        self._commands = commands
        self._pokes = pokes
        self._longest = longest

    async def of(self, tenant: UUID, opened: Opened) -> "AtDesks | None":
        """The desks of a bot; None when it has none, and customers write to it."""
        async with self._database.tenant(tenant) as tx:
            found = await desks.of_account(tx, opened.owner.account)
        if not found and _for_customers(opened):
            return None
        linking = Linking(self._database, self._pokes)
        return AtDesks(self._database, self._commands, self._pokes, linking, self._longest, tenant, opened, found)


@dataclass(frozen=True, slots=True)
class _Place:
    """A topic of a desk, and whose it is. `key` names the delivery that is handled."""

    desk: Desk
    conversation: UUID
    key: str


class AtDesks:
    """One bot's desks, while a batch of its deliveries is read."""

    def __init__(
        self,
        database: Database,
        commands: Commands,
        pokes: Pokes,
        linking: Linking,
        longest: int,
        tenant: UUID,
        opened: Opened,
        found: list[Desk],
    ) -> None:
        self._database = database
        self._commands = commands
        self._pokes = pokes
        self._linking = linking
        self._longest = longest
        self._tenant = tenant
        self._opened = opened
        self._account = opened.owner.account
        self._customers = _for_customers(opened)
        self._desks = _by_chat(found)

    def concerns(self, event: Arrived) -> bool:
        """Whether it happened at a desk, or is a command for one; all that happens to a bot of no customers."""
        match event:
            case MessageArrived() if is_command(event, customers=self._customers):
                return True
            case ChatMoved():
                return event.chat in self._desks or not self._customers
            case MessageArrived() | MessageEdited() | ButtonPressed() | ReachChanged():
                return event.chat.id in self._desks or not self._customers
            case _:
                return False

    async def handle(self, event: Arrived, delivery: UUID) -> None:
        """Do what somebody wants by it, and tell them what was not done. `delivery` names it, however often it is read."""
        key = str(delivery)
        match event:
            case MessageArrived() if is_command(event, customers=self._customers):
                await self._linking.obey(self._tenant, self._opened, event, key)
                await self._look_again()
            case MessageArrived() if event.chat.kind is ChatKind.PRIVATE:
                await self._said_in_private(event)
            case MessageArrived():
                place = await self._place(event.chat.id, event.chat.topic, key)
                if place is not None and not event.text.lstrip().startswith(INSIDE):
                    await self._said(place, event)
            case MessageEdited():
                await self._edited(await self._place(event.chat.id, event.chat.topic, key), event)
            case ButtonPressed():
                await self._pressed(event, key)
            case ReachChanged():
                await self._group_changed(event.chat.id, ours=event.reachable)
            case ChatMoved():
                async with self._database.tenant(self._tenant) as tx:
                    await desks.moved(tx, self._account, event.chat, event.to)
                await self._look_again()
                await self._group_changed(event.to)
            case _:
                pass

    async def _look_again(self) -> None:
        async with self._database.tenant(self._tenant) as tx:
            self._desks = _by_chat(await desks.of_account(tx, self._account))

    async def _place(self, chat: str, topic: str | None, key: str) -> _Place | None:
        """None: it is no conversation's topic, and people talk there among themselves."""
        desk = self._desks.get(chat)
        if desk is None or topic is None:
            return None
        async with self._database.tenant(self._tenant) as tx:
            conversation = await desks.conversation_of(tx, desk.id, topic)
        return None if conversation is None else _Place(desk, conversation, key)

    # Words

    async def _said_in_private(self, message: MessageArrived) -> None:
        """The bot answers nobody there: whoever writes is told where they are, once in a minute."""
        async with self._database.tenant(self._tenant) as tx:
            by = await desks.colleague(tx, message.sender.id)
            said, about = (Said.ONLY_A_DESK, None) if by is None else (Said.LINKED_YOU, by.member_id)
            post = NoticePost(said=said, member_id=about, chat=message.chat.id, private=True, reply_to=message.id)
            key = f"desk/{self._account}/{message.chat.id}/{message.sent_at:%Y-%m-%dT%H:%M}"
            await desk_posts.enter(tx, self._account, None, [NewPost(key, post, None)])
        self._pokes.poke(self._tenant, self._account, Lane.OUT)

    async def _said(self, place: _Place, message: MessageArrived) -> None:
        """A message in a topic goes to its customer."""
        async with self._database.tenant(self._tenant) as tx:
            by = await desks.colleague(tx, message.sender.id)
            latest = await escalations.latest(tx, place.conversation)
            answer = message.reply_to and await desk_posts.learned_at(tx, place.desk.id, message.reply_to)
        if by is None:
            await self._tell_once(place, message)
        elif not (message.text.strip() or message.attachments):
            await self._tell(place, Refused(Said.KIND_UNKNOWN), message.id)
        elif len(message.text) > self._longest:
            await self._tell(place, Refused(Said.TOO_LONG), message.id)
        elif answer:
            await self._edited_answer(place, message, by, answer)
        elif latest is None or not latest.status.open:
            await self._tell(place, Refused(Said.NOBODY_ASKED), message.id)
        elif (refused := await self._reply(place, message, by, latest.id)) is not None:
            await self._tell(place, refused, message.id)

    async def _reply(self, place: _Place, message: MessageArrived, by: Colleague, escalation: UUID) -> Refused | None:
        draft = _draft(self._account, message.chat.id, message.id)
        async with self._database.tenant(self._tenant) as tx:
            await messages.add_draft(tx, place.conversation, by.member_id, message.text, posted=(draft, message.id))
            if message.attachments and not await attachments.of_message(tx, draft):
                await attachments.add(tx, place.conversation, draft, self._account, message.attachments)
            stored = (await messages.get_many(tx, [draft])).get(draft)
        if stored is not None and stored.status is MessageStatus.SENT:
            # Read before, and carried out.
            return None
        if message.attachments:
            self._pokes.poke(self._tenant, self._account, Lane.MEDIA)
        refused = await self._commands.carry_out(self._tenant, Command.REPLY, by, escalation, f"desk/{draft}", draft)
        if refused is not None and refused.said is not Said.UNDECIDED:
            async with self._database.tenant(self._tenant) as tx:
                await messages.forget_draft(tx, draft)
        return refused

    async def _edited_answer(self, place: _Place, message: MessageArrived, by: Colleague, entry: UUID) -> None:
        """Words in answer to a proposed answer are what it should say."""
        if message.attachments:
            refused: Refused | None = Refused(Said.KIND_UNKNOWN)
        else:
            refused = await self._commands.edit(self._tenant, entry, message.text.strip(), by)
        if refused is None:
            await self._post(place, LearnedPost(learned_id=entry, message_id=message.reply_to), "learned")
        await self._tell(place, refused or Refused(Said.ANSWER_EDITED), message.id)

    async def _edited(self, place: _Place | None, edit: MessageEdited) -> None:
        """Customers keep what they were sent; whoever changes it here is told."""
        if place is None:
            return
        draft = _draft(self._account, edit.chat.id, edit.id)
        async with self._database.tenant(self._tenant) as tx:
            sent = (await messages.get_many(tx, [draft])).get(draft)
        if sent is not None and sent.status is MessageStatus.SENT:
            await self._tell(place, Refused(Said.EDITS_STAY), edit.id)

    # Buttons

    async def _pressed(self, press: ButtonPressed, key: str) -> None:
        """Whoever presses a button is answered, whatever becomes of it."""
        refused: Refused | None = Refused(Said.UNDECIDED)
        try:
            refused = await self._press(press, await self._place(press.chat.id, press.chat.topic, key))
        finally:
            await self._acknowledge(press, refused)

    async def _press(self, press: ButtonPressed, place: _Place | None) -> Refused | None:
        meant = _PRESSED.fullmatch(press.data)
        if place is None or meant is None:
            return Refused(Said.NOT_POSSIBLE)
        async with self._database.tenant(self._tenant) as tx:
            by = await desks.colleague(tx, press.sender.id)
        if by is None:
            return Refused(Said.WHO_ARE_YOU)
        verb, about = meant[1], UUID(meant[2])
        if verb in list(Review):
            return await self._review(place, press, by, Review(verb), about)
        if verb not in BUTTONS:
            return Refused(Said.NOT_POSSIBLE)
        async with self._database.tenant(self._tenant) as tx:
            escalation = await escalations.get(tx, about)
        if escalation is None or escalation.conversation_id != place.conversation:
            return Refused(Said.NOT_POSSIBLE)
        return await self._commands.carry_out(self._tenant, Command(verb), by, about, f"desk/{place.key}")

    async def _review(
        self, place: _Place, press: ButtonPressed, by: Colleague, review: Review, entry: UUID
    ) -> Refused | None:
        async with self._database.tenant(self._tenant) as tx:
            found = await learned_queue.get(tx, entry)
        if found is None or found.conversation_id != place.conversation:
            return Refused(Said.NOT_POSSIBLE)
        match review:
            case Review.APPROVE:
                refused = await self._commands.approve(self._tenant, entry, by)
            case Review.REJECT:
                refused = await self._commands.reject(self._tenant, entry, by)
            case Review.EDIT:
                # The words come in answer to the message.
                how = Said.HOW_TO_EDIT if found.status is LearnedStatus.PROPOSED else Said.REVIEWED
                refused = may_review(by) or Refused(how)
        if refused is None or refused.said is Said.REVIEWED:
            # Somebody may have done so elsewhere, where this is not shown.
            await self._post(place, LearnedPost(learned_id=entry, message_id=press.message_id), "learned")
        return refused

    async def _acknowledge(self, press: ButtonPressed, refused: Refused | None) -> None:
        assert isinstance(self._opened.channel, Forums), "others have no desks"
        text = ""
        if refused is not None:
            async with self._database.tenant(self._tenant) as tx:
                _, language = await tenants.settings_and_language(tx)
                who = {refused.member_id} if refused.member_id else set()
                name = next(iter((await escalations.names(tx, who)).values()), None)
            text = plain_notice(WORDS[language], refused.said, name)
        try:
            await self._opened.channel.acknowledge(press.id, text)
        except ChannelError as error:
            log.warning("press not answered", code=error.code)

    # The group

    async def _group_changed(self, chat: str, *, ours: bool = True) -> None:
        """Whether the bot is in the group (`ours`), what it may do there, or what the group is called has changed: what waits
        is tried again."""
        desk = self._desks.get(chat)
        if desk is None:
            return
        assert isinstance(self._opened.channel, Forums), "others have no desks"
        gone = Health(state=HealthState.DEAD, code="removed", advice=("Add the bot to the group again.",))
        health = await self._opened.channel.check_desk(Chat(id=chat, kind=ChatKind.GROUP)) if ours else gone
        async with self._database.tenant(self._tenant) as tx:
            await condition.note(tx, self._account, desk.id, chat, health)
            await desk_posts.release(tx, desk.id)
        self._pokes.poke(self._tenant, self._account, Lane.OUT)

    # Telling

    async def _tell(self, place: _Place, refused: Refused, reply_to: str) -> None:
        post = NoticePost(said=refused.said, member_id=refused.member_id, reply_to=reply_to)
        await self._post(place, post, "refused")

    async def _tell_once(self, place: _Place, message: MessageArrived) -> None:
        """Whoever nobody knows is told once in a topic how to be known."""
        post = NoticePost(said=Said.WHO_ARE_YOU, reply_to=message.id)
        await self._post(place, post, f"stranger/{message.sender.id}", once=True)

    async def _post(self, place: _Place, post: Post, what: str, *, once: bool = False) -> None:
        key = f"desk/{place.desk.id}/{place.conversation if once else place.key}/{what}"
        async with self._database.tenant(self._tenant) as tx:
            await desk_posts.enter(tx, self._account, place.desk.id, [NewPost(key, post, place.conversation)])
        self._pokes.poke(self._tenant, self._account, Lane.OUT)


def _for_customers(opened: Opened) -> bool:
    return getattr(opened.settings, "customers", True) is True


def _by_chat(found: list[Desk]) -> Mapping[str, Desk]:
    return {desk.chat_id: desk for desk in found if desk.chat_id is not None}


def _draft(account: UUID, chat: str, message: str) -> UUID:
    """The same for the same message, however often it is read."""
    return uuid5(account, f"{chat}/{message}")
