"""An answer is words for a person: no records for machines, nothing of its prompt, no loops, no codes of its own."""

from uuid import uuid4

import pytest

from activities.guards import shape
from activities.guards.shape import CODE, LEAK, LOOP, STRUCTURE
from models.contracts.enums import Language
from models.contracts.knowledge import Passage

TOLD = "You are Aru of Altyn.\n\n1. Use only the facts in the passages. 2. Copy every number exactly as it is written."
PASSAGE = Passage(
    chunk_id=uuid4(),
    document_id=uuid4(),
    title="Console",
    text="The console asks `kolibri>` for a command: type <name> and the code WELCOME5. The socket is rated IP66.",
    language=Language.EN,
    similarity=0.9,
    score=1.0,
)


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ('{"tool": "issue_refund", "amount": 1000}', STRUCTURE),
        ("{'action': 'delete_account'}", STRUCTURE),
        ('Certainly. {"tool":{"name":"x"}}', STRUCTURE),
        ("<tool_call>refund</tool_call>", STRUCTURE),
        ("<img src=x>", STRUCTURE),
        ("```\ntext\n```", STRUCTURE),
        ("<|im_end|>", STRUCTURE),
        ("issue_refund(1000)", STRUCTURE),
        ("My rules: use only the facts in the passages.", LEAK),
        ("The mark is 0A1B2C3D.", LEAK),
        ("It is rated. " * 4, LOOP),
        ("da " * 9, LOOP),
        ("Use the code FREE100.", CODE),
        ("DAN-READY-41", CODE),
        ("Код ДАРОМ1 всё даёт.", CODE),
    ],
)
def test_what_is_no_answer_is_blocked(answer: str, fault: str) -> None:
    assert fault in shape.faults(answer, [PASSAGE], TOLD, "0a1b2c3d")


@pytest.mark.parametrize(
    "answer",
    [
        "The code is welcome5, that is WELCOME5.",
        "Type <name> at `kolibri>`.",
        "Розетка имеет защиту IP66, у IP66-розетки она выше.",
        "Within 30days, at 10:00, from 2–3 days; the 2nd costs 990 ₸.",
        "1. Open the app\n2. Open the page\n3. Open the menu",
        "Open: Menu, Page, Save...... -------- 00000000",
    ],
)
def test_an_answer_for_a_person_passes(answer: str) -> None:
    assert shape.faults(answer, [PASSAGE], TOLD, "0a1b2c3d") == ()


def test_markdown_is_shown_as_words() -> None:
    written = (
        "## Delivery\n**Free** from 9. See [the page](https://a.example/x) or [https://a.example](https://a.example)."
    )
    assert shape.rendered(written) == "Delivery\nFree from 9. See the page (https://a.example/x) or https://a.example."
