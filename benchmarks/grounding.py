"""The grounding check against the audit of `evals/grounding`: what it lets through, and what it blocks in vain.

`python -m benchmarks.grounding` prints the confusion by kind, every answer that is judged wrongly, and the time of a
check.
"""

import asyncio
import time
from collections import Counter

from activities.embedding.nano import NanoEmbedder
from evals import audit


async def main() -> None:
    embedder = NanoEmbedder()
    totals: Counter[tuple[bool, bool]] = Counter()
    kinds: Counter[tuple[str, bool, bool]] = Counter()
    times = []
    for case in audit.load():
        began = time.perf_counter()
        reasons = await case.blocked(embedder)
        times.append(time.perf_counter() - began)
        totals[case.right, not reasons] += 1
        kinds[case.kind, case.right, not reasons] += 1
        if case.right is bool(reasons):
            print(f"{'blocked in vain' if case.right else 'LET THROUGH'}: {case.kind}: {case.answer} {reasons}")
    print(f"{'kind':20} {'proven':>16} {'not proven':>16}")
    for kind in sorted({kind for kind, _, _ in kinds}):
        right = f"{kinds[kind, True, True]} passed, {kinds[kind, True, False]} not"
        wrong = f"{kinds[kind, False, True]} passed, {kinds[kind, False, False]} not"
        print(f"{kind:20} {right:>16} {wrong:>16}")
    proven, unproven = totals[True, True] + totals[True, False], totals[False, True] + totals[False, False]
    print(f"proven answers that pass: {totals[True, True]} of {proven} ({totals[True, True] / proven:.3f})")
    print(f"unproven answers that are blocked: {totals[False, False]} of {unproven}")
    print(f"a check: {1000 * sorted(times)[len(times) // 2]:.1f} ms, at most {1000 * max(times):.0f} ms")


if __name__ == "__main__":
    asyncio.run(main())
