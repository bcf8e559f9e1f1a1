"""The data directory: what lies where, who may read it, and that one system at a time uses it."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from runtime.errors import OperatorError

# A reader that looks whether the lock is held holds it for an instant itself.
LOCK_PATIENCE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Home:
    """Paths below the data directory. Only its owner can list or read it."""

    root: Path

    @classmethod
    def at(cls, path: Path) -> "Home":
        """The layout below `path`, without touching the disk."""
        return cls(path.expanduser().resolve())

    @classmethod
    def create(cls, path: Path) -> "Home":
        """The layout below `path`, made where missing. Raises OperatorError when that is impossible."""
        home = cls.at(path)
        try:
            home.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Under root Postgres runs as somebody else, who must pass through to its own folder (not list this one).
            home.root.chmod(0o711 if os.geteuid() == 0 else 0o700)
            home.logs.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise OperatorError(
                f"{home.root} cannot be used as data directory ({error.strerror}): choose one with --data-dir"
            ) from None
        return home

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def temporal_db(self) -> Path:
        return self.root / "temporal.db"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def mail(self) -> Path:
        """Where mail is written to when no server is set."""
        return self.root / "mail"

    @property
    def media(self) -> Path:
        """Customers' and managers' files, where no bucket is set."""
        return self.root / "media"

    @property
    def credentials(self) -> Path:
        return self.root / "credentials.json"

    @property
    def root_keys(self) -> Path:
        return self.root / "root_keys"

    @property
    def ports(self) -> Path:
        return self.root / "ports.json"

    @property
    def run_file(self) -> Path:
        return self.root / "run.json"

    @property
    def _lock_file(self) -> Path:
        return self.root / "lock"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the directory until the block ends; the kernel lets go of it when the process dies.

        Raises OperatorError naming the process that holds it already.
        """
        with self._lock_file.open("a+") as file:
            if not _acquire(file):
                file.seek(0)
                raise OperatorError(
                    f"{self.root} is in use by process {file.read().strip() or '?'}: "
                    "stop that one, or choose another folder with --data-dir"
                )
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            # Whoever left it behind is dead: we hold the lock.
            self.run_file.unlink(missing_ok=True)
            yield

    def in_use(self) -> bool:
        """Whether a living process holds the directory."""
        try:
            with self._lock_file.open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False


def _acquire(file: IO[str]) -> bool:
    deadline = time.monotonic() + LOCK_PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        else:
            return True


def write_private(path: Path, text: str) -> None:
    """Replace `path` atomically with a file that only its owner can read."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
