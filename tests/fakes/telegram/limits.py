"""Telegram's limits, kept to the letter: no bursts are forgiven."""

import math
from collections import defaultdict, deque
from dataclasses import dataclass, field


@dataclass
class Limits:
    """How many messages may be sent: by a bot and into a chat within any second, into a group within any minute.

    `refused` counts what came too early. What was refused does not count against the limits.
    """

    bot_per_second: int = 30
    chat_per_second: int = 1
    group_per_minute: int = 20
    second: float = 1.0
    minute: float = 60.0
    refused: int = 0
    _sent: dict[object, deque[float]] = field(default_factory=lambda: defaultdict(deque))

    def take(self, bot: int, chat: int, group: bool, at: float, messages: int = 1) -> int | None:
        """Count messages that are sent at this time (monotonic seconds); else after how many seconds they may be."""
        windows = [
            (bot, self.bot_per_second, self.second),
            ((bot, chat), max(self.chat_per_second, messages), self.second),
            *([((bot, chat, "minute"), self.group_per_minute, self.minute)] if group else []),
        ]
        waits = [self._wait(key, limit - messages, span, at) for key, limit, span in windows]
        if max(waits) > 0:
            self.refused += 1
            return math.ceil(max(waits))
        for key, _, _ in windows:
            self._sent[key].extend([at] * messages)
        return None

    def _wait(self, key: object, room: int, span: float, at: float) -> float:
        """Seconds until no more than `room` messages lie within the span before."""
        sent = self._sent[key]
        while sent and sent[0] <= at - span:
            sent.popleft()
        return sent[len(sent) - room - 1] + span - at if len(sent) > room else 0.0
