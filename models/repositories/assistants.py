"""Assistants and the versions of their prompts; and which one answers where."""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from models.contracts.assistants import DEFAULT_TEMPLATE, Assistant, Chosen
from models.contracts.enums import Language
from models.contracts.policy import Policy
from models.contracts.settings import TenantSettings
from models.tables import assistant_prompts, assistants
from runtime.database import TenantTx
from runtime.ids import new_id


@dataclass(frozen=True, slots=True)
class Stored:
    """An assistant as it is kept. `prompt_version` None: the template that every assistant begins with."""

    id: UUID
    slug: str
    name: str
    body: Assistant
    prompt_version: int | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Prompt:
    """A version of an assistant's prompt; it never changes."""

    version: int
    template: str
    note: str | None
    created_by: UUID | None
    created_at: datetime


COLUMNS = tuple(assistants.c[name] for name in Stored.__dataclass_fields__)
PROMPT_COLUMNS = tuple(assistant_prompts.c[name] for name in Prompt.__dataclass_fields__)


def _stored(row: sa.Row[Any]) -> Stored:
    return Stored(**{**row._mapping, "body": Assistant.model_validate(row.body)})


async def page(tx: TenantTx, *, after: UUID | None = None, limit: int = 50) -> list[Stored]:
    """Assistants, the oldest first; `after` is the last id of the page before."""
    query = sa.select(*COLUMNS).where(assistants.c.tenant_id == tx.tenant_id)
    if after is not None:
        query = query.where(assistants.c.id > after)
    return [_stored(row) for row in await tx.connection.execute(query.order_by(assistants.c.id).limit(limit))]


async def get(tx: TenantTx, assistant_id: UUID) -> Stored | None:
    row = (await tx.connection.execute(sa.select(*COLUMNS).where(*_of(tx, assistant_id)))).one_or_none()
    return None if row is None else _stored(row)


async def called(tx: TenantTx, slug: str) -> UUID | None:
    """The id of the assistant with this slug."""
    found: UUID | None = await tx.connection.scalar(
        sa.select(assistants.c.id).where(assistants.c.tenant_id == tx.tenant_id, assistants.c.slug == slug)
    )
    return found


async def count(tx: TenantTx) -> int:
    query = sa.select(sa.func.count()).select_from(assistants).where(assistants.c.tenant_id == tx.tenant_id)
    return await tx.connection.scalar(query) or 0


async def create(tx: TenantTx, *, slug: str, name: str, body: Assistant) -> Stored | None:
    """None when there is an assistant with this slug."""
    statement = insert(assistants).values(tenant_id=tx.tenant_id, id=new_id(), slug=slug, name=name, body=_body(body))
    row = (await tx.connection.execute(statement.on_conflict_do_nothing().returning(*COLUMNS))).one_or_none()
    return None if row is None else _stored(row)


async def update(tx: TenantTx, assistant_id: UUID, *, name: str, body: Assistant) -> Stored | None:
    """Replace the name and everything that can be tuned. None when there is no such assistant."""
    statement = sa.update(assistants).where(*_of(tx, assistant_id)).values(name=name, body=_body(body))
    row = (await tx.connection.execute(statement.returning(*COLUMNS))).one_or_none()
    return None if row is None else _stored(row)


async def remove(tx: TenantTx, assistant_id: UUID) -> bool:
    """Whether there was one. Its conversations go on with the assistant of their branch."""
    found = await tx.connection.scalar(sa.delete(assistants).where(*_of(tx, assistant_id)).returning(assistants.c.id))
    return found is not None


# Prompts ------------------------------------------------------------------------------------------


async def lock(tx: TenantTx, assistant_id: UUID) -> bool:
    """Whether there is such an assistant; nobody else adds a version to it until the transaction ends."""
    found = await tx.connection.scalar(sa.select(assistants.c.id).where(*_of(tx, assistant_id)).with_for_update())
    return found is not None


async def prompts(tx: TenantTx, assistant_id: UUID, *, before: int | None = None, limit: int = 50) -> list[Prompt]:
    """Versions, the newest first; `before` is the last version of the page before."""
    query = sa.select(*PROMPT_COLUMNS).where(
        assistant_prompts.c.tenant_id == tx.tenant_id, assistant_prompts.c.assistant_id == assistant_id
    )
    if before is not None:
        query = query.where(assistant_prompts.c.version < before)
    rows = await tx.connection.execute(query.order_by(assistant_prompts.c.version.desc()).limit(limit))
    return [Prompt(**row._mapping) for row in rows]


async def add_prompt(
    tx: TenantTx, assistant_id: UUID, *, template: str, note: str | None, created_by: UUID | None
) -> Prompt:
    """A new version of an assistant that is locked. It is not in force before it is activated."""
    last = await tx.connection.scalar(
        sa.select(sa.func.max(assistant_prompts.c.version)).where(
            assistant_prompts.c.tenant_id == tx.tenant_id, assistant_prompts.c.assistant_id == assistant_id
        )
    )
    row = await tx.connection.execute(
        sa.insert(assistant_prompts)
        .values(
            tenant_id=tx.tenant_id,
            id=new_id(),
            assistant_id=assistant_id,
            version=(last or 0) + 1,
            template=template,
            note=note,
            created_by=created_by,
        )
        .returning(*PROMPT_COLUMNS)
    )
    return Prompt(**row.one()._mapping)


