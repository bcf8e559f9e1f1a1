"""Which files `mainstay kb add` takes of what it is given, and what each is called."""

import os
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

NAME_CHARACTERS = 200
# Of editors, offices and desktops: nobody's pages.
TEMPORARY_BEGINNINGS = (".", "~$")
TEMPORARY_ENDINGS = ("~", ".tmp", ".temp", ".swp", ".bak", ".part", ".crdownload")
OF_DESKTOPS = {"thumbs.db", "desktop.ini"}


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file to upload. `name` is its path below the folder that was given."""

    path: Path
    name: str
    size: int


@dataclass(slots=True)
class Found:
    """What was found on disk. `names` has every file, those too that cannot be read: those must not be withdrawn."""

    files: list[LocalFile] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    failed: list[tuple[Path, str]] = field(default_factory=list)
    skipped: list[tuple[Path, str]] = field(default_factory=list)


def find(paths: Iterable[Path]) -> Found:
    """The files and those in the folders, in a stable order, without what is hidden or temporary in a folder.

    A link that leads out of its folder is not followed: whoever names a folder means what lies in it.
    """
    found = Found()
    for given in paths:
        for path, name in _below(given) if given.is_dir() else [(given, given.name)]:
            if path != given and path.is_symlink() and not path.resolve().is_relative_to(given.resolve()):
                found.skipped.append((path, "is a link that leads out of the folder"))
            elif name in found.names:
                found.failed.append((path, f"another file is called {name} already; add them under two sources"))
            else:
                found.names.append(name)
                _take(found, path, name)
    return found


def _below(folder: Path) -> Iterator[tuple[Path, str]]:
    for place, folders, files in os.walk(folder):  # does not follow links to folders
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for name in sorted(each for each in files if not temporary(each)):
            path = Path(place, name)
            yield path, path.relative_to(folder).as_posix()


def temporary(name: str) -> bool:
    lower = name.lower()
    return lower.startswith(TEMPORARY_BEGINNINGS) or lower.endswith(TEMPORARY_ENDINGS) or lower in OF_DESKTOPS


def _take(found: Found, path: Path, name: str) -> None:
    if fault := _fault(path, name):
        found.failed.append((path, fault))
        return
    try:
        with path.open("rb"):
            found.files.append(LocalFile(path, name, path.stat().st_size))
    except OSError as error:
        found.failed.append((path, f"cannot be read: {error.strerror}"))


def _fault(path: Path, name: str) -> str | None:
    """What keeps a file from being uploaded under its name, if anything does."""
    if path.exists() and not path.is_file():
        return "is no file"
    if len(name) > NAME_CHARACTERS:
        return f"its path is longer than {NAME_CHARACTERS} characters"
    if "\\" in name or any(unicodedata.category(character) in {"Cc", "Cf", "Cs"} for character in name):
        return "has a backslash or control characters in its name"
    return None


def folder_name(path: Path) -> str:
    """What a source is called after: the folder, or that of the file."""
    resolved = path.resolve()
    return (resolved if resolved.is_dir() else resolved.parent).name or "files"
