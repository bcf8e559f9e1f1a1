"""The failure that a person at the terminal can act on."""


class OperatorError(Exception):
    """Something outside the code is wrong; the message says what, and what would put it right."""
