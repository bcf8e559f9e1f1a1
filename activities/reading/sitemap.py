"""A sitemap's addresses: XML, gzipped or not, or plain text with an address in each line."""

import zlib
from xml.parsers import expat

from activities.reading.port import Links, Reason, UnreadableError

UNPACKED_BYTES = 50 << 20
"""As much as the protocol lets a sitemap have (sitemaps.org), and as many addresses."""
MAX_LISTED = 50_000
MAX_ADDRESS = 2_000

GZIP = b"\x1f\x8b"
_DAMAGED = "The sitemap is no XML, and no list of addresses."


def read_sitemap(data: bytes) -> Links:
    """What a sitemap lists as pages and, if it is an index, as sitemaps. Raises UnreadableError."""
    text = _unpacked(data) if data.startswith(GZIP) else data
    if text.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return _of_xml(text)
    lines = (line.strip() for line in text.decode(errors="replace").splitlines())
    return Links(pages=tuple(line for line in lines if line.startswith(("http://", "https://")))[:MAX_LISTED])


def _unpacked(data: bytes) -> bytes:
    unzip = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        text = unzip.decompress(data, UNPACKED_BYTES)
    except zlib.error:
        raise UnreadableError(Reason.DAMAGED, _DAMAGED) from None
    if unzip.unconsumed_tail:
        raise UnreadableError(
            Reason.TOO_LARGE, f"The sitemap unpacks to more than {UNPACKED_BYTES >> 20} MiB. Split it."
        )
    return text


def _of_xml(text: bytes) -> Links:
    listed = _Listed()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler = listed.enter
    parser.EndElementHandler = listed.leave
    parser.CharacterDataHandler = listed.read
    try:
        parser.Parse(text, True)
    except expat.ExpatError:
        raise UnreadableError(Reason.DAMAGED, _DAMAGED) from None
    return Links(pages=tuple(listed.found["url"]), sitemaps=tuple(listed.found["sitemap"]))


def _refuse(*_: object) -> None:
    """No entity is ever expanded or fetched."""
    raise UnreadableError(Reason.DAMAGED, "The sitemap declares types of its own. Remove its DOCTYPE.")


class _Listed:
    """Every `loc` that stands right below a `url` or a `sitemap`; those of pictures and videos have other parents."""

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = {"url": [], "sitemap": []}
        self._above: list[str] = []
        self._address: list[str] | None = None

    def enter(self, name: str, _: object) -> None:
        local = name.rpartition(" ")[2]
        if local == "loc" and self._above and self._above[-1] in self.found:
            self._address = []
        self._above.append(local)

    def read(self, text: str) -> None:
        if self._address is not None and sum(map(len, self._address)) <= MAX_ADDRESS:
            self._address.append(text)

    def leave(self, _: str) -> None:
        self._above.pop()
        if self._address is not None:
            found, address = self.found[self._above[-1]], "".join(self._address).strip()
            if 0 < len(address) <= MAX_ADDRESS and len(found) < MAX_LISTED:
                found.append(address)
            self._address = None
