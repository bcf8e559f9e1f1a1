"""Which way mail goes."""

from pathlib import Path

from activities.mail.folder import FolderMailer
from activities.mail.port import Mailer
from activities.mail.smtp import SmtpMailer


def mailer_for(url: str | None, folder: Path) -> Mailer:
    """Through the server at `url`; without one, as files into `folder`."""
    return FolderMailer(folder) if url is None else SmtpMailer.at(url)
