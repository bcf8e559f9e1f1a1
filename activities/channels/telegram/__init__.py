"""Bots of Telegram by its Bot API (https://core.telegram.org/bots/api)."""
