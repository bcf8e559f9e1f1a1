"""NLU++ (PolyAI, CC BY 4.0): what bank customers say on the phone, with several labels each; `handoff` among them."""

import json
from collections.abc import Iterator
from pathlib import Path

from evals.cases import IntentOf
from evals.loaders.making import suite
from evals.suites import Suite
from models.contracts.enums import Intent

# In the order of strength that the product has. Labels that say nothing of our intents stand for a question.
INTENTS = {"handoff": Intent.HUMAN_REQUEST, "greet": Intent.GREETING, "thank": Intent.THANKS}
SAYS_NOTHING = {"affirm", "deny", "dont_know", "acknowledge", "end_call", "repeat"}


def load(data: Path) -> Suite:
    rows = json.loads((data / "nlupp-banking-fold0.json").read_text("utf-8"))
    cases = (
        IntentOf(kind="intent", say=(row["text"],), intents=found)
        for row in rows
        if (found := tuple(_intents(set(row.get("intents", ())))))
    )
    return suite("nlupp", "NLU++, a bank's customers", cases, {"human_recall": 0.97, "false_handoffs": 0.03})


def _intents(labels: set[str]) -> Iterator[Intent]:
    """Nothing for what only makes sense as an answer to a question ("yes please")."""
    if "handoff" in labels:
        yield Intent.HUMAN_REQUEST
    if labels - SAYS_NOTHING - set(INTENTS):
        yield Intent.QUESTION
    for label in ("greet", "thank"):
        if label in labels:
            yield INTENTS[label]
