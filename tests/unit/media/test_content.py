"""What a file is, whatever it is called: nothing that can hold a script is ever shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.media.content import EXECUTABLE, INLINE, MARKS, UNKNOWN, type_of


@pytest.mark.parametrize(
    ("beginning", "found"),
    [
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n\x00", "image/png"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x10\x00\x00\x00WAVEfmt ", "audio/wav"),
        (b"OggS\x00\x02" + bytes(22) + b"OpusHead", "audio/ogg"),
        (b"\x00\x00\x00\x20ftypisom", "video/mp4"),
        (b"\x00\x00\x00\x20ftypM4A ", "audio/mp4"),
        (b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm", "video/webm"),
        (b"\n%PDF-1.7", "application/pdf"),
        (
            b"PK\x03\x04" + bytes(26) + b"word/document.xml",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
        (b"PK\x03\x04" + bytes(26) + b"a.txt", "application/zip"),
        ("Сәлем".encode()[:-1], "text/plain"),
        (b"BM is a shop", "text/plain"),
        (b"BM" + bytes(20), "image/bmp"),
        (b"MZ\x90\x00" + bytes(20), EXECUTABLE),
        (b"\x7fELF\x02\x01\x01", EXECUTABLE),
        (b" \xef\xbb\xbf<!DOCTYPE html>"[1:], "text/html"),
        (b'<?xml version="1.0"?><svg onload="x()">', "image/svg+xml"),
        (b"\x00\x01\x02", UNKNOWN),
        (b"", UNKNOWN),
    ],
)
def test_a_file_is_what_its_content_says(beginning: bytes, found: str) -> None:
    assert type_of(beginning) == found


@given(st.binary(max_size=64), st.sampled_from([b"<svg", b"<html", b"<script", b"<!doctype html"]))
def test_nothing_that_begins_as_markup_is_shown(rest: bytes, markup: bytes) -> None:
    assert type_of(markup + rest) not in INLINE


@given(st.binary(max_size=64))
def test_any_bytes_have_a_type(beginning: bytes) -> None:
    assert type_of(beginning)


def test_marks_do_not_hide_one_another() -> None:
    marks = [mark for mark, _ in MARKS]
    assert all(not later.startswith(earlier) for at, earlier in enumerate(marks) for later in marks[at + 1 :])
