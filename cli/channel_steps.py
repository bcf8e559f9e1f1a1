"""What is to be done after a channel account was added: the rest is at the provider's, where nobody but its owner can."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

NOT_PUBLIC = (
    "No provider can reach this address: it must be https, and lead here from the internet. Set MAINSTAY_PUBLIC_URL to "
    "one that does (a reverse proxy, or a tunnel), start the system again, and use that."
)


def steps(account: dict[str, Any]) -> Iterator[str]:
    """Sentences for whoever has just added the account, as the API gives it."""
    name, url = account["name"], account["webhook_url"]
    if account["health_code"] == "webhook_set":
        yield f"To end the other program's use of it: mainstay channels check {name} --take-over"
    elif account["health"] in ("away", "dead"):
        yield f"When that is mended: mainstay channels check {name}"
    match account["provider"]:
        case "telegram":
            if account["health"] == "ok":
                yield f"Write to it: {place(account)}"
            yield (
                f"Telegram delivers to {url}" if url else "Telegram is asked for messages: no public address is needed."
            )
        case "whatsapp_cloud":
            yield f"At developers.facebook.com, in your app, WhatsApp > Configuration, set the callback URL to {url}"
            yield "with the verify token that you gave here, and subscribe to the field `messages`."
        case "chatflow":
            yield f"In ChatFlow's dashboard, set the webhook to {url}?key={account['webhook_secret']}"
        case "email" if url:
            yield f"Have your mail provider post what arrives to {url}"
            yield f"signed (Standard Webhooks) with {account['webhook_secret']}"
        case "web":
            yield "Put this at the end of your pages, with the public address of this system:"
            yield f'<script src="https://…/widget/v1/widget.js" data-account="{account["id"]}" async></script>'
            yield f"Who is signed in on them can be told with the secret {account['webhook_secret']} (shown this once)."
        case _:
            pass
    if url and not is_public(url):
        yield NOT_PUBLIC


def place(account: dict[str, Any]) -> str:
    """Where a customer writes to the account."""
    settings = account["settings"]
    match account["provider"]:
        case "telegram":
            return f"https://t.me/{settings['username']}"
        case "email":
            return str(settings["address"])
        case "whatsapp_cloud" | "chatflow":
            return "its WhatsApp number"
        case "web":
            return "the widget on your site"
        case _:
            return str(account["webhook_path"])


def is_public(url: str) -> bool:
    """Whether a provider may be able to deliver there."""
    parts = urlsplit(url)
    return parts.scheme == "https" and parts.hostname not in ("localhost", "127.0.0.1", "::1")
