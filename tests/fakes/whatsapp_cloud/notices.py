"""What Meta posts to webhooks: messages of customers and what became of ours, signed with the app's secret."""

import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence

from tests.fakes.faults import Json
from tests.fakes.upload import Upload


def signature(secret: str, body: bytes) -> Mapping[str, str]:
    return {"X-Hub-Signature-256": f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"}


def notice(account: str, number: Mapping[str, str], content: Json) -> Json:
    """One change of a number: messages with their contacts, or statuses."""
    value = {"messaging_product": "whatsapp", "metadata": dict(number), **content}
    entry = {"id": account, "changes": [{"value": value, "field": "messages"}]}
    return {"object": "whatsapp_business_account", "entry": [entry]}


def batch(notices: Sequence[Json]) -> Json:
    """Several in one delivery, as Meta sends them when it has many."""
    changes = [change for one in notices for entry in one["entry"] for change in entry["changes"]]
    entry = {"id": notices[0]["entry"][0]["id"], "changes": changes}
    return {"object": "whatsapp_business_account", "entry": [entry]}


def file_of(kind: str, upload: Upload, media_id: str, caption: str) -> tuple[str, Json]:
    """What a message tells of a file, and under which name: a voice note is audio."""
    told: Json = {"mime_type": upload.mime, "sha256": hashlib.sha256(upload.data).hexdigest(), "id": media_id}
    if kind in ("voice", "audio"):
        return "audio", told | {"voice": kind == "voice"}
    if kind == "sticker":
        return kind, told | {"animated": False}
    named = {"filename": upload.name} if kind == "document" else {}
    return kind, told | named | ({"caption": caption} if caption else {})


TITLES = {
    131_026: "Message undeliverable",
    131_047: "Re-engagement message",
    131_051: "Message type unknown",
    131_053: "Media upload error",
    131_000: "Something went wrong",
}


def errors(code: int) -> list[Json]:
    title = TITLES.get(code, TITLES[131_000])
    return [{"code": code, "title": title, "message": title, "type": title, "error_data": {"details": title}}]


def status(message_id: str, recipient: str, became: str, code: int | None = None) -> Json:
    told: Json = {"id": message_id, "status": became, "timestamp": str(int(time.time())), "recipient_id": recipient}
    if became == "failed":
        return {"statuses": [told | {"errors": errors(code or 131_000)}]}
    conversation = {"id": f"c{recipient}", "origin": {"type": "service"}}
    pricing = {"billable": False, "pricing_model": "PMP", "category": "service"}
    return {"statuses": [told | {"conversation": conversation, "pricing": pricing}]}
