"""`python -m benchmarks`: what Mainstay costs, each part against a yardstick in the same run; quote the ratios.

Without names all parts run, one after the other: PARTS
"""

import sys
import time
from collections.abc import Mapping

from activities.embedding.choice import embedder_for
from benchmarks import ask, channels, encryption, figures, ingest, reindex, row_security, search, sign_in, turn
from benchmarks.figures import Figures, Measure, console
from benchmarks.load import median
from benchmarks.turns import QUESTIONS


async def embedding(figures: Figures) -> None:
    """What one question's vector costs by itself: the part of a turn that is arithmetic and not plumbing."""
    console.print("embedding of a question")
    embedder = embedder_for("embedded")
    await embedder.warm()
    taken = []
    for number in range(50):
        begun = time.perf_counter()
        await embedder.embed_query(QUESTIONS[number % len(QUESTIONS)].format(n=number))
        taken.append(time.perf_counter() - begun)
    await embedder.close()
    figures.add("embedding_p50", 1000 * median(taken), "ms")


async def security(figures: Figures) -> None:
    """Tokens, passwords, and row-level security on and off."""
    console.print("tokens and passwords")
    for name, taken in await sign_in.costs():
        figures.add(name, 1000 * taken, "ms")
    console.print("row-level security, on and off")
    for cost in await row_security.costs():
        figures.add(f"row_security_{cost.name.replace(' ', '_')}", 1000 * cost.secured, "ms", 1000 * cost.bare)


async def encrypting(figures: Figures) -> None:
    """What Temporal's encrypted payloads cost; the baseline is the same system without."""
    console.print("encrypted payloads, against plain ones")
    figures.add("encryption_of_2_kb", 1_000_000 * await encryption.of_one_payload(), "µs")
    seconds, rounds = (2.0, 1) if figures.quick else (5.0, 3)
    for turned in await encryption.of_turns(seconds, rounds):
        sides = (turned.encrypted, turned.plain)
        ours, theirs = (median([cell.percentile(0.5) for cell in cells]) for cells in sides)
        figures.add(f"encrypted_turn_p50_c{turned.clients}", 1000 * ours, "ms", 1000 * theirs)


PARTS: Mapping[str, Measure] = {
    "embedding": embedding,
    "search": search.measure,
    "ingest": ingest.measure,
    "ask": ask.measure,
    "reindex": reindex.measure,
    "turn": turn.measure,
    "channels": channels.measure,
    "security": security,
    "encryption": encrypting,
}


def main() -> int:
    description = (__doc__ or "").replace("PARTS", ", ".join(PARTS))
    parser = figures.parser("benchmarks", description)
    parser.add_argument("parts", nargs="*", metavar="PART", help="only these")
    given = parser.parse_args()
    if unknown := set(given.parts) - PARTS.keys():
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")

    async def measure(found: Figures) -> None:
        for part in given.parts or PARTS:
            await PARTS[part](found)

    return figures.run(measure, given)


if __name__ == "__main__":
    sys.exit(main())
