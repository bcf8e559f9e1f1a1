"""Which files `mainstay kb add` takes of what it is given, before anything is sent."""

from pathlib import Path

import pytest

from cli.kb_add import BATCH_BYTES, BATCH_FILES, batches
from cli.kb_files import LocalFile, find, folder_name
from models.documents import title_of


def put(path: Path, content: str | bytes = "Text.") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_a_folder_is_walked_in_order_without_what_is_hidden_or_temporary(tmp_path: Path) -> None:
    wanted = ("a/D.PDF", "a/c.txt", "b.md", "e.docx", "logo.png", "no ending")
    unwanted = (".git/x.md", "a/.draft.md", "~$e.docx", "b.md~", "c.tmp", ".b.md.swp", "Thumbs.db", "f.pdf.part")
    for name in (*wanted, *unwanted):
        put(tmp_path / name)
    found = find([tmp_path])
    assert sorted(file.name for file in found.files) == sorted(found.names) == sorted(wanted)
    assert (found.failed, found.skipped) == ([], [])
    assert [file.name for file in find([tmp_path]).files] == [file.name for file in found.files]


def test_links_are_followed_inside_their_folder_only(tmp_path: Path) -> None:
    outside = put(tmp_path / "outside/secret.md")
    folder = put(tmp_path / "help/a.md").parent
    (folder / "inside.md").symlink_to(folder / "a.md")
    (folder / "leak.md").symlink_to(outside)
    (folder / "gone.md").symlink_to(tmp_path / "nowhere.md")
    (folder / "folder").symlink_to(outside.parent)
    found = find([folder])
    assert [file.name for file in found.files] == ["a.md", "inside.md"]
    assert {path.name for path, _ in found.skipped} == {"leak.md", "gone.md"}
    assert [file.path for file in find([folder / "leak.md"]).files] == [folder / "leak.md"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("n" * 201 + ".md", "longer than 200 characters"),
        ("a\n.md", "control characters"),
        ("a\u202egnp.exe", "control characters"),
        ("a\\b.md", "a backslash"),
    ],
)
def test_a_file_that_cannot_be_named_says_why_and_is_not_withdrawn(tmp_path: Path, name: str, said: str) -> None:
    path = tmp_path / name
    if len(name) < 200:
        put(path)
    found = find([path, put(tmp_path / "good.md")])
    ((failed, reason),) = found.failed
    assert failed == path
    assert said in reason
    assert [file.name for file in found.files] == ["good.md"]
    assert found.names == [name, "good.md"]


def test_what_the_system_refuses_is_said_in_its_words(tmp_path: Path) -> None:
    gone = tmp_path / "gone.md"
    assert find([gone]).failed == [(gone, "cannot be read: No such file or directory")]


def test_two_files_of_one_name_are_not_mixed_up(tmp_path: Path) -> None:
    first, second = put(tmp_path / "a/faq.md", "One."), put(tmp_path / "b/faq.md", "Two.")
    found = find([first.parent, second.parent])
    assert [file.path for file in found.files] == [first]
    assert [path for path, _ in found.failed] == [second]


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
    def files(*sizes: int) -> list[LocalFile]:
        return [LocalFile(Path(f"{n}.md"), f"{n}.md", size) for n, size in enumerate(sizes)]

    assert list(batches([])) == []
    half = BATCH_BYTES // 2
    sizes = [[file.size for file in batch] for batch in batches(files(half, half, 2, BATCH_BYTES * 3, 2))]
    assert sizes == [[half, half], [2], [BATCH_BYTES * 3], [2]]
    many = list(batches(files(*[2] * (BATCH_FILES + 1))))
    assert [len(batch) for batch in many] == [BATCH_FILES, 1]


def test_a_source_is_called_after_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = put(tmp_path / "help" / "a.md")
    assert folder_name(page) == folder_name(page.parent) == "help"
    monkeypatch.chdir(page.parent)
    assert folder_name(Path()) == "help"
    assert folder_name(Path("/")) == "files"
