"""Our texts on their way to a channel: Markdown is read, written as the channel renders it, and cut to its limit. Pure."""

from activities.channels.text.cutting import parts

__all__ = ["parts"]
