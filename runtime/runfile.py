"""`run.json`: how other commands find the running system."""

from datetime import datetime

from pydantic import BaseModel, ValidationError

from runtime.home import Home, write_private


class RunFile(BaseModel):
    """Addresses (with passwords: the file is private) and process ids of a running system."""

    pid: int
    started_at: datetime
    api_url: str
    database_url: str
    admin_database_url: str | None
    temporal_address: str
    temporal_namespace: str
    temporal_ui_url: str | None
    processes: dict[str, int]

    def write(self, home: Home) -> None:
        write_private(home.run_file, self.model_dump_json(indent=2))


def find(home: Home) -> RunFile | None:
    """The system that runs in `home`, or None. A file left by a killed one does not count: nobody holds the lock."""
    if not home.in_use():
        return None
    try:
        return RunFile.model_validate_json(home.run_file.read_text())
    except (FileNotFoundError, ValidationError):
        return None  # still starting
