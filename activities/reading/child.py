"""The process that reads one file: an order and the file's bytes come in, one JSON answer goes out.

The order is a line of JSON, `{"asks", "name", "limits"}`, where `asks` is `text`, `page` or `sitemap` (the last two for
links); the answer `{"reading"}`, `{"links"}` or `{"reason", "message", "cause"?}`.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from activities.reading.confinement import confine
from activities.reading.port import Limits, Reason, UnreadableError


def main() -> None:
    """Read the file on standard input and exit."""
    order = json.loads(sys.stdin.buffer.readline())
    limits = Limits(**order["limits"])
    confine(limits.memory_bytes, limits.seconds)
    said = answer_to(sys.stdin.buffer.read(), order["asks"], order["name"], limits)
    answer = json.dumps(said, ensure_ascii=False)
    sys.stdout.buffer.write(answer.encode("utf-8", errors="replace"))
    sys.stdout.flush()


def answer_to(data: bytes, asks: str, name: str, limits: Limits) -> dict[str, Any]:
    """What there is to say of the file. Nothing is raised: whatever a parser stumbles over, the file is to blame."""
    from activities.reading.kinds import read, read_links  # noqa: PLC0415 -- after the limits: it counts against them

    try:
        if asks != "text":
            return {"links": asdict(read_links(data, name, sitemap=asks == "sitemap"))}
        return {"reading": asdict(read(data, name, limits))}
    except UnreadableError as error:
        return {"reason": error.reason, "message": str(error)}
    except MemoryError:
        return {"reason": Reason.OUT_OF_MEMORY, "message": "Reading the file takes more memory than it may. Split it."}
    except Exception as error:  # noqa: BLE001 -- parsers raise anything
        return {
            "reason": Reason.DAMAGED,
            "message": "The file is damaged. Open it in the program that it was made with and save it anew.",
            "cause": _where(error),
        }


def _where(error: Exception) -> str:
    """The kind of an error and the line of ours that met it; its message may quote the file."""
    trace, line = error.__traceback__, ""
    while trace is not None:
        path = Path(trace.tb_frame.f_code.co_filename)
        if "reading" in path.parts:
            line = f"{path.name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__} at {line}"
