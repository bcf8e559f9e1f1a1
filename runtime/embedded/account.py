"""The unprivileged identity of Postgres when Mainstay runs as root: Postgres refuses root.

No system user is made and no directory above the data is opened up. The child gets a uid that owns nothing, and
one capability only if it could not reach its own files otherwise (a clone below /root).
"""

import os
from dataclasses import dataclass
from pathlib import Path

from runtime.errors import OperatorError

NOBODY = 65534

# Bits of CapEff in /proc/self/status (linux/capability.h).
CAPABILITIES = {"chown": 0, "dac_override": 1, "dac_read_search": 2, "setgid": 6, "setuid": 7}

ADVICE = "run as an ordinary user, or set MAINSTAY_DATABASE_URL to a Postgres of your own"


@dataclass(frozen=True, slots=True)
class Account:
    """Who a child runs as; `capability` lets it pass directories that are closed to others."""

    uid: int
    gid: int
    capability: str | None = None


def account_for(data: Path, executable: Path) -> Account | None:
    """Who may run `executable` over `data`; None: whoever we are. Raises OperatorError if root lacks the rights."""
    owner = data.stat() if data.exists() else None
    if os.geteuid() != 0:
        if owner is not None and owner.st_uid != os.geteuid():
            raise OperatorError(
                f"{data} belongs to uid {owner.st_uid}: run as the user who made it, or choose another --data-dir"
            )
        return None
    if missing := {"chown", "setgid", "setuid"} - _held():
        raise OperatorError(f"root lacks the capabilities {', '.join(sorted(missing))} to start Postgres: {ADVICE}")
    if owner is not None and owner.st_uid != 0:
        return Account(owner.st_uid, owner.st_gid, _capability_for(data, executable))
    return Account(NOBODY, NOBODY, _capability_for(data, executable))


def _capability_for(data: Path, executable: Path) -> str | None:
    if executable.stat().st_mode & 0o005 != 0o005:
        sufficient = ["dac_override"]  # installed under a strict umask: reading is not enough, it must run
    elif all(folder.stat().st_mode & 0o001 for path in (data, executable) for folder in path.parents):
        return None
    else:
        sufficient = ["dac_read_search", "dac_override"]
    for capability in sufficient:
        if capability in _held():
            return capability
    raise OperatorError(
        f"Postgres must not run as root, and nobody else can reach {data} or {executable}: "
        f"put them where others may pass (chmod o+x), or {ADVICE}"
    )


def _held() -> set[str]:
    """Capabilities of this process; all of them where the kernel has no such notion."""
    try:
        status = Path("/proc/self/status").read_text()
    except FileNotFoundError:
        return set(CAPABILITIES)
    bits = int(next(line for line in status.splitlines() if line.startswith("CapEff")).split()[1], 16)
    return {name for name, bit in CAPABILITIES.items() if bits >> bit & 1}
