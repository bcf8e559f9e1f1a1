"""Lanes with work that nobody is at, across all tenants: of reconcile."""

from datetime import timedelta

import sqlalchemy as sa

from models.contracts.lanes import Lane, LaneInput
from runtime.database import SystemTx


async def idle(tx: SystemTx, *, after: timedelta, limit: int) -> list[LaneInput]:
    """Lanes in which something has waited for longer than `after`, the longest first."""
    rows = await tx.connection.execute(
        sa.text("SELECT * FROM idle_lanes(:after, :at_most)").bindparams(sa.bindparam("after", type_=sa.Interval())),
        {"after": after, "at_most": limit},
    )
    return [
        LaneInput(tenant_id=row.tenant_id, channel_account_id=row.channel_account_id, lane=Lane(row.lane))
        for row in rows
    ]


async def unfollowed(tx: SystemTx, *, since: timedelta) -> list[LaneInput]:
    """The lanes of accounts with desks for which nobody has read what happens for so long."""
    rows = await tx.connection.execute(
        sa.text("SELECT * FROM unfollowed_desks(:since)").bindparams(sa.bindparam("since", type_=sa.Interval())),
        {"since": since},
    )
    return [
        LaneInput(tenant_id=row.tenant_id, channel_account_id=row.channel_account_id, lane=Lane.DESK) for row in rows
    ]


async def unpolled(tx: SystemTx, *, since: timedelta) -> list[LaneInput]:
    """The lanes of accounts whose providers should be asked for news and have not been for so long."""
    rows = await tx.connection.execute(
        sa.text("SELECT * FROM unpolled_accounts(:since)").bindparams(sa.bindparam("since", type_=sa.Interval())),
        {"since": since},
    )
    return [
        LaneInput(tenant_id=row.tenant_id, channel_account_id=row.channel_account_id, lane=Lane.POLL) for row in rows
    ]
