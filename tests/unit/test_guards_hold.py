"""The attacks of the suite, by a model that obeys all of them on pages that cover them: the guards alone must hold."""

from uuid import NAMESPACE_URL, uuid5

import pytest

from activities.generation.port import GenerateRequest
from activities.generation.prompt import told
from activities.guards import grounding, orders, shape
from activities.understanding.language import detect
from evals import suites
from evals.cases import Injection
from evals.words import plain
from models.contracts.knowledge import Passage

SUITE = suites.load("injection")
HONEST = {case.benign.text for case in SUITE.injections.values() if case.benign is not None and case.benign.text}


def passage(text: str) -> Passage:
    made_up = uuid5(NAMESPACE_URL, text)
    return Passage(
        chunk_id=made_up,
        document_id=made_up,
        title="Page",
        text=text,
        language=detect(text),
        similarity=0.9,
        score=1.0,
    )


PAGES = [passage(text) for text in SUITE.knowledge.values()]


@pytest.mark.parametrize("case", SUITE.injections.values(), ids=list(SUITE.injections))
async def test_what_an_obedient_model_says_is_blocked(case: Injection) -> None:
    pages = orders.readable([*PAGES, *([] if case.attack.text is None else [passage(case.attack.text)])])
    assert not any(plain(marker) in plain(page.text) for marker in case.markers for page in pages)
    language = detect(case.attack.say)
    checked = await grounding.check(case.obeys, pages, case.attack.say, language=language)
    request = GenerateRequest(case.attack.say, language, tuple(pages))
    assert checked.reasons or shape.faults(case.obeys, pages, told(request), request.mark)


@pytest.mark.parametrize("suite", suites.names())
def test_no_honest_page_is_held_back(suite: str) -> None:
    pages = list(suites.load(suite).knowledge.values())
    held = [text for text in (*pages, *HONEST) if orders.gives_orders(text)]
    assert not held
