"""What sends mail, whichever way it goes."""

from email.message import EmailMessage
from typing import Protocol


class MailRefusedError(Exception):
    """The server will never take this mail: the address does not exist, or the mail is not to its taste."""


class MailNotSentError(Exception):
    """The server could not be reached, or asked to try again later. Nothing is known of the mail."""


class Mailer(Protocol):
    """A way for mail to go.

    A new kind of mail to members: add a word to `MailPurpose` (with a migration of the check on `mails.purpose`), its
    texts to activities/mail/texts, and have `models.repositories.mails.request` called where it is wanted. A mail to
    somebody else (a customer) is made by `activities.mail.letters.letter` and given to `send` from a step of its own.
    """

    async def send(self, message: EmailMessage) -> None:
        """Send one mail, as `letters.letter` makes it. Raises MailRefusedError, MailNotSentError.

        May be called again with the same mail: its Message-ID then lets the receiver see that it is the same.
        """
