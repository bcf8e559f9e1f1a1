"""Texts through every channel: nothing is lost, nothing is taken for markup that is none, and each part stands alone."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from activities.channels.text import parts
from activities.channels.text.plain import plain as without_controls
from activities.channels.text.whatsapp import HAIR_SPACE
from models.contracts.channels import Capabilities, Markup, Unit
from tests.characters import CHARACTERS, are_whole
from tests.fakes.telegram.markup import parse

TELEGRAM = Capabilities(markup=Markup.TELEGRAM, unit=Unit.UTF16)
WHATSAPP = Capabilities(markup=Markup.WHATSAPP, unit=Unit.CODE_POINTS)
PLAIN = Capabilities(markup=Markup.PLAIN, unit=Unit.BYTES)
MARKDOWN = Capabilities(markup=Markup.MARKDOWN, unit=Unit.CODE_POINTS)
CHANNELS = (TELEGRAM, WHATSAPP, PLAIN, MARKDOWN)

WORDS = (
    "Заказ №5 жеткізу café שלום مرحبا 👨‍👩‍👧‍👦 🇰🇿🇷🇺 👍🏽 a&b &amp; &#43; 1<2 <b> </b> <ivan@x.kz> 2*3*4 snake_case_name "
    "~5 5~6 +7 #1 50% ¯\\(ツ)/¯ \\\\server\\share C:\\new x**2 y**2 (*) f(*a) https://x.kz/_new_/?a=1&b=*c _ * ~ "
    "[x] [y](z) !important 3>2 a|b {c} $5 x_ 00***63047"
).split()
LINES = st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(lambda words: " ".join(("Так", *words)))
BREAKS = st.sampled_from(("\n", "\n\n", "\n\n\n", "\n  ", "\n\n    "))
PLAIN_TEXT = st.lists(st.tuples(LINES, BREAKS), min_size=1, max_size=8).map(
    lambda lines: "".join(line + after for line, after in lines).rstrip()
)

MARKED_UP = st.lists(
    st.sampled_from(
        (
            "**bold**", "*it*", "_it_", "~~gone~~", "`co*de`", "[a link](https://x.kz/?a=1&b=2)", "[mail](mailto:a@b.kz)",
            "***both***", "**a _b_ c**", "# Head\n", "- item\n", "  - sub\n", "1. one\n", "> quoted\n", "```py\nx < 1\n\n  y\n```\n",
            "| a | b |\n|---|---|\n| 1 | **2** |\n", "\n", "\n\n", " ", "Слово. ", "😀", "**", "_", "`", "[", "](", "~~", "```\n",
            "![pic](https://x.kz/p.png)", "<u>", "&", "e\u0301", "> - ", "* ", "---\n",
        )
    )
    | st.text(max_size=20),
    max_size=60,
).map("".join)  # fmt: skip


def size(text: str, unit: Unit) -> int:
    encoding, width = {Unit.CODE_POINTS: ("utf-32-le", 4), Unit.UTF16: ("utf-16-le", 2), Unit.BYTES: ("utf-8", 1)}[unit]
    return len(text.encode(encoding)) // width


def words(text: str) -> str:
    """What may not be lost: letters and digits, in order."""
    return "".join(re.findall(r"[^\W_]", text))


def shown(channel: Capabilities, part: str) -> str:
    """What a reader sees, where no markup was meant."""
    match channel.markup:
        case Markup.TELEGRAM:
            return parse(part)[0]
        case Markup.WHATSAPP:
            return part.replace(HAIR_SPACE, "")
        case _:
            return part


@given(st.sampled_from(CHANNELS), PLAIN_TEXT)
def test_a_text_without_markup_arrives_as_it_is(channel: Capabilities, text: str) -> None:
    (part,) = parts(text, channel)
    assert shown(channel, part) == text


@given(st.sampled_from(CHANNELS), PLAIN_TEXT, st.integers(256, 400))
def test_a_long_text_loses_white_space_alone(channel: Capabilities, text: str, limit: int) -> None:
    text = f"{text}\n\n" * 4
    found = parts(text, channel.model_copy(update={"text_limit": limit}))
    assert "".join("".join(shown(channel, part) for part in found).split()) == "".join(text.split())


@given(st.sampled_from(CHANNELS), st.sampled_from(Unit), MARKED_UP, st.integers(256, 500))
@example(PLAIN, Unit.UTF16, "😀" * 300, 257)
@example(PLAIN, Unit.BYTES, "я" * 300, 257)
@example(TELEGRAM, Unit.UTF16, "a" + "\u0301" * 900, 256)
@example(TELEGRAM, Unit.BYTES, "🇰🇿" * 400, 256)
@example(WHATSAPP, Unit.UTF16, "**" + "слово " * 90 + "**", 256)
def test_parts_are_bounded_well_formed_and_whole(channel: Capabilities, unit: Unit, text: str, limit: int) -> None:
    channel = channel.model_copy(update={"unit": unit, "text_limit": limit})
    found = parts(text, channel)
    assert all(part.strip() and size(part, unit) <= limit for part in found)
    (whole,) = parts(text, channel.model_copy(update={"text_limit": 100_000})) or [""]
    if channel.markup is Markup.TELEGRAM:
        assert words("".join(parse(part)[0] for part in found)) == words(parse(whole)[0])
    else:
        assert words("".join(found)) == words(whole)
    assert bool(found) == bool(without_controls(text).strip())


@given(MARKED_UP)
def test_letters_of_a_text_are_seen_in_every_channel(text: str) -> None:
    """A link's address and a block's language aside, and the line that only aligns a table."""
    source = re.sub(r"\(https://\S*?\)|```py\n|\(mailto:\S*?\)", "", text)
    assert sorted(set(words(source))) == sorted(set(words(" ".join(parts(source, PLAIN)))))


def telegram(text: str) -> str:
    return "\f".join(parts(text, TELEGRAM))


def whatsapp(text: str) -> str:
    return "\f".join(parts(text, WHATSAPP))


def plain(text: str) -> str:
    return "\f".join(parts(text, PLAIN))


EVERYTHING = """# Your *order*

