"""Texts through every channel, there and back: what arrives is what was said, letter by letter."""

import re
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from unicodedata import normalize

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from activities.channels.outbound import compose
from models.contracts.channels import Provider
from models.contracts.enums import Author
from models.repositories import arrivals, channel_accounts
from models.repositories.arrivals import Owner
from models.repositories.sends import Due
from runtime.database import Database
from runtime.embedded import Servers
from runtime.ids import new_id
from tests.service.api.house import Company, company, serving, settings_of
from tests.service.channels.far_sides import FarSide, far_sides
from tests.service.channels.seeing import joined

CHANNELS = ("telegram", "whatsapp_cloud", "chatflow", "email")
SOME = settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
FEW = settings(SOME, max_examples=8)

# --- Texts

WORDS = (
    "Заказ №5 жеткізу café cafe\u0301 A\u030angstro\u0308m שלום مرحبا(7) \u2067א1\u2069 👨‍👩‍👧‍👦 🇰🇿🇷🇺 👍🏽 &#+ &amp; &#43; %2B%20 a+b=c?x&y "
    "1<2 <b> </b> <br> <ivan@x.kz> 2*3*4 snake_case_name *bold* _it_ ~5 ~6~ ~~gone~~ `code` ``` **two** __dunder__ [y](https://z.kz) "
    "![p](q) +7(701) #1 50% ¯\\_(ツ)_/¯ \\\\server\\share \\* \\n x**2 (*) *.* https://x.kz/_new_/?a=1&b=*c#d a|b {c} $5 \"q\" '' null"
).split()
PRINTED = st.text(
    st.characters(exclude_categories=("C", "Z"), exclude_characters="\u0333\u033f"), min_size=1, max_size=6
)
BEGINNINGS = st.sampled_from(("", "", "", "- ", "* ", "> ", "# ", "1. ", "+ ", "    ", "\t", "=== ", "--- ", "| a | "))
GAPS = st.sampled_from((" ", " ", " ", "  ", "\u00a0"))
BREAKS = st.sampled_from(("\n", "\n\n", "\n\n\n", "\r\n", "\u2028"))
LINES = st.tuples(BEGINNINGS, st.lists(st.tuples(st.sampled_from(WORDS) | PRINTED, GAPS), min_size=1, max_size=8)).map(
    lambda line: line[0] + "".join(word + gap for word, gap in line[1]).rstrip()
)
TEXTS = st.lists(st.tuples(LINES, BREAKS), min_size=1, max_size=8).map(
    lambda lines: "Так: " + "".join(line + after for line, after in lines).rstrip()
)
LONG = TEXTS.map(lambda text: (f"{text}\n" * (10_000 // len(text) + 1))[:10_000].rstrip())
"""One strategy for all channels. What a person writes has no markup, whatever it looks like."""


def meant(text: str, view: str) -> str:
    """As it is to be seen: apps show neither which character breaks a line nor white space where one ends."""
    text = re.sub("\r\n|\u2028", "\n", text).replace("\u00a0", " ")
    text = text.replace("\t", {"telegram": " ", "page": " " * 4}.get(view, "\t"))
    text = re.sub(r"(?m)[^\S\n]+$", "", text).strip()
    return normalize("NFC", re.sub("[\u200a\u2060]", "", text))


def letters(text: str) -> str:
    return "".join(text.split())


# --- We write


@pytest.fixture(scope="module")
async def sides() -> AsyncIterator[dict[str, FarSide]]:
    async with far_sides() as sides:
        yield sides


def due(far: FarSide, author: Author, text: str) -> Due:
    now = datetime.now(UTC)
    return Due(
        id=new_id(), conversation_id=new_id(), message_id=new_id(), chat=far.chat, author=author, text=text, language=None,
        media=(), sent=(), attempts=0, repeats=0, queued_at=now, heard_at=now, thread=(), subject=None, late=False, closed=False,
    )  # fmt: skip


async def send(far: FarSide, author: Author, text: str) -> int:
    pieces = compose(due(far, author, text), far.channel.capabilities)
    for part in pieces:
        await far.channel.send(far.chat, part)
    return len(pieces)


@pytest.mark.parametrize("name", CHANNELS)
@SOME
@given(text=TEXTS | LONG)
@example(text="> 5 kg\n- 3 °C\n* *a* _b_\n```\nx\n``` 👍🏽" + "😀" * 5_000)
async def test_what_a_person_writes_is_seen_as_they_wrote_it(name: str, text: str, sides: dict[str, FarSide]) -> None:
    sent = await send(sides[name], Author.MANAGER, text)
    for view, messages in sides[name].seen().items():
        assert len(messages) == sent
        seen = joined(messages)
        assert seen.marked == {}
        if sent == 1:
            assert meant(seen.text, view) == meant(text, view)
        else:
            assert letters(meant(seen.text, view)) == letters(meant(text, view))


@pytest.mark.parametrize("character", ["👨‍👩‍👧‍👦", "🇰🇿", "क्षि"])
@pytest.mark.parametrize("name", CHANNELS)
async def test_what_a_reader_sees_as_one_character_comes_in_one_message(
    name: str, character: str, sides: dict[str, FarSide]
) -> None:
    text = "x" + character * (10_000 // len(character))
    sent = await send(sides[name], Author.MANAGER, text)
    assert sent > 1 or name == "email"
    for messages in sides[name].seen().values():
        assert all(re.fullmatch(f"x?({character})+", each.text.strip()) for each in messages)
        assert "".join(each.text.strip() for each in messages) == text


BARE = st.sampled_from(
    ("Алматы", "қала", "שלום", "مرحبا", "café", "№5", "a&b", "1<2", "e\u0301t", "100%", "c++", "&#+", "👨‍👩‍👧‍👦")
)
ADDRESS = "https://x.kz/t?a=1&b=2_c"
SIGNS = {"bold": "**", "italic": "*", "strike": "~~", "code": "`"}
SOMEHOW = st.tuples(st.sampled_from(("", "", *SIGNS, "link")), BARE, BARE)
SENTENCES = st.lists(SOMEHOW, min_size=1, max_size=6)
BLOCKS = st.lists(st.tuples(st.sampled_from(("", "", "item", "quote", "fence")), SENTENCES), min_size=1, max_size=5)


def markdown(blocks: Sequence[tuple[str, list[tuple[str, str, str]]]]) -> str:
    def written(how: str, first: str, second: str) -> str:
        words = f"{first} {second}"
        return f"[{words}]({ADDRESS})" if how == "link" else f"{SIGNS.get(how, '')}{words}{SIGNS.get(how, '')}"

    frames = {"": "Так {}", "item": "- {}", "quote": "> Так {}", "fence": "```py\n{}\n```"}
    return "\n\n".join(
        frames[block].format(" ".join(written("" if block == "fence" else how, *words) for how, *words in said))
        for block, said in blocks
    )


def shown(blocks: Sequence[tuple[str, list[tuple[str, str, str]]]], view: str) -> tuple[str, dict[str, str]]:
    """The text and what is set off in it, as a reader should see it."""
    lines, marked = [], dict[str, str]()
    frames = {"": "Так {}", "item": "• {}", "quote": "> Так {}" if view == "text" else "Так {}", "fence": "{}"}
    for block, said in blocks:
        words: list[str] = []
        for sign, first, second in said:
            how = "" if block == "fence" else sign
            words.append(f"{first} {second}")
            if how and view != "text" and (how, view) != ("link", "whatsapp"):
                marked[how] = marked.get(how, "") + first + second
            if how == "link" and view in ("text", "whatsapp"):
                words.append(f"({ADDRESS})")
        lines.append(frames[block].format(" ".join(words)))
        if block in ("quote", "fence") and view != "text":
            kind = "code" if block == "fence" else "quote"
            marked[kind] = marked.get(kind, "") + letters(lines[-1])
    return "\n\n".join(lines), marked


@pytest.mark.parametrize("name", CHANNELS)
@SOME
@given(blocks=BLOCKS, times=st.sampled_from((1, 1, 1, 40)))
async def test_what_we_mark_is_set_off_as_each_app_does_it(
    name: str, blocks: list[tuple[str, list[tuple[str, str, str]]]], times: int, sides: dict[str, FarSide]
) -> None:
    blocks = blocks * times
    sent = await send(sides[name], Author.BOT, markdown(blocks))
    for view, messages in sides[name].seen().items():
        seen, (text, marked) = joined(messages), shown(blocks, view)
        assert letters(meant(seen.text, view)) == letters(meant(text, view))
        if sent == 1:
            assert re.sub(r"\n+", "\n", meant(seen.text, view)) == re.sub(r"\n+", "\n", meant(text, view))
        assert {kind: normalize("NFC", words) for kind, words in seen.marked.items()} == {
            kind: normalize("NFC", words) for kind, words in marked.items()
        }


# --- Customers write


@pytest.fixture(scope="module")
async def shop(servers: Servers, database: Database) -> AsyncIterator[Company]:
    async with serving(settings_of(servers)) as (url, _), company(database, url) as shop:
        yield shop


@FEW
@given(texts=st.lists(TEXTS, min_size=3, max_size=6), long=LONG)
async def test_what_a_customer_writes_is_read_as_they_wrote_it(
    texts: list[str], long: str, sides: dict[str, FarSide], shop: Company, database: Database
) -> None:
    texts = [*texts, long]
    for name, far in sides.items():
        # A mail has the mails before it beneath, each line behind a sign, and signatures.
        said = [own_words(text) for text in texts] if name == "email" else texts
        came = await customers_words(shop, await stored(database, shop, Provider(name), far, said))
        if name == "telegram":
            # A long one comes in pieces.
            assert "".join(came) == "".join(texts)
        else:
            assert [meant(each, name) for each in came] == [meant(each, name) for each in said]

    conversation = await shop.opened()
    for text in texts:
        assert (await shop.post(f"/v1/conversations/{conversation}/messages", {"text": text})).is_success
    assert await customers_words(shop, conversation) == texts


async def customers_words(shop: Company, conversation: str) -> list[str]:
    listed = (await shop.get(f"/v1/conversations/{conversation}/messages?limit=200")).json()["items"]
    return [each["text"] for each in listed if each["author"] == "customer"]


def own_words(text: str) -> str:
    return "\n".join(line.lstrip(">- \t\u00a0") for line in re.split("\r\n|\n|\u2028", text))


async def stored(database: Database, shop: Company, provider: Provider, far: FarSide, texts: list[str]) -> str:
    """The conversation in which they were read."""
    async with database.tenant(shop.id) as tx:
        account = await channel_accounts.create(tx, provider=provider, name=new_id().hex, branch_id=None)
        accepted = [
            await arrivals.store(tx, Owner(account, provider.kind), event, text=event.text)
            for text in texts
            for event in far.read(text)
        ]
    return str(accepted[0].start.conversation_id)
