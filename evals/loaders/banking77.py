"""Banking77 (PolyAI, CC BY 4.0): questions to a bank, of 77 kinds. None asks for a person, none opts out."""

import csv
from collections import defaultdict
from pathlib import Path

from evals.cases import IntentOf
from evals.loaders.making import suite
from evals.suites import Suite
from models.contracts.enums import Intent

OF_A_KIND = 8
"""Enough to see one false hand-off in two hundred; the whole set says the same and takes ten minutes."""


def load(data: Path) -> Suite:
    """The first questions of each kind."""
    kinds: defaultdict[str, list[str]] = defaultdict(list)
    with (data / "banking77-train.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            kinds[row["category"]].append(row["text"])
    cases = (
        IntentOf(kind="intent", say=(text,), intents=(Intent.QUESTION,))
        for texts in kinds.values()
        for text in texts[:OF_A_KIND]
    )
    return suite(
        "banking77", "Banking77, questions to a bank", cases, {"intent_accuracy": 0.95, "false_handoffs": 0.03}
    )