Some **bold _both_**, ~~gone~~ and `co*de`: [track it](https://x.kz/t?a=1&b=2_c), <https://y.kz>.
- one
- two
  - deep

> quoted
> twice

```python
if x < 1:

    y
```

| City | Days |
|---|---|
| **Astana** | 2 |"""


def test_everything_that_markdown_has_in_telegram() -> None:
    assert telegram(EVERYTHING) == (
        "<b>Your </b><b><i>order</i></b>\n\n"
        "Some <b>bold <i>both</i></b>, <s>gone</s> and <code>co*de</code>: "
        '<a href="https://x.kz/t?a=1&amp;b=2_c">track it</a>, <a href="https://y.kz">https://y.kz</a>.\n'
        "• one\n• two\n  • deep\n\n"
        "<blockquote>quoted\ntwice</blockquote>\n\n"
        '<pre><code class="language-python">if x &lt; 1:\n\n    y</code></pre>\n\n'
        "<pre>City   | Days\n-------+-----\nAstana | 2</pre>"
    ).replace("</b><b>", "")


def test_everything_that_markdown_has_in_whatsapp() -> None:
    assert whatsapp(EVERYTHING) == (
        "*Your _order_*\n\n"
        "Some *bold _both_*, ~gone~ and ```co*de```: track it (https://x.kz/t?a=1&b=2_c), https://y.kz.\n"
        "• one\n• two\n  • deep\n\n"
        "> quoted\n> twice\n\n"
        "```if x < 1:\n\n    y```\n\n"
        "```City   | Days\n-------+-----\nAstana | 2```"
    )


def test_everything_that_markdown_has_in_plain_text() -> None:
    assert plain(EVERYTHING) == (
        "Your order\n\n"
        "Some bold both, gone and co*de: track it (https://x.kz/t?a=1&b=2_c), https://y.kz.\n"
        "• one\n• two\n  • deep\n\n"
        "> quoted\n> twice\n\n"
        "if x < 1:\n\n    y\n\n"
        "City   | Days\n-------+-----\nAstana | 2"
    )


@pytest.mark.parametrize(
    ("text", "in_telegram"),
    [
        ("**Алматы**да", "<b>Алматы</b>да"),
        (r"2 \* 3 \_ C:\\x \- \# y", r"2 * 3 _ C:\\x \- \# y"),
        ("[a](javascript:alert(1)) [b](ftp://x) [c](/d)", "[a](javascript:alert(1)) [b](ftp://x) [c](/d)"),
        ("[us](mailto:a@b.kz) [+7 701](tel:+7701)", "us (a@b.kz) +7 701"),
        ("![](https://x.kz/p.png)", '<a href="https://x.kz/p.png">https://x.kz/p.png</a>'),
        ("[](https://x.kz)", '<a href="https://x.kz">https://x.kz</a>'),
        ("+ 7 777\n>100 kg\n    deep\n===\n---\n* * *", "+ 7 777\n&gt;100 kg\n    deep\n===\n---\n* * *"),
        ("    deep\n\n    deeper", "    deep\n\n    deeper"),
        ("(*) x (*) *.* y *.*", "(*) x (*) *.* y *.*"),
        ("*️⃣ x* y *z*", "*️⃣ x* y <i>z</i>"),
        ("[a]: https://x.kz\n[a]", "[a]: https://x.kz\n[a]"),
        ("3. three\n7) seven", "3. three\n7) seven"),
        ("| a | b |\n|--|--|\n| 1 | 2 | 3 |", "| a | b |\n|--|--|\n| 1 | 2 | 3 |"),
        ("| a |\n|--|\n| [t](https://x.kz) `c` |", "<pre>a\n------------------\nt (https://x.kz) c</pre>"),
        ("```\n```", "```\n```"),
        ("#", "#"),
        ("> a\n> > b\n\nc", "<blockquote>a\nb</blockquote>\n\nc"),
        ("**[`a`](https://x.kz)**", '<b><a href="https://x.kz">a</a></b>'),
        ('```x"y\na```', '<code>x"y a</code>'),
        ("> " * 40 + "deep", "<blockquote>" + "&gt; " * 28 + "deep</blockquote>"),
        ("", ""),
        (" \n ", ""),
    ],
)
def test_what_counts_as_markup(text: str, in_telegram: str) -> None:
    assert telegram(text) == in_telegram


@pytest.mark.parametrize(
    ("text", "in_whatsapp"),
    [
        ("**Алматы**да **Астана**.", "Алматыда *Астана*."),
        ("call *100# or *200#", "call *\u200a100# or *\u200a200#"),
        ("call *100#", "call *100#"),
        ("5* **b** _c", "5* *b* _c"),
        ("(*) **b*c**", "(*\u200a) b*c"),
        ("~5 kg, ~6 kg", "~\u200a5 kg, ~\u200a6 kg"),
        ("https://x.kz/_a_ _b", "https://x.kz/_a_ _\u200ab"),
        ("**a**\n\n**b\nc**", "*a*\n\n*b*\n*c*"),
        ("`a` ``b`c``", "```a``` ```b`c```"),
        ("> **a**\n> - b", "> *a*\n> • b"),
        ("```\na\n```", "```a```"),
    ],
)
def test_signs_of_whatsapp(text: str, in_whatsapp: str) -> None:
    assert whatsapp(text) == in_whatsapp


def test_what_a_person_writes_begins_no_quote_and_no_list() -> None:
    assert parts("- b\n>  c\n -5\n* *d*", WHATSAPP, literal=True) == ["\u2060- b\n\u2060>  c\n -5\n\u2060* *\u200ad*"]


def test_cuts_are_where_a_reader_would_make_them() -> None:
    sentence, channel = "Это одно предложение. ", PLAIN.model_copy(update={"unit": Unit.CODE_POINTS, "text_limit": 256})
    paragraph = (sentence * 4).strip()
    by_paragraph = parts(f"{paragraph}\n\n" * 4, channel)
    assert by_paragraph == [f"{paragraph}\n\n{paragraph}"] * 2
    assert all(part.endswith("предложение.") for part in parts(sentence * 30, channel))
    assert all(part.endswith("слово") for part in parts("слово " * 200, channel))
    # A paragraph that ends too early to be worth a message of its own.
    assert len(parts(f"Да.\n\n{sentence * 20}", channel)[0]) > 128
    # What has no words is cut where it must be, and no sooner.
    assert [len(part) for part in parts("x" * 600, channel)] == [256, 256, 88]


def test_an_address_that_leaves_no_room_is_spelled_out() -> None:
    text, short = f"[track](https://x.kz/{'&' * 300})", TELEGRAM.model_copy(update={"text_limit": 1_024})
    assert parts(text, TELEGRAM)[0].startswith("<a ")
    assert parse("".join(parts(text, short)))[0] == f"track(https://x.kz/{'&' * 300})"


def test_what_is_open_goes_on_in_the_next_part() -> None:
    channel = TELEGRAM.model_copy(update={"text_limit": 300})
    bold = parts(f"**{'слово ' * 100}конец**", channel)
    code = parts("```py\n" + "    x = 1\n" * 60 + "```", channel)
    assert len(bold) > 1
    assert all(re.fullmatch(r"<b>[^<]+</b>", part) for part in bold)
    assert len(code) > 1
    assert all(re.fullmatch(r'<pre><code class="language-py">(    x = 1\n?)+</code></pre>', part) for part in code)


@given(
    st.sampled_from(CHANNELS),
    st.sampled_from(Unit),
    st.lists(st.sampled_from((*CHARACTERS, " ", "\n")), min_size=5, max_size=30),
    st.integers(256, 300),
    st.booleans(),
)
@example(TELEGRAM, Unit.UTF16, [" \u0301", *["Ж"] * 4], 256, True)
@example(WHATSAPP, Unit.CODE_POINTS, ["*️⃣", "Ж"], 256, True)
def test_what_a_reader_sees_as_one_character_is_in_one_part(
    channel: Capabilities, unit: Unit, characters: list[str], limit: int, literal: bool
) -> None:
    text = "".join(characters) * (600 // len("".join(characters)) + 1)
    found = parts(text, channel.model_copy(update={"unit": unit, "text_limit": limit}), literal=literal)
    seen = [parse(part)[0] if channel.markup is Markup.TELEGRAM else part for part in found]
    assert len(found) > 1 or not text.strip()
    assert all(size(part, unit) <= limit and are_whole(each) for part, each in zip(found, seen, strict=True))
    assert "".join("".join(seen).split()) == "".join(without_controls(text).split())


def test_ten_thousand_characters_of_many_marks_take_no_time_to_speak_of() -> None:
    assert "".join(parts("*a*b " * 2_000 + "[" * 4_000 + "`" * 3_000, PLAIN)).count("[") == 4_000
