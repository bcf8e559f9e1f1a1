"""Mailboxes: written to by SMTP; read by IMAP, or from what a mail provider posts."""
