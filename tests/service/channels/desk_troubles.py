"""What can go wrong with a desk's group, and what puts it right."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from tests.fakes.telegram import Membership
from tests.service.channels.desk import MAY, Desk


@dataclass(frozen=True)
class Trouble:
    """What somebody does to a group, what is reported of it, what the group itself can be told, and what puts it right;
    `heard`: bots are told of that, and need not find it out."""

    code: str
    advice: str
    told: str | None
    breaks: Callable[[Desk], Awaitable[None]]
    heals: Callable[[Desk], Awaitable[None]]
    heard: bool = True


def standing(membership: Membership) -> Callable[[Desk], Awaitable[None]]:
    async def becomes(desk: Desk) -> None:
        desk.telegram.joins(desk.bot, desk.group, desk.people["owner"], membership)

    return becomes


def topics(*, on: bool) -> Callable[[Desk], Awaitable[None]]:
    async def switched(desk: Desk) -> None:
        desk.telegram.switches_topics(desk.group, on=on)

    return switched


async def closed_to(desk: Desk) -> None:
    """Somebody closes a topic, and the bot may not open it."""
    await standing(Membership("administrator"))(desk)
    for topic in desk.group.topics:
        desk.telegram.closes_topic(desk.group, desk.people["owner"], topic)


async def deletes_group(desk: Desk) -> None:
    desk.group.deleted = True


async def moves(desk: Desk) -> None:
    """A group that is gone never comes back: another one becomes the desk."""
    desk.group = desk.telegram.group("Desk", forum=True)
    await standing(MAY)(desk)
    made = (await desk.shop.post(f"/v1/desks/{desk.id}/link", {})).json()
    desk.telegram.says(desk.group, desk.people["owner"], made["link"]["command"])


async def becomes_a_forum(desk: Desk) -> None:
    """Groups without topics become supergroups when they get some."""
    desk.group = desk.telegram.migrates(desk.group, desk.people["owner"], forum=True)


TROUBLES = {
    "may not manage topics": Trouble(
        "no_rights", "Manage topics", "make me an administrator", standing(Membership("member")), standing(MAY)
    ),
    "closed topic": Trouble("no_rights", "Manage topics", "make me an administrator", closed_to, standing(MAY)),
    "may not write": Trouble(
        "no_rights", "Manage topics", None, standing(replace(MAY, muted=True, manages_topics=False)), standing(MAY)
    ),
    "removed": Trouble("removed", "add it again", None, standing(Membership("kicked")), standing(MAY)),
    "group deleted": Trouble("removed", "link another group", None, deletes_group, moves),
    "topics switched off": Trouble(
        "no_forum", "no topics", "switch them on", topics(on=False), topics(on=True), heard=False
    ),
    "no topics yet": Trouble("no_forum", "no topics", "switch them on", topics(on=False), becomes_a_forum),
}
