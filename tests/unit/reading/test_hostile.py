"""Files made to break their reader break at most the process that reads them, within its limits."""

import asyncio
import json
import os
import re
import resource
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.reading.child import answer_to
from activities.reading.confinement import OPEN_FILES
from activities.reading.port import Reading, Reason, UnreadableError
from activities.reading.process import ENVIRONMENT, START, ProcessReader
from tests.unit.reading import hostile
from tests.unit.reading.conftest import LIMITS
from tests.unit.reading.hostile import SLOW

ROOT = Path(__file__).parents[3]
MEBIBYTE = 1 << 20
BUSY_TICKS = os.sysconf("SC_CLK_TCK") // 2
"""Processor time by which a process has started and has all of its file."""

HOSTILE: dict[str, tuple[Callable[[], bytes], Reason]] = {
    "pages without end": (lambda: hostile.many_pages(100_000), Reason.TOO_MANY_PAGES),
    "pages in a circle": (hostile.nested_pdf, Reason.NO_TEXT),
    "a stream of 300 MB": (lambda: hostile.inflating_pdf(300), Reason.OUT_OF_MEMORY),
    "a page of a hundred miles": (lambda:
        hostile.one_page(b"BT /F1 12 Tf 9 9 Td (x) Tj ET").replace(b"[0 0 612 792]", b"[0 0 9999999 9999999]"),
        Reason.NO_TEXT,
    ),
    "divs in divs": (lambda: b"<html>" + b"<div>" * 100_000 + b"x", Reason.DAMAGED),
    "entities of entities": (lambda: hostile.docx(hostile.paragraph("&m;"), hostile.LAUGHS), Reason.DAMAGED),
    "an entity outside": (lambda: hostile.docx(hostile.paragraph("&x;"), hostile.OUTSIDE), Reason.DAMAGED),
    "elements in elements": (lambda: hostile.docx("<w:sdt>" * 50_000 + "</w:sdt>" * 50_000), Reason.DAMAGED),
    "100 MB of blanks": (lambda: hostile.docx(" " * (100 * MEBIBYTE)), Reason.TOO_LARGE),
    "a lying directory": (lambda: hostile.lying_zip(100), Reason.DAMAGED),
    "one line of 10 MB": (lambda: b"a,b\n" + b"x" * (10 * MEBIBYTE), Reason.TOO_LARGE),
    "an open quote": (lambda: b'a,b\n"' + b"x,\n" * MEBIBYTE, Reason.TOO_LARGE),
    "letters in letters": (lambda:
        b"From: a\nTo: b\n" + b"".join(b"Content-Type: multipart/mixed; boundary=%d\n\n--%d\n" % (n, n) for n in range(3000)),
        Reason.DAMAGED,
    ),
    "noise": (lambda: bytes(range(256)) * 1000, Reason.UNSUPPORTED),
}  # fmt: skip


def environment_of(process: int) -> bytes:
    return Path(f"/proc/{process}/environ").read_bytes()


def files_of(process: int) -> set[str]:
    return {file.name for file in Path(f"/proc/{process}/fd").iterdir()}


def resident() -> int:
    """Bytes of memory that this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_file_is_refused_and_costs_this_process_nothing(name: str, reader: ProcessReader) -> None:
    make, reason = HOSTILE[name]
    data = make()
    before = resident()
    with pytest.raises(UnreadableError) as caught:
        await reader.read(data, "a.csv")
    assert caught.value.reason == reason
    assert resident() - before < 16 * MEBIBYTE


async def test_a_file_that_takes_too_long_is_stopped_in_time() -> None:
    began = time.monotonic()
    with pytest.raises(UnreadableError) as caught:
        await ProcessReader(replace(LIMITS, seconds=2)).read(SLOW, "a.html")
    assert caught.value.reason == Reason.TOO_SLOW
    assert time.monotonic() - began < 10


def children(of: int) -> list[int]:
    tasks = Path(f"/proc/{of}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def confined_child(of: int) -> int | None:
    """The process that reads for `of`, once it has confined itself and is busy with the file."""
    for child in children(of):
        with suppress(OSError):
            confined = re.search(rf"Max open files +{OPEN_FILES} ", Path(f"/proc/{child}/limits").read_text())
            ticks = int(Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[11])
            if confined and ticks >= BUSY_TICKS:
                return child
    return None


async def reading_process(of: int) -> int:
    while True:
        if child := confined_child(of):
            return child
        await asyncio.sleep(0.01)


async def test_cancelling_ends_the_process(reader: ProcessReader) -> None:
    task = asyncio.create_task(reader.read(SLOW, "a.html"))
    process = await reading_process(os.getpid())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert process not in children(os.getpid())


SCRIPT = """
import asyncio
from activities.reading.process import ProcessReader
from tests.unit.reading.conftest import LIMITS
from tests.unit.reading.hostile import SLOW
asyncio.run(ProcessReader(LIMITS).read(SLOW, "a.html"))
"""


async def test_the_process_does_not_outlive_its_worker() -> None:
    worker = await asyncio.create_subprocess_exec(sys.executable, "-c", SCRIPT, env={"PYTHONPATH": str(ROOT)}, cwd=ROOT)
    try:
        ended = os.pidfd_open(await reading_process(worker.pid))
    finally:
        worker.kill()
        await worker.wait()
    assert select.select([ended], [], [], 10)[0]


async def test_the_process_knows_nothing_of_this_one(reader: ProcessReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAINSTAY_ROOT_KEYS", "secret")
    task = asyncio.create_task(reader.read(SLOW, "a.html"))
    process = await reading_process(os.getpid())
    try:
        if os.geteuid() == 0:  # others may not look into a process that has made itself undumpable
            assert environment_of(process) == b"LC_ALL=C.UTF-8\0"
            assert files_of(process) == {"0", "1", "2"}
        else:
            with pytest.raises(PermissionError):
                environment_of(process)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


CONFINED = """
import sys; sys.path.insert(0, sys.argv[1])
from activities.reading.confinement import confine
confine(256 << 20, 5)
import json, socket, tempfile
def tried(what):
    try: what()
    except BaseException as error: return type(error).__name__