async def activate(tx: TenantTx, assistant_id: UUID, version: int) -> bool:
    """Put a version in force; whether there is such a one. Version 0 is the template that all begin with."""
    known = sa.select(assistant_prompts.c.version).where(
        assistant_prompts.c.tenant_id == tx.tenant_id,
        assistant_prompts.c.assistant_id == assistant_id,
        assistant_prompts.c.version == version,
    )
    changed = await tx.connection.scalar(
        sa.update(assistants)
        .where(*_of(tx, assistant_id), sa.or_(sa.literal(version) == 0, known.exists()))
        .values(prompt_version=version or None)
        .returning(assistants.c.id)
    )
    return changed is not None


# Who answers --------------------------------------------------------------------------------------

_CHOSEN = """
    SELECT jsonb_build_object('id', a.id, 'name', coalesce(a.name, t.name), 'company', t.name,
        'assistant', coalesce(a.body, '{}'), 'template', p.template, 'branch_tag', b.knowledge_tag)
    FROM tenants t
    LEFT JOIN conversations c ON c.tenant_id = t.id AND c.id = :conversation
    LEFT JOIN channel_accounts o ON o.tenant_id = c.tenant_id AND o.id = c.channel_account_id
    LEFT JOIN branches b ON b.tenant_id = o.tenant_id AND b.id = o.branch_id
    LEFT JOIN assistants a ON a.tenant_id = t.id AND a.id = coalesce({chosen},
        (SELECT d.id FROM assistants d WHERE d.tenant_id = t.id AND d.slug = 'default'))
    LEFT JOIN assistant_prompts p
        ON p.tenant_id = a.tenant_id AND p.assistant_id = a.id AND p.version = a.prompt_version
    WHERE t.id = :tenant
"""

CHOSEN = _CHOSEN.replace("{chosen}", "c.assistant_id, b.assistant_id")
"""As JSON, for a statement that has `:tenant` and `:conversation`: who answers there (see `chosen_of`)."""

_BY_CONVERSATION = sa.text(CHOSEN).bindparams(
    sa.bindparam("tenant", type_=sa.Uuid()), sa.bindparam("conversation", type_=sa.Uuid())
)

# One round trip for all that a question without a conversation begins with.
_RULES = sa.text(
    """
    SELECT ({CHOSEN}) AS chosen, t.language, s.body::text AS settings,
        (SELECT body::text FROM policies WHERE tenant_id = :tenant ORDER BY version DESC LIMIT 1) AS policy,
        CAST(:slug AS text) IS NULL OR :slug = 'default'
            OR EXISTS (SELECT FROM assistants WHERE tenant_id = :tenant AND slug = :slug) AS known
    FROM tenants t JOIN tenant_settings s ON s.tenant_id = t.id WHERE t.id = :tenant
    """.replace(
        "{CHOSEN}",
        _CHOSEN.replace("{chosen}", "(SELECT n.id FROM assistants n WHERE n.tenant_id = t.id AND n.slug = :slug)"),
    )
).bindparams(
    sa.bindparam("tenant", type_=sa.Uuid()),
    sa.bindparam("conversation", None, type_=sa.Uuid()),
    sa.bindparam("slug", type_=sa.Text()),
)


@dataclass(frozen=True, slots=True)
class Rules:
    """Who answers a question without a conversation, and by which of the tenant's rules; `language` is the tenant's."""

    chosen: Chosen
    settings: TenantSettings
    policy: Policy
    language: Language


def chosen_of(row: dict[str, Any]) -> Chosen:
    """What CHOSEN gave. The assistant's own tags, where it has some, and its branch's otherwise."""
    assistant = Assistant.model_validate(row["assistant"])
    tag = row["branch_tag"]
    return Chosen(
        id=row["id"],
        name=row["name"],
        company=row["company"],
        assistant=assistant,
        template=row["template"] or DEFAULT_TEMPLATE,
        tags=assistant.tags or (() if tag is None else (tag,)),
    )


async def of_conversation(tx: TenantTx, conversation: UUID) -> Chosen:
    """Who answers in a conversation: its own assistant, else its branch's, else the tenant's default."""
    row = await tx.connection.scalar(_BY_CONVERSATION, {"tenant": tx.tenant_id, "conversation": conversation})
    return chosen_of(row)


async def rules(tx: TenantTx, slug: str | None = None) -> Rules | None:
    """By which a question without a conversation is answered. None when no assistant has this slug."""
    row = (await tx.connection.execute(_RULES, {"tenant": tx.tenant_id, "slug": slug})).one()
    if not row.known:
        return None
    return Rules(
        chosen=chosen_of(row.chosen),
        settings=_settings(row.settings),
        policy=_policy(row.policy or "{}"),
        language=Language(row.language),
    )


# Asked for at every question, and changed by hand: a policy of many topics takes longer to check than to read.
@lru_cache(maxsize=200)
def _settings(body: str) -> TenantSettings:
    return TenantSettings.model_validate(json.loads(body))


@lru_cache(maxsize=200)
def _policy(body: str) -> Policy:
    return Policy.model_validate(json.loads(body))


def _of(tx: TenantTx, assistant_id: UUID) -> tuple[sa.ColumnElement[bool], ...]:
    return assistants.c.tenant_id == tx.tenant_id, assistants.c.id == assistant_id


def _body(body: Assistant) -> dict[str, Any]:
    return body.model_dump(mode="json", exclude_defaults=True)
