"""The second factor at sign-in: codes of an authenticator app (RFC 6238), or recovery codes, each good for one use."""

import hashlib
import secrets
import time
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

import pyotp
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from models.repositories.vault import Vault
from models.tables import members, recovery_codes, second_factors, tenants
from runtime.database import TenantTx

STEP_SECONDS = 30
DIGITS = 6
DRIFT_STEPS = 1
"""How far the clock of an app may be off."""

WRONG_CODES = 20
WRONG_PERIOD = timedelta(hours=1)
"""So many wrong codes in this time, and the app's codes are refused until it is over. Recovery codes are not: nobody
guesses one, and whoever tries codes to keep the right person out keeps nobody out."""

RECOVERY_CODES = 10
# Without letters and digits that look alike.
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
GROUPS, GROUP_LENGTH = 7, 4


class Factor(StrEnum):
    APP = "app"
    RECOVERY_CODE = "recovery_code"


class PresentError(Exception):
    """The member has a second factor already."""


@dataclass(frozen=True, slots=True)
class Begun:
    """What an authenticator app is told, once: the key in base32, and the same as a URI for a QR code."""

    secret: str
    uri: str

    def __repr__(self) -> str:
        return "Begun(…)"


async def required(tx: TenantTx, member_id: UUID) -> bool:
    """Whether a code is asked for when the member signs in."""
    found = await tx.connection.scalar(sa.select(sa.exists().where(*_of(tx, member_id), _confirmed())))
    return bool(found)


async def check(tx: TenantTx, vault: Vault, member_id: UUID, code: str) -> Factor | None:
    """Use a code up; what it was of, None when it was not good. Commit whatever the answer: wrong codes are counted.

    Of several transactions with the same code one gets a factor, for the row is locked until each ends; lock the member
    and their credentials before, if at all. Raises SealedError when the app's key cannot be opened.
    """
    row = (
        await tx.connection.execute(
            sa.select(
                second_factors.c.sealed,
                second_factors.c.last_step,
                sa.and_(
                    second_factors.c.wrong_codes >= WRONG_CODES,
                    second_factors.c.wrong_since > sa.func.now() - WRONG_PERIOD,
                ).label("exhausted"),
            )
            .where(*_of(tx, member_id), _confirmed())
            .with_for_update()
        )
    ).one_or_none()
    if row is None:
        return None
    given = _plain(code)
    if len(given) == GROUPS * GROUP_LENGTH:
        return Factor.RECOVERY_CODE if await _use_recovery_code(tx, member_id, given) else None
    step = None
    if not row.exhausted:
        key = (await vault.open(tx, row.sealed, context=_place(member_id))).decode()
        step = matching_step(key, given, after=row.last_step)
    if step is None:
        await _count_wrong_code(tx, member_id)
        return None
    await _change(tx, member_id, last_step=step, wrong_codes=0, wrong_since=None)
    return Factor.APP


async def begin(tx: TenantTx, vault: Vault, member_id: UUID) -> Begun:
    """A new key for the member's app, good for nothing until it is confirmed. Raises PresentError."""
    key = pyotp.random_base32()
    sealed = await vault.seal(tx, key.encode(), context=_place(member_id))
    statement = insert(second_factors).values(tenant_id=tx.tenant_id, member_id=member_id, sealed=sealed)
    stored = await tx.connection.scalar(
        statement.on_conflict_do_update(
            index_elements=[second_factors.c.tenant_id, second_factors.c.member_id],
            set_={"sealed": sealed, "last_step": None, "updated_at": sa.func.now()},
            where=second_factors.c.confirmed_at.is_(None),
        ).returning(second_factors.c.member_id)
    )
    if stored is None:
        raise PresentError
    who = (
        await tx.connection.execute(
            sa.select(sa.func.coalesce(members.c.email, members.c.name).label("member"), tenants.c.name.label("tenant"))
            .join(tenants, tenants.c.id == members.c.tenant_id)
            .where(members.c.tenant_id == tx.tenant_id, members.c.id == member_id)
        )
    ).one()
    # A colon separates issuer and name.
    issuer = who.tenant.replace(":", " ")
    return Begun(key, _totp(key).provisioning_uri(name=who.member, issuer_name=issuer))


