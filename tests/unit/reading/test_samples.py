"""Published documents and their golden texts, beside the repository in ../shared; absent in a clone."""

from pathlib import Path

import pytest

from activities.reading.port import Reason, UnreadableError
from activities.reading.process import ProcessReader
from benchmarks.reading import likeness

SAMPLES = Path(__file__).parents[4] / "shared" / "docs-samples"
REAL, HOSTILE = SAMPLES / "real", SAMPLES / "hostile"
GOLDEN = sorted(REAL.glob("*.expected.md"))

pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the shared samples are not here")


def bytes_of(path: Path) -> bytes:
    return path.read_bytes()


@pytest.mark.parametrize("expected", GOLDEN, ids=lambda path: path.name)
async def test_documents_say_what_they_are_known_to_say(expected: Path, reader: ProcessReader) -> None:
    reading = await reader.read(bytes_of(expected.with_name(expected.name.replace(".md.expected.md", ".pdf"))), "a.pdf")
    assert likeness(reading.text, bytes_of(expected).decode()) > 0.98


def test_likeness_tells_texts_apart() -> None:
    assert likeness("# A b\n\n| c | d |\n| --- | --- |\n", "a b c d") == 1
    assert likeness("a b c d", "d c b a") < 0.5
    assert likeness("a b", "a b c d e f") < 0.6


@pytest.mark.parametrize(
    ("name", "media_type", "said"),
    [
        ("test.docx", "wordprocessingml", ["# Abstract", "AutoGen: Enabling Next-Gen LLM Applications"]),
        ("test_with_comment.docx", "wordprocessingml", ["# Introduction"]),
        ("test.xlsx", "spreadsheetml", ["## 09060124-b5e7-4717-9d07-3c046eb", "| Alpha | Beta | Gamma | Delta |"]),
        ("test_blog.html", "text/html", ["Large language models (LLMs) are powerful tools"]),
        ("test_wikipedia.html", "text/html", ["# Microsoft", "[Bill Gates](https://en.wikipedia.org/wiki/Bill_Gates)"]),
        (
            "test_outlook_msg.msg",
            "vnd.ms-outlook",
            ["# Test Email Message", "This is the body of the test email message"],
        ),
        ("test_mskanji.csv", "text/csv", ["| 名前 | 年齢 | 住所 |", "| 三木英子 | 25 | 大阪 |"]),
        ("test.pdf", "application/pdf", ["confirming its general feasibility"]),
    ],
)
async def test_published_files_are_read(name: str, media_type: str, said: list[str], reader: ProcessReader) -> None:
    reading = await reader.read(bytes_of(REAL / name), name)
    assert media_type in reading.media_type
    assert [text for text in said if text not in reading.text] == []


async def test_remarks_in_a_document_are_left_out(reader: ProcessReader) -> None:
    reading = await reader.read(bytes_of(REAL / "test_with_comment.docx"), "a.docx")
    assert "55f9ffd5" not in reading.text
    assert "comment" not in reading.text.casefold()


async def test_a_scan_says_that_it_is_one(reader: ProcessReader) -> None:
    with pytest.raises(UnreadableError, match="scan") as caught:
        await reader.read(bytes_of(REAL / "MEDRPT-2024-PAT-3847_scan.pdf"), "a.pdf")
    assert caught.value.reason == Reason.NO_TEXT


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("empty.pdf", Reason.EMPTY),
        ("graph-encrypted.pdf", Reason.ENCRYPTED),
        ("truncated.pdf", Reason.DAMAGED),
        ("zipbomb-300MB.docx", Reason.TOO_LARGE),
    ],
)
async def test_hostile_files_are_refused_for_a_reason(name: str, reason: Reason, reader: ProcessReader) -> None:
    with pytest.raises(UnreadableError) as caught:
        await reader.read(bytes_of(HOSTILE / name), name)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("content-stream-errors.pdf", "application/pdf"),
        ("pdf-named.docx", "application/pdf"),
        ("html-named.pdf", "text/html"),
        ("faq.cp1251.txt", "text/plain"),
    ],
)
async def test_misnamed_files_are_what_they_are(name: str, media_type: str, reader: ProcessReader) -> None:
    assert (await reader.read(bytes_of(HOSTILE / name), name)).media_type == media_type


async def test_hidden_instructions_are_no_knowledge(reader: ProcessReader) -> None:
    reading = await reader.read(bytes_of(HOSTILE / "hidden-injection.html"), "a.html")
    assert reading.text == "# Доставка\n\nДоставка по Алматы 1–2 дня, 1500 ₸.\n\nтсет zerowidth\n"
    assert reading.notes == ("hidden text left out", "1 image without text")
