"""Mail as files in a folder: for one machine, tests, and whoever has no mail server yet."""

import asyncio
import os
from email.message import EmailMessage
from pathlib import Path

from activities.mail.port import MailNotSentError


class FolderMailer:
    """Writes each mail as `<Message-ID>.eml`, which mail programs open. Only the folder's owner can read it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, message: EmailMessage) -> None:
        """See port.Mailer."""
        try:
            await asyncio.to_thread(self._write, message)
        except OSError as error:
            raise MailNotSentError(type(error).__name__) from None

    def _write(self, message: EmailMessage) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / f"{str(message['Message-ID']).strip('<>').partition('@')[0]}.eml"
        draft = path.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(message.as_bytes())
        draft.replace(path)
