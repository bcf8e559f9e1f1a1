"""How a desk's group is: written down for those who look, and told to people when it stops taking posts."""

from datetime import UTC, datetime
from uuid import UUID

from models.contracts.channels import Health, HealthState
from models.contracts.desk import NoticePost, Said
from models.repositories import desk_posts, desks
from models.repositories.desk_posts import NewPost
from runtime.database import TenantTx

_LACKS = {"no_forum": Said.NO_FORUM, "no_rights": Said.NO_RIGHTS}
"""What the group itself can still be told, outside of topics."""


async def note(tx: TenantTx, account: UUID, desk: UUID, chat: str, health: Health) -> None:
    """Write down what was seen of a desk's group. When it is news that nothing can be posted there, the group is told where
    that is possible, and the owners in private: once in an hour, for what needs fewer rights may go in between."""
    news = await desks.set_health(tx, desk, health)
    if not news or health.state is not HealthState.DEAD:
        return
    key = f"desk/{desk}/{health.code}/{datetime.now(UTC):%Y-%m-%dT%H}"
    told = [NewPost(key, NoticePost(said=said, chat=chat), None) for said in _lacks(health)]
    for person, _ in await desks.owners(tx):
        stopped = NoticePost(said=Said.STOPPED, code=health.code, about=desk, chat=person, private=True)
        told.append(NewPost(f"{key}/{person}", stopped, None))
    # Beside the desk's own line, in which everything waits.
    await desk_posts.enter(tx, account, None, told)


def _lacks(health: Health) -> list[Said]:
    return [_LACKS[health.code]] if health.code in _LACKS else []