async def confirm(tx: TenantTx, vault: Vault, member_id: UUID, code: str) -> list[str] | None:
    """Ask for codes from now on, if `code` is one of the key that was begun. Returns recovery codes, this once.

    None: the code is wrong, or nothing was begun. Raises PresentError, and SealedError like `check`.
    """
    row = (
        await tx.connection.execute(
            sa.select(second_factors.c.sealed, second_factors.c.confirmed_at)
            .where(*_of(tx, member_id))
            .with_for_update()
        )
    ).one_or_none()
    if row is None:
        return None
    if row.confirmed_at is not None:
        raise PresentError
    key = (await vault.open(tx, row.sealed, context=_place(member_id))).decode()
    step = matching_step(key, _plain(code), after=None)
    if step is None:
        return None
    await _change(tx, member_id, confirmed_at=sa.func.now(), last_step=step)
    return await renew_recovery_codes(tx, member_id)


async def renew_recovery_codes(tx: TenantTx, member_id: UUID) -> list[str]:
    """New recovery codes in place of all that were there. They can be read this once: only hashes are kept."""
    ours = (recovery_codes.c.tenant_id == tx.tenant_id, recovery_codes.c.member_id == member_id)
    await tx.connection.execute(sa.delete(recovery_codes).where(*ours))
    codes = [_new_recovery_code() for _ in range(RECOVERY_CODES)]
    await tx.connection.execute(
        sa.insert(recovery_codes),
        [{"tenant_id": tx.tenant_id, "member_id": member_id, "hash": _hash(_plain(code))} for code in codes],
    )
    return codes


async def remove(tx: TenantTx, member_id: UUID) -> bool:
    """Ask for no codes any more. False when there was nothing, not even begun."""
    removed = await tx.connection.execute(sa.delete(second_factors).where(*_of(tx, member_id)))
    return removed.rowcount > 0


def matching_step(key: str, code: str, *, after: int | None) -> int | None:
    """The half minute whose code this is: now's, or one beside it. None when none is, or it is not after `after`."""
    if len(code) != DIGITS or not (code.isascii() and code.isdigit()):
        return None
    now = int(time.time()) // STEP_SECONDS
    for step in range(now - DRIFT_STEPS, now + DRIFT_STEPS + 1):
        if (after is None or step > after) and secrets.compare_digest(_totp(key).generate_otp(step), code):
            return step
    return None


async def _use_recovery_code(tx: TenantTx, member_id: UUID, plain: str) -> bool:
    used = await tx.connection.execute(
        sa.delete(recovery_codes).where(
            recovery_codes.c.tenant_id == tx.tenant_id,
            recovery_codes.c.member_id == member_id,
            recovery_codes.c.hash == _hash(plain),
        )
    )
    return used.rowcount > 0


async def _count_wrong_code(tx: TenantTx, member_id: UUID) -> None:
    since = second_factors.c.wrong_since
    anew = sa.or_(since.is_(None), since <= sa.func.now() - WRONG_PERIOD)
    await _change(
        tx,
        member_id,
        wrong_codes=sa.case((anew, 1), else_=second_factors.c.wrong_codes + 1),
        wrong_since=sa.case((anew, sa.func.now()), else_=since),
    )


async def _change(tx: TenantTx, member_id: UUID, **values: object) -> None:
    await tx.connection.execute(sa.update(second_factors).where(*_of(tx, member_id)).values(**values))


def _of(tx: TenantTx, member_id: UUID) -> tuple[sa.ColumnElement[bool], ...]:
    return second_factors.c.tenant_id == tx.tenant_id, second_factors.c.member_id == member_id


def _confirmed() -> sa.ColumnElement[bool]:
    return second_factors.c.confirmed_at.is_not(None)


def _totp(key: str) -> pyotp.TOTP:
    return pyotp.TOTP(key, digits=DIGITS, interval=STEP_SECONDS)


def _place(member_id: UUID) -> str:
    return f"totp/{member_id}"


def _plain(code: str) -> str:
    """As it is compared, however it was typed."""
    return "".join(code.split()).replace("-", "").upper()


def _new_recovery_code() -> str:
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(GROUP_LENGTH)) for _ in range(GROUPS))


def _hash(plain: str) -> bytes:
    return hashlib.sha256(plain.encode()).digest()
