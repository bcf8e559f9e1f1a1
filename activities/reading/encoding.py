"""Bytes become text: marks, UTF-8, UTF-16 without a mark, and the code pages of older programs."""

import codecs
import re

from activities.reading.port import Reason, UnreadableError

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
CODE_PAGES = ["cp1251", "koi8_r", "cp866", "cp932", "euc_jp", "gb18030", "big5", "cp949", "cp1252", "cp1250", "cp1254"]
SAMPLE_BYTES = 1 << 16
TOLERATED = 0.01
"""Part of a text that may be nonsense before it is no text."""

_CONTROL = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\ufffd]")
_CYRILLIC = re.compile("[а-яё]+")
"""Small letters: a wrong Cyrillic code page turns them into capitals or into signs."""


def decoded(data: bytes, declared: str | None = None) -> str:
    """The text of `data`, in the encoding that it is marked with, declares or looks like.

    Raises UnreadableError (UNSUPPORTED) if it is no text in any of them.
    """
    text = _marked(data) or _declared(data, declared) or _unicode(data) or _code_page(data)
    if text is None or len(_CONTROL.findall(text)) > max(2, TOLERATED * len(text)):
        raise UnreadableError(
            Reason.UNSUPPORTED,
            "This kind of file cannot be read. Save it as PDF, DOCX, XLSX, CSV, HTML, Markdown or plain text.",
        )
    return text


def _marked(data: bytes) -> str | None:
    name = next((name for mark, name in MARKS if data.startswith(mark)), None)
    return None if name is None else data.decode(name, errors="replace")


def _declared(data: bytes, name: str | None) -> str | None:
    try:
        return None if name is None else data.decode(name)
    except (LookupError, UnicodeError):
        return None


def _unicode(data: bytes) -> str | None:
    zeros = data[:SAMPLE_BYTES].count(0)
    if zeros > len(data[:SAMPLE_BYTES]) // 20:
        # Blanks and digits of UTF-16 have their zero in the same half, whatever the language.
        even = data[:SAMPLE_BYTES:2].count(0)
        return data.decode("utf-16-be" if even > zeros / 2 else "utf-16-le", errors="replace")
    try:
        return data.decode()
    except UnicodeDecodeError:
        text = data.decode(errors="replace")
        damaged = text.count("\ufffd")
        return text if damaged <= TOLERATED * len(text) and damaged * 2 < sum(c > "\x7f" for c in text) else None


def _code_page(data: bytes) -> str | None:
    sample = data[:SAMPLE_BYTES]
    # Short Cyrillic texts give a statistical guess too little; small letters tell the three code pages apart.
    cyrillic = {name: sample.decode(name, errors="replace") for name in ("cp1251", "koi8_r", "cp866")}
    name, text = max(cyrillic.items(), key=lambda guess: sum(map(len, _CYRILLIC.findall(guess[1]))))
    strange = sum(byte > 0x7F for byte in sample)
    if sum(map(len, _CYRILLIC.findall(text))) >= 0.75 * strange:
        return data.decode(name, errors="replace")
    from charset_normalizer import from_bytes  # noqa: PLC0415 -- few files need it, and it loads slower than they are read

    best = from_bytes(sample, cp_isolation=CODE_PAGES).best()
    return None if best is None else data.decode(best.encoding, errors="replace")
