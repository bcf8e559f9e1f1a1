"""How much of published documents is read, and how fast: `python -m benchmarks.reading FOLDER`.

The folder holds documents and, beside some, `<name>.md.expected.md` with what they say. Likeness is the ratio of two
sequences of words (rapidfuzz's Indel similarity) after Markdown's signs are taken away, tables included: 1 is the
same words in the same order.
"""

import argparse
import asyncio
import re
import resource
import time
import unicodedata
from pathlib import Path

from rapidfuzz.distance import Indel

from activities.reading.port import Limits, UnreadableError
from activities.reading.process import ProcessReader

LIMITS = Limits(unpacked_bytes=200 << 20, pages=2_000, seconds=60, memory_bytes=768 << 20, characters=2_000_000)


def words(markdown: str) -> list[str]:
    """The words of a text without Markdown's signs, in small letters."""
    text = re.sub(r"\\(?=[^\w\s])", "", unicodedata.normalize("NFKC", markdown)).lower()
    text = re.sub(r"\]\([^)\s]*\)", " ", text)
    text = re.sub(r"(?m)^\s*\|[\s|:-]+\|\s*$|^\s*(?:#{1,6}|[-*+]|>)\s+", " ", text)
    return re.findall(r"[^\s|*`\[\]]+", text)


def likeness(read: str, expected: str) -> float:
    """From 0 to 1: part of the words that both have in the same order."""
    return Indel.normalized_similarity(words(read), words(expected))


async def main(paths: list[Path]) -> None:
    reader = ProcessReader(LIMITS)
    found = []
    for path in paths:
        start = time.perf_counter()
        try:
            reading = await reader.read(path.read_bytes(), path.name)
        except UnreadableError as error:
            print(f"{path.name:48} {error.reason}")
            continue
        seconds = time.perf_counter() - start
        expected = path.parent / f"{path.stem}.md.expected.md"
        score = ""
        if expected.exists():
            found.append(likeness(reading.text, expected.read_text()))
            score = f"likeness {found[-1]:.3f}"
        print(
            f"{path.name:48} {reading.media_type[:40]:40} {len(reading.text):8} characters {seconds * 1000:6.0f} ms {score}"
        )
    if found:
        print(f"likeness on average {sum(found) / len(found):.3f} of {len(found)}")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"memory at most: {peak} MiB in a reading process, {own} MiB here")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reading", description=__doc__)
    parser.add_argument("folder", metavar="FOLDER", type=Path)
    folder: Path = parser.parse_args().folder
    asyncio.run(main(sorted(path for path in folder.iterdir() if not path.name.endswith(".expected.md"))))
