"""A file on its way through a fake."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Upload:
    """A file that somebody sends. `size` is what the provider tells of it, where that is not its length."""

    data: bytes
    name: str = "file"
    mime: str = "application/octet-stream"
    size: int | None = None

    @property
    def told_size(self) -> int:
        return len(self.data) if self.size is None else self.size
