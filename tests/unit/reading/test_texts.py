"""Plain text, Markdown, CSV, pairs and letters: told by content, in whatever encoding."""

from email.message import EmailMessage

import pytest

from activities.reading.kinds import read
from activities.reading.markdown import Markdown, escaped, link
from activities.reading.port import Limits, Reason, UnreadableError

RUSSIAN = "Вопрос: как вернуть товар?\nОтвет: в течение 14 дней, нужен чек."


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1251", "koi8_r", "cp866"]
)
def test_russian_text_is_read_in_every_encoding_it_comes_in(encoding: str, limits: Limits) -> None:
    reading = read(RUSSIAN.encode(encoding), "faq.txt", limits)
    assert reading.text == "Вопрос: как вернуть товар?  \nОтвет: в течение 14 дней, нужен чек.\n"
    assert reading.media_type == "text/plain"


def test_japanese_csv_is_read_in_its_code_page(limits: Limits) -> None:
    reading = read("名前,年齢,住所\n髙橋淳,35,名古屋\n佐藤太郎,30,東京\n".encode("cp932"), "a.csv", limits)
    assert "| 髙橋淳 | 35 | 名古屋 |" in reading.text
    assert reading.media_type == "text/csv"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_told_by_the_rows(delimiter: str, limits: Limits) -> None:
    rows = [["City", "Price"], ["Almaty", '"1,500 ₸"'], ["Astana", "2000"]]
    reading = read("\n".join(delimiter.join(row) for row in rows).encode(), "prices.csv", limits)
    assert reading.text.splitlines() == [
        "| City | Price |",
        "| --- | --- |",
        "| Almaty | 1,500 ₸ |",
        "| Astana | 2000 |",
    ]


@pytest.mark.parametrize(("question", "answer"), [("question", "answer"), ("Вопрос", "Ответ"), ("Сұрақ", "Жауап")])
def test_pairs_become_headings_with_answers(question: str, answer: str, limits: Limits) -> None:
    data = f'id,{answer},{question}\n1,"In 14 days,\nwith a receipt",When?\n2,,Unanswered?\n'.encode()
    assert read(data, "faq.csv", limits).text == "## When?\n\nIn 14 days,  \nwith a receipt\n"


def test_a_json_list_of_pairs_is_read_and_other_json_is_text(limits: Limits) -> None:
    pairs = read(b'[{"question": "When?", "answer": "Now"}]', "a.json", limits)
    assert (pairs.text, pairs.media_type) == ("## When?\n\nNow\n", "application/json")
    assert read(b'[{"name": "x"}]', "a.json", limits).media_type == "text/plain"


def test_plain_text_means_what_it_says(limits: Limits) -> None:
    text = "# no heading\n1*2 and *stars* [a](b)\n\n- item one\n- item two\n"
    assert read(text.encode(), "a.txt", limits).text == (
        "\\# no heading  \n1\\*2 and \\*stars\\* [a\\](b)\n\n- item one\n- item two\n"
    )


def test_markdown_is_kept_and_named_by_its_heading(limits: Limits) -> None:
    source = "Intro\n\n# Delivery\n\n* one\n\n```python\nx = 1\n```\n"
    reading = read(source.encode(), "a.md", limits)
    assert (reading.text, reading.title, reading.media_type) == (source, "Delivery", "text/markdown")


def test_markdown_with_tags_is_read_as_the_page_that_it_becomes(limits: Limits) -> None:
    source = '---\ntitle: Front\n---\n# Delivery\n\n<div style="display:none">\n\nobey me\n\n</div>\n\nTwo days <!-- obey -->\n'
    reading = read(source.encode(), "a.md", limits)
    assert (reading.text, reading.title) == ("# Delivery\n\nTwo days\n", "Front")
    assert reading.notes == ("hidden text left out",)


def test_what_nobody_sees_in_a_text_is_left_out(limits: Limits) -> None:
    tags = "".join(chr(0xE0000 + ord(letter)) for letter in "obey")
    text = f"zero\u200bwidth \u202etser\u202c soft\u00adhyphen{tags}\u0007"
    assert read(text.encode(), "a.txt", limits).text == "zerowidth tser softhyphen\n"


def test_a_letter_is_its_headers_and_the_body_that_is_shown(limits: Limits) -> None:
    letter = EmailMessage()
    letter["Subject"], letter["From"], letter["To"] = "Возврат", "Ann <a@example.com>", "b@example.com"
    letter.set_content("nobody sees this part")
    letter.add_alternative("<p>See <a href='https://example.com/x'>the rules</a></p>", subtype="html")
    letter.add_attachment(b"x", maintype="application", subtype="pdf")
    reading = read(letter.as_bytes(), "a.eml", limits)
    assert reading.media_type == "message/rfc822"
    assert reading.text.startswith("# Возврат\n\nFrom: Ann \\<a@example.com>  \nTo: b@example.com")
    assert reading.text.endswith("See [the rules](https://example.com/x)\n")
    assert "nobody" not in reading.text
    assert reading.notes == ("attachments left out: 1",)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Reason.EMPTY),
        (b" \r\n\x00", Reason.EMPTY),
        (rb"{\rtf1 hello}", Reason.UNSUPPORTED),
        (b"\x89PNG\r\n\x1a\n0000", Reason.UNSUPPORTED),
        (b"\x1f\x8b\x08\x00aaaa", Reason.UNSUPPORTED),
        (bytes(range(256)) * 8, Reason.UNSUPPORTED),
        (b"x" * 500_001, Reason.TOO_LARGE),
        (b"x" + b" " * 500_001, Reason.TOO_LARGE),
        (b"<html><body><p hidden>x</p></body></html>", Reason.NO_TEXT),
    ],
)
def test_what_cannot_be_read_says_why(data: bytes, reason: Reason, limits: Limits) -> None:
    with pytest.raises(UnreadableError) as caught:
        read(data, "a.txt", limits)
    assert caught.value.reason == reason


def test_nesting_has_an_end() -> None:
    out = Markdown(10_000)
    for _ in range(100):
        out.open("- ", "  ")
    out.paragraph("deep")
    assert str(out) == "- " * 8 + "deep\n"


def test_a_document_that_grows_too_long_is_refused() -> None:
    out = Markdown(100)
    with pytest.raises(UnreadableError) as caught:
        out.paragraph("x" * 101)
    assert caught.value.reason == Reason.TOO_LARGE


@pytest.mark.parametrize("address", ["javascript:alert(1)", "/relative", "file:///etc/passwd", "#here", "https://a b"])
def test_links_that_lead_nowhere_are_their_text(address: str) -> None:
    assert link("text", address) == "text"


def test_signs_of_markdown_are_escaped_and_words_are_not() -> None:
    assert escaped("snake_case 2 * 3 <b> a&b") == "snake_case 2 * 3 \\<b> a&b"
