"""CSV and its kin: one table, or pairs of question and answer."""

import csv
import io
from collections import Counter
from collections.abc import Sequence

from activities.reading.clean import clean
from activities.reading.markdown import Markdown, escaped
from activities.reading.port import Limits, Reading
from activities.reading.questions import columns, write_pairs

DELIMITERS = ",;\t|"
SAMPLE_CHARACTERS = 20_000


def delimiter_of(text: str) -> str | None:
    """What divides the cells: the sign that gives most of the first rows the same number of cells, at least two."""
    sample = text[:SAMPLE_CHARACTERS]
    if len(text) > len(sample):
        sample = sample[: sample.rfind("\n") + 1] or sample
    best: tuple[int, int, str] | None = None
    for delimiter in DELIMITERS:
        rows = [row for row in _rows(sample, delimiter) if row]
        width, alike = Counter(map(len, rows)).most_common(1)[0] if rows else (0, 0)
        if width > 1 and alike >= 0.8 * len(rows) and (best is None or (alike, width) > best[:2]):
            best = alike, width, delimiter
    return best[2] if best else None


def read_delimited(text: str, delimiter: str, limits: Limits) -> Reading:
    """The first row names the columns."""
    # Of the whole process, so it only grows.
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    out = Markdown(limits.characters)
    write_table(out, _rows(clean(text), delimiter))
    return Reading(str(out), "text/tab-separated-values" if delimiter == "\t" else "text/csv")


def write_table(out: Markdown, rows: Sequence[Sequence[str]]) -> None:
    """Rows of plain text, as pairs if the first row says that they are."""
    if rows and (named := columns(rows[0])):
        question, answer = named
        wide = (row for row in rows[1:] if len(row) > max(named))
        write_pairs(out, ((row[question], row[answer]) for row in wide))
        return
    out.table([[escaped(cell.replace("\n", " ")) for cell in row] for row in rows])


def _rows(text: str, delimiter: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
