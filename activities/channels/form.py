"""A form with a stored file in it, written while the file is read: a large one never lies in memory."""

import re
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from activities.channels.port import RefusedError
from models.contracts.channels import Media

MIME = re.compile(r"[\w.+-]+/[\w.+-]+(; ?[\w-]+=[\w.+-]+)*", re.ASCII)
# As browsers write names into a form: nothing ends the quotes or the line.
ESCAPES = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


@dataclass(frozen=True, slots=True)
class Form:
    headers: dict[str, str]
    content: AsyncIterator[bytes]


def form(fields: Mapping[str, str], name: str, media: Media, chunks: AsyncIterator[bytes]) -> Form:
    """multipart/form-data of `fields` and a file under `name`. `content` raises RefusedError when the file is not as
    long as `media` says."""
    boundary = secrets.token_hex(16)
    lines = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
        for field, value in fields.items()
    ]
    mime = media.mime if MIME.fullmatch(media.mime) else "application/octet-stream"
    lines.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{media.name.translate(ESCAPES)}"\r\n'
        f"Content-Type: {mime}\r\n\r\n"
    )
    head, tail = "".join(lines).encode(), f"\r\n--{boundary}--\r\n".encode()

    async def content() -> AsyncIterator[bytes]:
        yield head
        left = media.size
        async for chunk in chunks:
            left -= len(chunk)
            if left < 0:
                break
            yield chunk
        if left:
            raise RefusedError("file_changed")
        yield tail

    return Form(
        {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(head) + media.size + len(tail)),
        },
        content(),
    )
