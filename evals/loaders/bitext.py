"""Bitext sample (CDLA-Sharing 1.0): templated messages to a shop. Easy, so a floor and no goal."""

import csv
from collections import defaultdict
from pathlib import Path

from evals.cases import IntentOf
from evals.loaders.making import suite
from evals.suites import Suite
from models.contracts.enums import Intent

OF_A_KIND = 20
OURS = {"contact_human_agent": Intent.HUMAN_REQUEST}
# Telling us of a complaint is a question here and a complaint there; who wants out of a newsletter may write on.
AMBIGUOUS = {"complaint", "newsletter_subscription", "contact_customer_service"}


def load(data: Path) -> Suite:
    """Messages of each kind, spread over the kind."""
    kinds: defaultdict[str, list[str]] = defaultdict(list)
    with (data / "bitext-utterances.csv").open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            if row["intent"] not in AMBIGUOUS:
                kinds[row["intent"]].append(row["utterance"])
    cases = (
        IntentOf(kind="intent", say=(text,), intents=(OURS.get(kind, Intent.QUESTION),))
        for kind, texts in kinds.items()
        for text in texts[:: max(1, len(texts) // OF_A_KIND)]
    )
    return suite("bitext", "Bitext, messages to a shop", cases, {"human_recall": 0.97, "false_handoffs": 0.03})
