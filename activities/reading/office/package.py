"""A zip package whose size is known before anything of it is unpacked."""

import io
import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

from activities.reading.port import Limits, Reason, UnreadableError

MAX_ENTRIES = 20_000
BLOCK = 1 << 16

_DAMAGED = "The file is damaged. Open it in the program that it was made with and save it anew."
_LINKS = (
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
    "http://purl.oclc.org/ooxml/officeDocument/relationships",
)


@dataclass(frozen=True)
class Relationship:
    """Where a part points to. What is `external` is an address and never opened."""

    kind: str
    target: str
    external: bool


class Package:
    """The parts of a package. Names of entries are only looked up, so none can lead out of it.

    Raises UnreadableError if it is encrypted, damaged, or would unpack to more than `limits.unpacked_bytes`.
    """

    def __init__(self, data: bytes, limits: Limits):
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, OSError):
            raise UnreadableError(Reason.DAMAGED, _DAMAGED) from None
        entries = self._zip.infolist()
        if len(entries) > MAX_ENTRIES or sum(entry.file_size for entry in entries) > limits.unpacked_bytes:
            raise UnreadableError(
                Reason.TOO_LARGE,
                f"The file unpacks to more than {limits.unpacked_bytes >> 20} MiB. Split it, or save it anew.",
            )
        if any(entry.flag_bits & 1 for entry in entries):
            raise UnreadableError(Reason.ENCRYPTED, "The file is protected by a password. Save it without one.")
        self._names = {name.lower(): name for name in self._zip.namelist()}
        self._left = limits.unpacked_bytes

    def __contains__(self, part: str) -> bool:
        return part.lower() in self._names

    def blocks(self, part: str) -> Iterator[bytes]:
        """A part's bytes, unpacked block by block; what the package says of sizes is not believed."""
        try:
            with self._zip.open(self._names[part.lower()]) as file:
                while block := file.read(BLOCK):
                    self._left -= len(block)
                    if self._left < 0:
                        raise UnreadableError(Reason.TOO_LARGE, "The file unpacks to more than it says. Save it anew.")
                    yield block
        except (KeyError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError):
            raise UnreadableError(Reason.DAMAGED, _DAMAGED) from None

    def feed(self, part: str, target: "Target") -> None:
        """Parse a part, telling `target` of each element."""
        parser = XMLParser(target=target)  # noqa: S314 -- Target refuses declarations of entities
        try:
            for block in self.blocks(part):
                parser.feed(block)
            parser.close()
        except ParseError:
            raise UnreadableError(Reason.DAMAGED, _DAMAGED) from None

    def tree(self, part: str) -> Element:
        """A part as a tree; an empty element if there is no such part."""
        if part not in self:
            return Element("none")
        target = Tree()
        self.feed(part, target)
        return target.root

    def relationships(self, part: str) -> dict[str, Relationship]:
        """Where a part points to, by id; targets inside the package are names of parts. "" is the package itself."""
        folder, _, name = part.rpartition("/")
        found = {}
        for element in self.tree(posixpath.join(folder, "_rels", f"{name}.rels")).iter("Relationship"):
            external = element.get("TargetMode") == "External"
            target = element.get("Target", "")
            if not external:
                target = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
            kind = element.get("Type", "").rpartition("/")[2]
            found[element.get("Id", "")] = Relationship(kind, target, external)
        return found

    def related(self, part: str, kind: str) -> str:
        """The part of a kind that `part` points to, or a name that no part has."""
        targets = (to.target for to in self.relationships(part).values() if to.kind == kind and not to.external)
        return next(targets, "")


class Target:
    """What an XML parser tells of. Names come without their namespaces, attributes that are references as `r:id`."""

    def doctype(self, *_: str | None) -> None:
        """Office documents declare no types; who does wants entities expanded or fetched."""
        raise UnreadableError(Reason.DAMAGED, _DAMAGED)

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.begin(tag.rpartition("}")[2], {_local(name): value for name, value in attributes.items()})

    def end(self, tag: str) -> None:
        self.finish(tag.rpartition("}")[2])

    def data(self, text: str) -> None:
        """Text, perhaps in several pieces."""

    def begin(self, tag: str, attributes: dict[str, str], /) -> None:
        """An element begins."""

    def finish(self, tag: str) -> None:
        """An element ends."""

    def close(self) -> None:
        """The part ends."""


class Tree(Target):
    """Builds a tree. `root` is there once the part has ended."""

    def __init__(self) -> None:
        self._builder = TreeBuilder()

    def begin(self, tag: str, attributes: dict[str, str], /) -> None:
        self._builder.start(tag, attributes)

    def finish(self, tag: str) -> None:
        self._builder.end(tag)

    def data(self, text: str) -> None:
        self._builder.data(text)

    def close(self) -> None:
        self.root: Element = self._builder.close()


def _local(name: str) -> str:
    namespace, _, local = name.rpartition("}")
    return f"r:{local}" if namespace[1:] in _LINKS else local
