"""The widget as one file. Its sources are modules; here they become one script, without a build and without tools."""

import gzip
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import web

SOURCES = Path(web.__file__).parent / "widget" / "src"
# Each uses only what stands before it.
ORDER = ("texts", "markdown", "reveal", "style", "client", "stream", "outbox", "view", "chat", "main")

IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
EXPORT = re.compile(r"^export (?=const|function|class|async)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Built:
    """`zipped` by gzip; `etag` as it stands in the header."""

    plain: bytes
    zipped: bytes
    etag: str


@cache
def built() -> Built:
    """The script of this release. Everything is inside one function: a page sees none of its names."""
    modules = (EXPORT.sub("", IMPORT.sub("", (SOURCES / f"{name}.js").read_text())) for name in ORDER)
    plain = ('(() => {\n"use strict";\n' + "\n".join(modules) + "})();\n").encode()
    # Weak: the zipped and the plain one are not the same bytes.
    etag = f'W/"{hashlib.sha256(plain).hexdigest()[:32]}"'
    return Built(plain, gzip.compress(plain, 9, mtime=0), etag)
