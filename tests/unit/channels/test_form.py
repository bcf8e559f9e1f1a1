"""A form with a file, as the other side parses it."""

from collections.abc import AsyncIterator
from email.parser import BytesParser
from email.policy import HTTP

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.channels.form import Form, form
from activities.channels.port import RefusedError
from models.contracts.channels import Media, MediaKind


def filled(content: bytes, *, name: str = "счёт.pdf", mime: str = "application/pdf", size: int | None = None) -> Form:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 7):
            yield content[start : start + 7]

    media = Media(kind=MediaKind.DOCUMENT, key="t/1", name=name, mime=mime, size=len(content) if size is None else size)
    return form({"messaging_product": "whatsapp"}, "file", media, chunks())


async def written(sent: Form) -> bytes:
    return b"".join([chunk async for chunk in sent.content])


@given(st.binary(max_size=200), st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30))
async def test_fields_and_file_arrive(content: bytes, name: str) -> None:
    sent = filled(content, name=name)
    body = await written(sent)
    assert int(sent.headers["Content-Length"]) == len(body)
    head = f"Content-Type: {sent.headers['Content-Type']}\r\n\r\n".encode()
    field, file = BytesParser(policy=HTTP).parsebytes(head + body).iter_parts()
    assert field.get_payload(decode=True) == b"whatsapp"
    assert file["content-type"] == "application/pdf"
    assert file.get_payload(decode=True) == content


async def test_a_name_ends_neither_its_quotes_nor_its_line() -> None:
    body = await written(filled(b"x", name='a"; x="\r\nContent-Type: text/html', mime="text/html\r\nX: y"))
    assert b'filename="a%22; x=%22%0D%0AContent-Type: text/html"\r\n' in body
    assert b"\r\nContent-Type: application/octet-stream\r\n" in body


@pytest.mark.parametrize("size", [9, 11])
async def test_a_file_of_another_length_than_was_said_is_not_sent(size: int) -> None:
    with pytest.raises(RefusedError, match="file_changed"):
        await written(filled(b"0123456789", size=size))
