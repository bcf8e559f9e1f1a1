"""The commands that say who is who: `/link CODE` makes a group a desk's, `/me CODE` makes a person a member. In private
there is only a person to be linked: there `/link` is as good, and so is `/start`, which links to bots bring with them."""

import re
from uuid import UUID

from activities.channels.accounts import Opened
from activities.channels.port import Forums
from activities.desk import condition
from models.contracts.audit import AuditAction
from models.contracts.channels import ChatKind, MessageArrived
from models.contracts.desk import CardPost, NoticePost, Said
from models.contracts.lanes import Lane
from models.pokes import Pokes
from models.repositories import audit, desk_feed, desk_posts, desks
from models.repositories.desk_posts import NewPost
from models.repositories.desks import TakenError
from runtime.database import Database

_COMMAND = re.compile(r"/(link|me|start)(?:@\w+)?\s+(\S+)\s*")


def is_command(message: MessageArrived, *, customers: bool) -> bool:
    """`customers`: they write to the bot, too. What they bring with `/start` is theirs."""
    command = _COMMAND.fullmatch(message.text)
    return command is not None and not (command[1] == "start" and customers)


class Linking:
    """Holds what the commands need."""

    def __init__(self, database: Database, pokes: Pokes) -> None:
        self._database = database
        self._pokes = pokes

    async def obey(self, tenant: UUID, opened: Opened, message: MessageArrived, key: str) -> None:
        """Do what a command says, and answer it. `key` names its delivery: repeated, it is answered once."""
        command = _COMMAND.fullmatch(message.text)
        assert command is not None, "see is_command"
        account = opened.owner.account
        if command[1] == "me" or message.chat.kind is ChatKind.PRIVATE:
            async with self._database.tenant(tenant) as tx:
                who = await desks.link_person(tx, command[2], message.sender.id)
                said = (
                    _answer(message, Said.WRONG_CODE)
                    if who is None
                    else _answer(message, Said.LINKED_YOU, who.member_id)
                )
                await desk_posts.enter(tx, account, None, [NewPost(f"desk/{key}", said, None)])
        else:
            await self._link(tenant, opened, message, command[2], key)
        self._pokes.poke(tenant, account, Lane.OUT)

    async def _link(self, tenant: UUID, opened: Opened, message: MessageArrived, code: str, key: str) -> None:
        account = opened.owner.account
        assert isinstance(opened.channel, Forums), "others have no desks"
        health = await opened.channel.check_desk(message.chat)
        async with self._database.tenant(tenant) as tx:
            try:
                desk = await desks.link(tx, account, code, message.chat.id)
            except TakenError:
                desk = None
            if desk is None:
                said = _answer(message, Said.WRONG_CODE)
                await desk_posts.enter(tx, account, None, [NewPost(f"desk/{key}", said, None)])
                return
            await audit.record(tx, audit.SYSTEM, AuditAction.DESK_LINKED, desk)
            await desk_posts.enter(tx, account, desk, [NewPost(f"desk/{key}", _answer(message, Said.LINKED), None)])
            await condition.note(tx, account, desk, message.chat.id, health)
            # What could not be posted so far, maybe into another group, can be here; who waits already gets a topic, too.
            await desk_posts.release(tx, desk)
            waiting = await desk_feed.awaited(tx, desk)
            cards = [NewPost(f"desk/{key}/{each}", CardPost(), each) for each in waiting]
            await desk_posts.enter(tx, account, desk, cards)
        self._pokes.poke(tenant, account, Lane.DESK)


def _answer(message: MessageArrived, said: Said, member: UUID | None = None) -> NoticePost:
    private = message.chat.kind is ChatKind.PRIVATE
    return NoticePost(said=said, member_id=member, chat=message.chat.id, private=private, reply_to=message.id)
