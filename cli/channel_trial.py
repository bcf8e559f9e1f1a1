"""`mainstay channels test`: one message, followed from the provider to its answer."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from cli.http import Api

LOOK_SECONDS = 1.0
ARRIVED = ("sent", "delivered", "read")
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Trial:
    """Follows what comes to the account at `path` of the API. Each step waits for up to `seconds`."""

    api: "Api"
    path: str
    seconds: int

    def heard(self) -> dict[str, Any] | None:
        """The last message to the account so far, as the API gives it."""
        found: dict[str, Any] | None = self.api.get(self.path)["last_heard"]
        return found

    def next_heard(self, before: dict[str, Any] | None) -> dict[str, Any] | None:
        """The next message after that one; None: nothing came."""

        def look() -> dict[str, Any] | None:
            heard = self.heard()
            return None if heard == before else heard

        return self._until(look)

    def has_person(self, heard: dict[str, Any]) -> bool:
        """Whether a person was asked to answer there, so that nothing needs to be answered by itself."""
        return self._state(heard) in ("pending", "manager_active")

    def answer(self, heard: dict[str, Any]) -> dict[str, Any] | None:
        """The message that followed it, when its provider has taken or refused it; None: none was sent.

        Not waited for where a person answers.
        """

        def look() -> dict[str, Any] | None:
            messages = self.api.pages(f"/v1/conversations/{heard['conversation_id']}/messages")
            later = [each for each in _behind(heard["message_id"], messages) if each["author"] != "customer"]
            return next((each for each in later if _is_over(each["delivery"])), None)

        return None if self._state(heard) == "manager_active" else self._until(look)

    def _state(self, heard: dict[str, Any]) -> str:
        return str(self.api.get(f"/v1/conversations/{heard['conversation_id']}")["state"])

    def _until(self, look: Callable[[], Found | None]) -> Found | None:
        deadline = time.monotonic() + self.seconds
        while (found := look()) is None and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
        return found


def _behind(message: str, messages: Any) -> list[dict[str, Any]]:
    found = list(messages)
    place = next(place for place, each in enumerate(found) if each["id"] == message)
    return found[place + 1 :]


def _is_over(delivery: dict[str, Any] | None) -> bool:
    """No provider carries what a widget's visitor reads here."""
    return delivery is None or delivery["status"] in (*ARRIVED, "failed", "unknown")
