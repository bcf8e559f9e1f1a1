"""The sample company: its tenant, its people, its help pages and its day, as `demo` and `up --demo` bring them."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import IntegrityError

from models.contracts.enums import Language, Role
from models.repositories import api_keys, tenants
from runtime.database import Database
from runtime.ids import new_id
from runtime.settings import Settings

SAMPLE = Path(__file__).resolve().parent.parent / "samples" / "altyn_home"
COMPANY = "Altyn Home"
SLUG = "altyn-home"
OWNER = "Saule"


class Turn(BaseModel):
    """What a customer writes, and what must come of it (see samples/altyn_home/dialogue.toml)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    customer: str
    language: Language
    text: str
    outcome: Literal["answer", "escalation"]
    source: str | None = None
    contains: str | None = None
    follow_up: bool = False


@dataclass(frozen=True, slots=True)
class Company:
    """The tenant, with a key for each of its people."""

    slug: str
    keys: dict[str, str]
    members: dict[str, str]


def day() -> list[Turn]:
    """The scripted turns, in order."""
    return [Turn.model_validate(turn) for turn in tomllib.loads((SAMPLE / "dialogue.toml").read_text("utf-8"))["turn"]]


def pages() -> list[dict[str, Any]]:
    """The help pages in both languages, as the API takes them."""
    return [
        {"name": f"{page.parent.name}/{page.name}", "text": page.read_text("utf-8"), "media_type": "text/markdown"}
        for page in sorted(SAMPLE.glob("*/*.md"))
    ]


async def found(database: Database, slug: str) -> Company:
    """Create the company with an owner and two managers. Raises IntegrityError when the slug is taken."""
    tenant = new_id()
    people = {OWNER: Role.OWNER, "Madina": Role.AGENT, "Timur": Role.AGENT}
    keys, members = {}, {}
    async with database.tenant(tenant) as tx:
        await tenants.create(tx, slug=slug, name=COMPANY, language=Language.EN)
        for name, role in people.items():
            member = await tenants.add_member(tx, name=name, role=role)
            members[name] = str(member.id)
            keys[name] = (await api_keys.create(tx, member.id, name="sample"))[1]
    return Company(slug, keys, members)


async def bring(settings: Settings) -> Company | None:
    """The company with its pages in the system of `settings`; None when it is there already."""
    assert settings.database_url is not None, "the system runs"
    database = Database(settings.database_url.get_secret_value(), pool_size=1)
    try:
        company = await found(database, SLUG)
    except IntegrityError:
        return None
    finally:
        await database.close()
    headers = {"Authorization": f"Bearer {company.keys[OWNER]}"}
    async with httpx.AsyncClient(
        base_url=f"http://{settings.host}:{settings.port}", headers=headers, trust_env=False
    ) as api:
        (await api.post("/v1/kb/sources", json={"name": "Help pages", "documents": pages()})).raise_for_status()
    return company