def fill():
    with tempfile.TemporaryFile() as file: file.write(bytes(2 << 20)); file.flush()
def listening():
    server = socket.create_server(("127.0.0.1", 0)); socket.create_connection(server.getsockname(), timeout=1)
print(json.dumps([tried(lambda: bytearray(512 << 20)), tried(fill), tried(lambda: [open("/dev/null") for _ in range(100)]), tried(listening)]))
"""


def test_memory_files_and_the_network_are_out_of_reach() -> None:
    run = subprocess.run(
        [sys.executable, "-I", "-c", CONFINED, str(ROOT)], env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    memory, file, many, network = json.loads(run.stdout)
    assert (memory, file, many) == ("MemoryError", "OSError", "OSError")
    if subprocess.run(["unshare", "--net", "true"], check=False, capture_output=True).returncode == 0:
        assert network == "OSError"


async def test_an_answer_that_never_ends_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a file could make of the process, once it had taken it over."""
    endless = "import sys\nwhile True: sys.stdout.write('x' * 65536)"
    monkeypatch.setattr("activities.reading.process.START", endless)
    before = resident()
    with pytest.raises(UnreadableError) as caught:
        await ProcessReader(replace(LIMITS, characters=1000)).read(b"text", "a.txt")
    assert caught.value.reason == Reason.DAMAGED
    assert resident() - before < 16 * MEBIBYTE


async def test_a_false_answer_is_no_answer(reader: ProcessReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activities.reading.process.START", START.replace("main()", "print('{')"))
    with pytest.raises(UnreadableError):
        await reader.read(b"text", "a.txt")


def whole_files() -> Iterator[bytes]:
    yield hostile.one_page(b"BT /F1 12 Tf 100 700 Td (Some words to read) Tj ET")
    yield hostile.docx(hostile.paragraph("Some words to read"))
    yield hostile.xlsx('<row r="1"><c r="A1"><v>1</v></c></row>')
    yield b"<html><style>p{color:red}</style><table><tr><td colspan=2>a<td>b</table><ul><li>c</html>"
    yield b"From: a@b\nSubject: =?utf-8?b?0JA=?=\nContent-Type: text/html\n\n<p>Some words</p>"
    yield b"# Title\n\n| a | b |\n|---|---|\n| 1 | <b>2</b> |\n\n```\ncode\n```\n"
    yield "Вопрос;Ответ\nКогда?;Сейчас\n".encode("cp1251")
    yield b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + b"\xff" * 1024


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A file with some of its bytes changed, cut out or doubled."""
    data = bytearray(draw(st.sampled_from(list(whole_files()))))
    for _ in range(draw(st.integers(0, 6))):
        place = draw(st.integers(0, len(data)))
        piece = draw(
            st.one_of(st.binary(max_size=8), st.sampled_from([b"<", b">", b"\0", b"\xff", b"9" * 12, b"(" * 9]))
        )
        data[place : place + draw(st.integers(0, 12))] = piece
    return bytes(data)


NAMES = st.sampled_from(["a.txt", "a.md", "a.csv", "a.html", ""])


@given(st.one_of(st.binary(max_size=400), mutated()), NAMES)
@settings(max_examples=25)
async def test_whatever_the_bytes_the_worker_lives(data: bytes, name: str) -> None:
    with suppress(UnreadableError):
        assert isinstance(await ProcessReader(LIMITS).read(data, name), Reading)


@given(mutated().filter(lambda data: b"%PDF-" not in data[:1024]), NAMES)
@settings(max_examples=300)
def test_whatever_the_bytes_there_is_an_answer_that_quotes_nothing(data: bytes, name: str) -> None:
    answer = answer_to(data, "text", name, LIMITS)
    json.dumps(answer)
    if "reading" in answer:
        assert answer["reading"]["text"].strip()
    else:
        assert re.fullmatch(r"\w+ at (\w+\.py:\d+)?", answer.get("cause", "X at "))
        assert "words" not in answer["message"]
