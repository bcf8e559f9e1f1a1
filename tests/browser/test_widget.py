"""The widget in a real browser: a customer's day, bad networks, no mouse, other languages, strict pages."""

import asyncio
import re
import time
from typing import Any
from uuid import UUID

import jwt
import pytest
from playwright.async_api import Page, Route, expect

from activities.channels import typing
from activities.turn import generate
from tests.browser.accessibility import faults, read_aloud
from tests.browser.conftest import SCREENSHOTS, Shop
from tests.browser.texts import ANSWERS, read
from tests.service.whole import messages_of, open_escalation

QUESTION = "How many days do I have to return something?"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)

pytestmark = pytest.mark.slow


async def shot(page: Page, name: str) -> None:
    await page.screenshot(path=SCREENSHOTS / f"{name}.png")


async def opened(page: Page, url: str) -> None:
    await page.goto(url)
    await page.get_by_role("button", name="Open chat").click()
    await expect(page.get_by_role("dialog")).to_be_visible()


async def write(page: Page, text: str) -> None:
    await page.get_by_label("Your message").fill(text)
    await page.keyboard.press("Enter")


async def said(page: Page) -> list[str]:
    return await page.locator(".said .text").all_inner_texts()


async def conversation_of(shop: Shop, text: str) -> tuple[str, list[dict[str, Any]]]:
    """The conversation in which somebody wrote `text`, and its messages."""
    for each in (await shop.company.get("/v1/conversations?limit=50")).json()["items"]:
        found = await messages_of(shop.company, each["id"])
        if any(message["text"] == text for message in found):
            return each["id"], found
    raise AssertionError(f"nobody has written {text!r}")


async def test_a_customers_day(shop: Shop, page: Page) -> None:
    """A question is answered with its source; a person is asked for, takes over and replies; a reload goes on."""
    url = shop.page("/", shop.snippet())
    await opened(page, url)
    await shot(page, "widget-1-open")
    await write(page, QUESTION)
    answer = page.locator(".said.bot").nth(1)
    await expect(answer).to_contain_text("14 days")
    await expect(page.locator(".typing")).to_have_count(0)
    await expect(page.get_by_role("log")).not_to_have_attribute("aria-busy", "true")
    await answer.get_by_text("Sources (1)").click()
    await expect(answer.locator(".sources li")).to_have_text("Returns and refunds")
    await shot(page, "widget-2-answer")
    assert await faults(page) == []

    await page.get_by_role("button", name="Talk to a person").click()
    await expect(page.get_by_role("status")).to_have_text("A person will answer you here.")
    conversation, _ = await conversation_of(shop, QUESTION)
    escalation = await open_escalation(shop.company, conversation)
    path = f"/v1/escalations/{escalation['id']}"
    taken = await shop.company.post(f"{path}/take", headers=shop.company.as_("aigerim"))
    assert taken.is_success, taken.text
    await expect(page.get_by_role("status")).to_have_text("You are talking with a person.")
    # What a person writes is a text, whatever it looks like; addresses lead to the web alone.
    text = "**Hello!** See [our page](https://example.com/a) or [this](javascript:alert(1)):\n- <img src=x onerror=alert(1)>\n- `b`"
    await page.keyboard.press("Escape")
    await shop.company.post(f"{path}/reply", {"text": text}, headers=shop.company.as_("aigerim"))
    await page.get_by_role("button", name="Open chat. New messages").click()
    reply = page.locator(".said.manager")
    await expect(reply.locator(".text")).to_have_text(text)
    assert await reply.locator("a").evaluate_all("all => all.map(a => [a.href, a.target, a.rel])") == [
        ["https://example.com/a", "_blank", "noopener noreferrer nofollow"]
    ]
    assert await reply.locator("img").count() == 0
    await shot(page, "widget-3-person")

    before = await said(page)
    await page.reload()
    await expect(page.locator(".said.manager")).to_be_visible()
    assert await said(page) == before
    await expect(page.get_by_role("status")).to_have_text("You are talking with a person.")
    chooser = page.get_by_role("dialog").locator("input[type=file]")
    await chooser.set_input_files({"name": "setup.png", "mimeType": "image/png", "buffer": b"MZ" + bytes(64)})
    await expect(page.get_by_role("alert")).to_contain_text("The file was not taken")
    large = bytes((20 << 20) + 1)
    await chooser.set_input_files({"name": "large.png", "mimeType": "image/png", "buffer": large})
    await expect(page.get_by_role("alert")).to_have_text("The file is too large: it may have 20 MB at most.")
    attached = page.get_by_role("list", name="Attached files").get_by_role("listitem")
    for name in ("table.png", "chair <1>.png"):
        await chooser.set_input_files({"name": name, "mimeType": "image/png", "buffer": PNG})
        await expect(attached.filter(has_text=name)).to_be_visible()
    await page.get_by_role("button", name="Remove: table.png").click()
    await expect(attached).to_have_count(1)
    assert await faults(page) == []
    await write(page, "Thank you, bye.")
    await expect(page.locator(".note")).to_have_count(0)
    assert (await said(page))[-1] == "Thank you, bye."
    await page.reload()
    await expect(page.locator(".said.customer").last.get_by_role("link")).to_have_text("chair <1>.png")
    # Nobody else of this browser has read it, and nothing of it is kept there but what opens the chat again.
    kept = await page.evaluate("Object.entries(localStorage).flat().join(' ')")
    assert "Thank you" not in kept
    assert QUESTION not in kept


