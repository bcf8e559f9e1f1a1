"""What `mainstay kb add` makes of files and folders before anything is sent."""

from pathlib import Path

import pytest

from cli.kb import BATCH_BYTES, BATCH_DOCUMENTS, Page, batches, folder_name, read
from models.contracts.documents import title_of


def put(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_a_folder_is_walked_in_order_without_what_is_hidden_or_of_another_kind(tmp_path: Path) -> None:
    for name in ("b.md", "a/c.txt", "a/D.MD", ".git/x.md", "a/.draft.md", "logo.png", "e.markdown"):
        put(tmp_path / name, f"Text of {name}.")
    reading = read([tmp_path])
    assert [page.name for page in reading.pages] == ["a/D.MD", "a/c.txt", "b.md", "e.markdown"]
    assert reading.failed == []
    assert reading.pages[1].as_json() == {
        "name": "a/c.txt",
        "text": "Text of a/c.txt.",
        "media_type": "text/plain",
    }


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.txt", "Возврат товара".encode("cp1251"), "not UTF-8 (byte 0); it looks like Windows-1251"),
        ("a.txt", "Возврат".encode("utf-16"), "not UTF-8 (byte 0); it looks like UTF-16"),
        ("a.txt", b"caf\xe9 au lait", "not UTF-8 (byte 3): save it as UTF-8"),
        ("a.md", " \n\t", "is empty"),
        ("a.md", "a\x00b", "NUL"),
        ("a.pdf", "%PDF-1.7", "must end in .md, .markdown, .txt"),
        ("n" * 201 + ".md", "Text.", "longer than 200 characters"),
    ],
)
def test_a_file_that_cannot_be_read_says_why_and_is_not_withdrawn(
    tmp_path: Path, name: str, content: str | bytes, said: str
) -> None:
    path = put(tmp_path / name, content)
    reading = read([path, put(tmp_path / "good.md", "Text.")])
    ((failed, reason),) = reading.failed
    assert failed == path
    assert said in reason
    assert [page.name for page in reading.pages] == ["good.md"]
    assert reading.names == [name, "good.md"]


def test_what_the_system_refuses_is_said_in_its_words(tmp_path: Path) -> None:
    gone = tmp_path / "gone.md"
    assert read([gone]).failed == [(gone, "cannot be read: No such file or directory")]


def test_two_files_of_one_name_are_not_mixed_up(tmp_path: Path) -> None:
    first, second = put(tmp_path / "a/faq.md", "One."), put(tmp_path / "b/faq.md", "Two.")
    reading = read([first.parent, second.parent])
    assert [page.text for page in reading.pages] == ["One."]
    assert [path for path, _ in reading.failed] == [second]


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    (page,) = read([put(tmp_path / "a.md", b"\xef\xbb\xbf# Title")]).pages
    assert page.text == "# Title"


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("# Refunds\n\nText.", "Refunds"),
        ("Intro.\n\n#  Возврат #\n", "Возврат"),
        ("## Only a section\n", "refunds"),
        ("#hashtag", "refunds"),
        ("# " + "x" * 300, "x" * 200),
        ("#  \n", "refunds"),
    ],
)
def test_a_page_is_called_by_its_first_heading(text: str, title: str) -> None:
    assert title_of(text, "folder/refunds.md") == title


def test_batches_fit_into_requests_and_lose_nothing() -> None:
    def pages(*sizes: int) -> list[Page]:
        return [Page(Path(f"{n}.md"), f"{n}.md", "ж" * (size // 2)) for n, size in enumerate(sizes)]

    assert list(batches([])) == []
    half = BATCH_BYTES // 2
    sizes = [[len(page.text.encode()) for page in batch] for batch in batches(pages(half, half, 2, BATCH_BYTES * 3, 2))]
    assert sizes == [[half, half], [2], [BATCH_BYTES * 3], [2]]
    many = list(batches(pages(*[2] * (BATCH_DOCUMENTS + 1))))
    assert [len(batch) for batch in many] == [BATCH_DOCUMENTS, 1]


def test_a_source_is_called_after_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = put(tmp_path / "help" / "a.md", "Text.")
    assert folder_name(page) == folder_name(page.parent) == "help"
    monkeypatch.chdir(page.parent)
    assert folder_name(Path()) == "help"
    assert folder_name(Path("/")) == "files"
