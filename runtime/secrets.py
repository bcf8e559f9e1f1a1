"""Secrets that a process starts with: the root keys, and passwords that are none."""

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from runtime.crypto.roots import RootKeys, new_root
from runtime.errors import OperatorError
from runtime.home import Home, write_private
from runtime.settings import PREFIX, Settings

# What documentation, images and installers put where a password belongs.
WELL_KNOWN = frozenset(
    "admin changeme change-me change_me default example mainstay mainstay_admin mainstay_app password passw0rd postgres "
    "qwerty root secret temporal test".split()
)
PASSWORD_CHARACTERS = 12


def root_keys(settings: Settings) -> RootKeys:
    """The root keys. Raises OperatorError when there are none, or they are wrong; it quotes no key."""
    if settings.root_keys is None:
        raise OperatorError(
            f"{PREFIX}ROOT_KEYS is not set: make a key with `mainstay keys new`, keep a copy where the database's backups "
            "are not, and give it to every process"
        )
    try:
        return RootKeys.parse(settings.root_keys.get_secret_value())
    except ValueError as error:
        raise OperatorError(f"{PREFIX}ROOT_KEYS: {error}") from None


def check(settings: Settings) -> None:
    """Refuse to start without root keys and, in production, on secrets that others know. Raises OperatorError."""
    wrong = [] if settings.environment == "development" else _known_to_others(settings)
    if wrong:
        raise OperatorError("not started, because in production: " + "; ".join(wrong))
    root_keys(settings)


def _known_to_others(settings: Settings) -> list[str]:
    """What is wrong with each secret, by the name of its variable."""
    wrong = []
    for name in ("database_url", "admin_database_url"):
        secret = getattr(settings, name)
        reason = None if secret is None else _weakness(secret.get_secret_value())
        if reason:
            wrong.append(f"{PREFIX}{name.upper()} {reason}")
    return wrong


def _weakness(database_url: str) -> str | None:
    try:
        url = make_url(database_url)
    except ArgumentError:
        return "is no address of a database"
    password = url.password
    if password is None:
        return None  # a certificate, a socket, a password file
    if password.lower() in WELL_KNOWN or password == url.username:
        return "has a password that everybody knows: make one with `openssl rand -hex 24`"
    if len(password) < PASSWORD_CHARACTERS:
        return f"has a password of fewer than {PASSWORD_CHARACTERS} characters: make one with `openssl rand -hex 24`"
    return None


def kept_root_keys(home: Home) -> str | None:
    """The root keys of the embedded database below `home`, if it has any."""
    try:
        return home.root_keys.read_text().strip()
    except FileNotFoundError:
        return None


def make_root_keys(home: Home) -> str:
    """The root keys of the embedded database below `home`; made when there are none."""
    found = kept_root_keys(home)
    if found is None:
        found = new_root()
        write_private(home.root_keys, found + "\n")
    return found