async def test_what_is_written_offline_is_sent_once(shop: Shop, page: Page) -> None:
    await opened(page, shop.page("/offline", shop.snippet()))
    await write(page, "First, while there is a network.")
    await expect(page.locator(".said.bot").nth(1)).to_be_visible()
    await page.context.set_offline(True)
    await write(page, "Second, without one.")
    await write(page, "Third, after it.")
    await expect(page.locator(".note")).to_have_text(["Waiting to be sent"] * 2)
    await expect(page.get_by_role("alert")).to_contain_text("You are offline.")
    await shot(page, "widget-4-offline")
    assert await faults(page) == []

    # Back, but the first answer is lost on its way: whether it was stored, the page cannot know.
    lost = asyncio.Event()

    async def lose_the_first(route: Route) -> None:
        if lost.is_set():
            await route.continue_()
            return
        lost.set()
        await route.fetch()
        await route.abort()

    await page.route(re.compile("/messages$"), lose_the_first)
    await page.context.set_offline(False)
    await expect(page.locator(".note")).to_have_count(0)
    assert lost.is_set()
    _, stored = await conversation_of(shop, "Third, after it.")
    mine = [each["text"] for each in stored if each["author"] == "customer"]
    assert mine == ["First, while there is a network.", "Second, without one.", "Third, after it."]


async def test_what_was_not_sent_survives_a_reload(shop: Shop, page: Page) -> None:
    """By the first message of somebody who has no conversation yet."""
    await page.route(re.compile("/session$"), lambda route: route.abort())
    await opened(page, shop.page("/reload", shop.snippet()))
    await write(page, "Sent by the next page.")
    await expect(page.locator(".note")).to_have_text("Waiting to be sent")
    await page.unroute(re.compile("/session$"))
    await page.reload()
    await expect(page.locator(".said.customer")).to_have_count(1)
    await expect(page.locator(".said.bot").nth(1)).to_be_visible()
    _, stored = await conversation_of(shop, "Sent by the next page.")
    assert [each["author"] for each in stored] == ["customer", "bot"]


async def test_without_a_mouse(shop: Shop, page: Page) -> None:
    await page.goto(shop.page("/keys", shop.snippet()))
    launcher = page.get_by_role("button", name="Open chat")
    await launcher.focus()
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Altyn Home")
    await expect(dialog).to_be_visible()
    await expect(page.get_by_label("Your message")).to_be_focused()
    within = "document.querySelector('mainstay-chat').shadowRoot.activeElement?.closest('.panel') != null"
    names = set()
    for key in ["Tab"] * 6 + ["Shift+Tab"] * 6:
        await page.keyboard.press(key)
        assert await page.evaluate(within), f"{key} leaves the dialog"
        names.add(await page.evaluate("document.querySelector('mainstay-chat').shadowRoot.activeElement.className"))
    assert len(names) >= 3, "the focus goes round"
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(launcher).to_be_focused()


