"""Small plots as SVG, drawn from the figures. Colours are the page's, so that they follow its light or dark mode."""

from collections import Counter
from collections.abc import Sequence
from html import escape

from evals.metrics import METRICS
from evals.result import Result, SuiteRun

ROW = 22
BINS = 20


def bars(run: SuiteRun) -> str:
    """Every share as a bar from 0 to 1, with its interval and its threshold."""
    left, width = 230, 320
    rows = []
    for number, (name, found) in enumerate(run.metrics.items()):
        top = number * ROW
        colour = {True: "good", False: "bad", None: "plain"}[found.held]
        rows.append(f'<text x="{left - 8}" y="{top + 15}" text-anchor="end">{escape(METRICS[name].title)}</text>')
        rows.append(f'<rect class="ground" x="{left}" y="{top + 4}" width="{width}" height="14"/>')
        rows.append(f'<rect class="{colour}" x="{left}" y="{top + 4}" width="{width * found.value:.1f}" height="14"/>')
        if found.low is not None and found.high is not None:
            ends = f'x1="{left + width * found.low:.1f}" x2="{left + width * found.high:.1f}"'
            rows.append(f'<line class="mark" {ends} y1="{top + 11}" y2="{top + 11}"/>')
        if found.threshold is not None:
            place = left + width * found.threshold
            rows.append(f'<line class="goal" x1="{place:.1f}" x2="{place:.1f}" y1="{top + 1}" y2="{top + 21}"/>')
        rows.append(f'<text x="{left + width + 8}" y="{top + 15}">{found.value:.3f}</text>')
    return _svg(left + width + 60, len(run.metrics) * ROW + 4, rows)


def confusion(results: Sequence[Result]) -> str:
    """Which intent was read as which: rows are right, columns what was understood. Empty without intents."""
    pairs = Counter((result.expected[0], result.got[0]) for result in results if result.kind == "intent")
    names = sorted({name for pair in pairs for name in pair})
    totals = Counter[str]()
    for (wanted, _), count in pairs.items():
        totals[wanted] += count
    if not names:
        return ""
    left, top, cell = 120, 90, 44
    parts = []
    for row, wanted in enumerate(names):
        parts.append(f'<text x="{left - 6}" y="{top + row * cell + 26}" text-anchor="end">{escape(wanted)}</text>')
        turn = f"rotate(-40 {left + row * cell + 22} {top - 8})"
        parts.append(f'<text x="{left + row * cell + 22}" y="{top - 8}" transform="{turn}">{escape(wanted)}</text>')
        for column, got in enumerate(names):
            count = pairs[wanted, got]
            shade = count / totals[wanted] if totals[wanted] else 0
            kind = "good" if wanted == got else "bad"
            x, y = left + column * cell, top + row * cell
            parts.append(f'<rect class="ground" x="{x}" y="{y}" width="{cell - 2}" height="{cell - 2}"/>')
            parts.append(
                f'<rect class="{kind}" x="{x}" y="{y}" width="{cell - 2}" height="{cell - 2}" opacity="{shade:.2f}"/>'
            )
            if count:
                parts.append(f'<text x="{x + 21}" y="{y + 26}" text-anchor="middle">{count}</text>')
    return _svg(left + len(names) * cell + 60, top + len(names) * cell + 4, parts)


def confidences(results: Sequence[Result]) -> str:
    """How sure it was where it was right (up) and where it was wrong (down). Empty where nothing says how sure it is."""
    sure = [(result.confidence, result.passed) for result in results if result.confidence is not None]
    return _two_sided(
        [value for value, right in sure if right], [value for value, right in sure if not right], "0", "1"
    )


def latencies(results: Sequence[Result]) -> str:
    """How long replies took, up to the slowest. Empty without replies."""
    took = [result.milliseconds for result in results if result.milliseconds]
    slowest = max(took, default=0)
    return _two_sided([value / slowest for value in took], [], "0", f"{slowest:.0f} ms")


def _two_sided(up: Sequence[float], down: Sequence[float], first: str, last: str) -> str:
    """Values of 0..1 in bins."""
    if not up and not down:
        return ""
    above, below = (Counter(min(int(value * BINS), BINS - 1) for value in side) for side in (up, down))
    highest = max([*above.values(), *below.values()])
    width, middle = 18, 70
    parts = []
    for place in range(BINS):
        for side, kind, sign in ((above, "good", -1), (below, "bad", 1)):
            height = 60 * side[place] / highest
            y = middle - height if sign < 0 else middle
            parts.append(
                f'<rect class="{kind}" x="{place * width}" y="{y:.1f}" width="{width - 2}" height="{height:.1f}">'
                f"<title>{side[place]}</title></rect>"
            )
    parts.append(f'<line class="mark" x1="0" x2="{BINS * width}" y1="{middle}" y2="{middle}"/>')
    bottom = 150 if down else 90
    parts.append(f'<text x="0" y="{bottom}">{first}</text>')
    parts.append(f'<text x="{BINS * width}" y="{bottom}" text-anchor="end">{escape(last)}</text>')
    return _svg(BINS * width, bottom + 6, parts)


def _svg(width: float, height: float, parts: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" role="img">{"".join(parts)}</svg>'
