"""Asks every endpoint for a word, with every key, for an operator who wants to know whether they answer."""

import asyncio
from contextlib import aclosing

from activities.generation.port import ChatModel, Message
from activities.provider.errors import OverlongReplyError, ProviderError
from activities.routes.build import Routes

SECONDS = 15.0
MESSAGES = (Message("user", "Reply with the word yes."),)


async def answers(routes: Routes) -> dict[str, list[str]]:
    """By endpoint: what is wrong with each key that got no answer."""
    endpoints = routes.endpoints
    found = await asyncio.gather(
        *(_failure(chat, number) for each in endpoints for number, chat in enumerate(each.chats, start=1))
    )
    names = [each.name for each in endpoints for _ in each.chats]
    wrong: dict[str, list[str]] = {}
    for name, failure in zip(names, found, strict=True):
        if failure is not None:
            wrong.setdefault(name, []).append(failure)
    return wrong


async def _failure(chat: ChatModel, key: int) -> str | None:
    try:
        async with aclosing(chat.stream(MESSAGES, max_tokens=16, deadline_seconds=SECONDS)) as pieces:
            async for _ in pieces:
                pass
    except OverlongReplyError:
        return None  # it answers, and at length
    except ProviderError as error:
        return f"key {key}: {error}"
    return None
