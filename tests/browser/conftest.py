"""A real headless Chromium, and a company's site with the widget beside a whole system."""

import os
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa
from playwright.async_api import Browser, Page, async_playwright, expect

from models.contracts.enums import Author, Direction, EventType, MessageStatus, ReplyKind
from models.repositories import events
from models.tables import messages
from runtime.database import Database
from runtime.embedded import Servers
from runtime.ids import new_id
from tests.fakes.model import FakeModel, speaking
from tests.fakes.site import Page as Document
from tests.fakes.site import Site, serving
from tests.service.api.house import Company
from tests.service.whole import SAMPLE, eventually, job_is_done, servers_of_its_own, system

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
# Containers have little shared memory; root has no sandbox.
ARGUMENTS = ["--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
# Milliseconds: other tests may have the processors meanwhile.
PATIENCE = 40_000
expect.set_options(timeout=PATIENCE)
# As slow as a test is.
MODEL = {"llm_provider": "openai", "llm_model": "a-model", "llm_turn_seconds": 60, "llm_stall_seconds": 60}


@dataclass
class Shop:
    """A company that has put the widget on its page. `account` is the site's, `secret` proves who is signed in;
    `assistant` answers."""

    company: Company
    site: Site
    account: str
    secret: str
    model: FakeModel
    assistant: str
    database: Database

    async def say(self, conversation: UUID, texts: Sequence[str]) -> None:
        """In the bot's place, what no model could be brought to say."""
        said = [new_id() for _ in texts]
        about = {"conversation_id": conversation, "direction": Direction.OUTBOUND, "status": MessageStatus.SENT}
        async with self.database.tenant(self.company.id) as tx:
            about |= {"tenant_id": tx.tenant_id, "author": Author.BOT, "kind": ReplyKind.ANSWER}
            values = [about | {"id": each, "text": text} for each, text in zip(said, texts, strict=True)]
            await tx.connection.execute(sa.insert(messages).values(values))
            happened = [(EventType.MESSAGE, {"message_id": str(each), "author": Author.BOT.value}) for each in said]
            await events.append_all(tx, happened, conversation)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[FakeModel]:
        """Inside, the model writes the answers."""
        for route in ("default", "quote"):
            changed = await self.company.http.put(
                f"/v1/assistants/{self.assistant}", json={"name": "Aru", "assistant": {"route": route}}
            )
            assert changed.is_success, changed.text
            if route == "default":
                yield self.model

    @property
    def gateway(self) -> str:
        return str(self.company.http.base_url).rstrip("/")

    def page(self, path: str, markup: str) -> str:
        """Put a page on the site whose policy allows the gateway's script and connections, and nothing inline."""
        socket = self.gateway.replace("http", "ws", 1)
        policy = f"default-src 'none'; script-src {self.gateway}; connect-src {self.gateway} {socket}; frame-src {self.gateway}"
        body = f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Shop</title></head>{markup}</html>'
        self.site.pages[path] = Document(body.encode(), headers={"Content-Security-Policy": policy}, etag=False)
        return self.site.url + path

    def snippet(self, **attributes: str) -> str:
        more = "".join(f' data-{name}="{value}"' for name, value in attributes.items())
        script = f'<script src="{self.gateway}/widget/v1/widget.js" data-account="{self.account}"{more} async></script>'
        return f'<body><h1>Altyn Home</h1><a href="#x">A link of the page</a>{script}</body>'


@pytest.fixture(scope="module")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    async with servers_of_its_own(tmp_path_factory.mktemp("browser")) as servers:
        yield servers


@pytest.fixture(scope="module")
async def shop(servers: Servers) -> AsyncIterator[Shop]:
    """The sample company with one of its pages; passages are quoted, and a model writes where a test lets it."""
    async with (
        speaking() as model,
        system(servers, learns=False, llm_url=model.url, **MODEL) as altyn,
        serving() as site,
    ):
        page = {"name": "returns", "text": (SAMPLE / "en" / "returns.md").read_text(), "language": "en"}
        staged = await altyn.post("/v1/kb/sources", {"name": "help", "documents": [page]})
        await eventually(lambda: job_is_done(altyn, staged.json()["job_id"]))
        quoting = {"slug": "default", "name": "Aru", "assistant": {"route": "quote"}}
        assistant = (await altyn.post("/v1/assistants", quoting)).json()["id"]
        given = {"origins": [site.url], "title": "Altyn Home", "color": "#0b6e4f"}
        made = await altyn.post("/v1/channel-accounts", {"provider": "web", "name": "shop", "settings": given})
        assert made.status_code == 201, made.text
        database = Database(servers.database_url)
        yield Shop(altyn, site, made.json()["id"], made.json()["webhook_secret"], model, assistant, database)
        await database.close()


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        assert not os.environ.get("CI"), "CI has a browser: see .ci/run"
        pytest.skip("no Chromium here")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """Somebody's browser, which has been nowhere before. What a page reports as an error fails the test."""
    context = await browser.new_context(viewport={"width": 1000, "height": 760}, locale="en-GB")
    context.set_default_timeout(PATIENCE)
    page = await context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if "Content Security" in message.text else None)
    yield page
    await context.close()
    assert faults == []
