"""Whether a bot lives and can do what is needed of it, and what its owner can do where it cannot."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from activities.channels.port import ChannelError, TryLaterError
from activities.channels.telegram.api import Api
from activities.channels.telegram.reading import ALLOWED_UPDATES
from models.contracts.accounts import TelegramSettings
from models.contracts.channels import Health, HealthState

LATELY_SECONDS = 3_600
MANY_UPDATES = 100

REFUSED = "Telegram refuses the token: copy it from @BotFather (/mybots, API Token), and set it anew."
AWAY = "Telegram does not answer; what is to be sent waits. See that this machine reaches api.telegram.org."
FOREIGN_WEBHOOK = (
    "The bot has a webhook, so that Telegram tells us nothing when we ask: another program uses it, or did. "
    "Take the bot over (`take_over` when the account is checked), which ends that, or use another bot."
)
NO_WEBHOOK = "The bot has no webhook, so that nothing is delivered: set the account's delivery anew, or let it poll."
OLD_WEBHOOK = "The webhook does not deliver everything that is needed: set the account's delivery anew."
NO_GROUPS = "The bot cannot be added to groups: @BotFather, /setjoingroups."
PRIVACY = (
    "In groups the bot sees only commands, mentions and answers to it (privacy mode). In a group of managers it must "
    "see everything: make it an administrator there, or switch the mode off (@BotFather, /setprivacy)."
)


def advice(code: str) -> tuple[str, ...]:
    return (FOREIGN_WEBHOOK if code == "webhook_set" else REFUSED,)


async def check(api: Api, settings: TelegramSettings) -> Health:
    try:
        bot, webhook = await api.ask("getMe"), await api.ask("getWebhookInfo")
    except TryLaterError as error:
        return Health(state=HealthState.AWAY, code=error.code, advice=(AWAY,))
    except ChannelError as error:
        return Health(state=HealthState.DEAD, code=error.code, advice=advice(error.code))
    told = (bot if isinstance(bot, dict) else {}), (webhook if isinstance(webhook, dict) else {})
    return _judged(*told, settings)


def _judged(bot: Mapping[str, Any], webhook: Mapping[str, Any], settings: TelegramSettings) -> Health:
    polls, hooked = settings.receive == "poll", bool(webhook.get("url"))
    wrong = {(True, True): "webhook_set", (False, False): "webhook_missing"}.get((polls, hooked))
    username = bot.get("username")
    return Health(
        state=HealthState.OK if wrong is None else HealthState.DEAD,
        code=wrong,
        advice=tuple(_advice(bot, webhook, wrong)),
        external_id=str(bot["id"]) if isinstance(bot.get("id"), int) else None,
        name=f"@{username}" if isinstance(username, str) else None,
    )


def _advice(bot: Mapping[str, Any], webhook: Mapping[str, Any], wrong: str | None) -> Iterator[str]:
    if wrong is not None:
        yield FOREIGN_WEBHOOK if wrong == "webhook_set" else NO_WEBHOOK
    waiting, failed_at = webhook.get("pending_update_count"), webhook.get("last_error_date")
    if isinstance(waiting, int) and waiting >= MANY_UPDATES:
        yield f"{waiting} messages wait at Telegram to be taken."
    if webhook.get("url") and isinstance(failed_at, int) and time.time() - failed_at < LATELY_SECONDS:
        yield f"Telegram could not deliver to the webhook within the last hour. It says: {webhook.get('last_error_message')}"
    kinds = webhook.get("allowed_updates")
    if wrong is None and webhook.get("url") and isinstance(kinds, list) and not set(ALLOWED_UPDATES) <= set(kinds):
        yield OLD_WEBHOOK
    if bot.get("can_join_groups") is False:
        yield NO_GROUPS
    elif bot.get("can_read_all_group_messages") is False:
        yield PRIVACY