async def is_light(page: Page) -> bool:
    ground = await page.locator(".panel").evaluate("each => getComputedStyle(each).backgroundColor")
    return bool(ground == "rgb(255, 255, 255)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_can_be_read_in_both_schemes_and_every_language(shop: Shop, page: Page, scheme: Any) -> None:
    """And in the scheme that a page asks for, whatever the visitor's is."""
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    other = "dark" if scheme == "light" else "light"
    for language, button, send in (
        ("ru", "Открыть чат", "Отправить"),
        ("kk-KZ", "Чатты ашу", "Жіберу"),
        ("de", "Open chat", "Send"),
    ):
        theme = {"theme": other} if language == "ru" else {}
        await page.goto(shop.page(f"/{scheme}/{language}", shop.snippet(language=language, **theme)))
        if language == "ru":  # and from page to page it stays open
            await page.get_by_role("button", name=button).click()
            assert await is_light(page) == (other == "light")
        await expect(page.get_by_role("button", name=button)).to_be_visible()
        await expect(page.get_by_role("button", name=send)).to_be_visible()
        assert await faults(page) == []
    await write(page, QUESTION)
    await expect(page.locator(".sources")).to_be_visible()
    await page.locator(".sources summary").click()
    assert await faults(page) == []
    assert await is_light(page) == (scheme == "light")
    await page.set_viewport_size({"width": 360, "height": 640})
    box = await page.locator(".panel").bounding_box()
    assert box is not None
    assert (box["width"], box["height"]) == (360, 640), "a phone has no room beside it"
    await shot(page, f"widget-5-{scheme}")


async def test_in_a_frame_over_a_websocket(shop: Shop, page: Page) -> None:
    """The gateway's own page inside the site's; where events do not come through as a stream, they come by a socket."""
    frame_url = f"{shop.gateway}/widget/v1/frame?account={shop.account}"
    await page.route(re.compile("/events$"), lambda route: route.abort())
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    await page.goto(shop.page("/framed", f'<body><iframe src="{frame_url}" title="Chat" height="600"></iframe></body>'))
    frame = page.frame_locator("iframe")
    await frame.get_by_label("Your message").fill(QUESTION)
    await frame.get_by_role("button", name="Send").click()
    await expect(frame.locator(".said.bot").nth(1)).to_contain_text("14 days")
    assert sockets
    assert all("token" not in url for url in sockets)
    await shot(page, "widget-6-frame")


async def test_an_answer_is_seen_while_it_is_written(shop: Shop, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as it is checked, over a socket and past a reload; readers of the screen get it once, when it is whole."""
    first, second, third = (
        "You can return goods within 14 days of receiving them if they were not used and the packaging and labels are kept.",
        "The receipt helps but is not required: the order number is enough.",
        "We check the goods within 2 working days.",
    )
    draft, answer = page.locator(".said.draft"), page.locator(".said.bot:not(.draft)")
    dots = page.locator(".typing")
    monkeypatch.setattr(generate, "STILL", 0.2)
    monkeypatch.setattr(typing, "AGAIN", 0.1)
    await opened(page, shop.page("/writing", shop.snippet(transport="ws")))
    async with shop.writing() as model:
        await write(page, QUESTION)
        await expect(dots).to_be_visible()
        # A page that was not there when it was asked is told.
        await page.reload()
        await expect(dots).to_be_visible()
        model.say(f"{first} The receipt")
        await expect(draft).to_contain_text(first)
        await expect(dots).to_have_count(0)
        assert "14 days" not in await read_aloud(page)
        assert await faults(page) == []
        await shot(page, "widget-7-draft")
        await page.reload()
        await expect(draft).to_contain_text(first)
        model.say(f"{second.removeprefix('The receipt')} We")
        await expect(draft).to_contain_text(second)
        model.say(third.removeprefix("We"))
        model.end()
        await expect(answer.nth(1)).to_contain_text(f"{first} {second} {third}")
        await expect(draft).to_have_count(0)
        assert "14 days" in await read_aloud(page)

        # What turns out wrong is taken away, and the page is quoted.
        await write(page, "And for how many days can I return a sofa?")
        model.say(f"{first} You")
        await expect(draft).to_contain_text(first)
        model.say(" get 99 days. We")
        model.end()
        await expect(answer.nth(2).locator(".sources")).to_be_visible()
        await expect(draft).to_have_count(0)
        assert not [each for each in await said(page) if "99" in each]


async def test_answers_are_read_as_they_stand_and_nothing_in_them_runs(shop: Shop, page: Page) -> None:
    """As they come, word by word, and when the page is loaded again."""
    await opened(page, shop.page("/texts", shop.snippet()))
    await write(page, "How are answers shown?")
    await expect(page.locator(".said.bot").nth(1)).to_be_visible()
    conversation, _ = await conversation_of(shop, "How are answers shown?")
    before = len(await read(page))
    await shop.say(UUID(conversation), [text for text, _, _ in ANSWERS])
    for _ in range(2):
        await expect(page.locator(".said.bot .text")).to_have_count(before + len(ANSWERS))
        await expect(page.get_by_role("log")).not_to_have_attribute("aria-busy", "true")
        assert (await read(page))[before:] == [[blocks, marked] for _, blocks, marked in ANSWERS]
        assert await page.evaluate("window.ran") is None
        await page.reload()


async def test_who_is_signed_in_on_the_page_goes_on_in_every_browser(shop: Shop, page: Page) -> None:
    claims = {"sub": "c-77", "name": "Dana", "aud": shop.account, "exp": int(time.time()) + 300}
    token = jwt.encode(claims, shop.secret, "HS256")
    url = shop.page("/signed-in", shop.snippet(identity=token))
    await opened(page, url)
    await write(page, "Do you know me?")
    await expect(page.locator(".said.bot").nth(1)).to_be_visible()
    other = await page.context.browser.new_context() if page.context.browser else page.context
    second = await other.new_page()
    await opened(second, url)
    await expect(second.locator(".said.customer .text")).to_have_text("Do you know me?")
    assert "resume" not in await second.evaluate("Object.keys(localStorage).join()")
    await other.close()
    (known,) = (await shop.company.get("/v1/customers?external_id=c-77")).json()["items"]
    assert known["name"] == "Dana"


async def test_nothing_is_shown_where_it_may_not_be(shop: Shop, page: Page) -> None:
    """On pages of another origin than the site's."""
    url = shop.page("/elsewhere", shop.snippet()).replace("127.0.0.1", "localhost")
    async with page.expect_event("requestfailed", lambda request: request.url.endswith("/config")):
        await page.goto(url)
    assert await page.locator("mainstay-chat").count() == 0
