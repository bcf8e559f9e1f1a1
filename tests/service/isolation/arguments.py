"""What a repository's function is called with: another tenant's ids, and the simplest values beside them."""

import types
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import Table

from models.repositories.audit import SYSTEM, Actor
from models.repositories.vault import Vault
from models.tables import metadata
from runtime.crypto.roots import RootKeys
from tests.service.api.house import ROOT_KEYS
from tests.service.isolation.world import World

# Parameters that are an id of something else than their name says.
KINDS = {
    "account": "account_id",
    "before": "conversation_id",
    "after": "source_id",
    "creator": "member_id",
    "ids": "message_id",
    "chunk_ids": "chunk_id",
    "by": "member_id",
    "created_by": "member_id",
    "closed_by": "member_id",
    "instead_of": "key_id",
    "reference": "message_id",
    "id": "learned_id",
    "entry": "learned_id",
    "on": "learned_id",
    "same_as": "learned_id",
    "answered_by": "member_id",
    "questions": "question_id",
    "pairs": "chunk_id",
    "of": "crawl_id",
    "only": "page_id",
    "owner": "member_id",
    "target": "member_id",
    "uploaded": "attachment_id",
    "busy": "desk_id",
    "vectors": "chunk_id",
    "bands": "chunk_id",
    "calls": "assistant_id",
}
# The same of parameters that are texts.
TEXTS = {"key": "media_key"}
ROOTS = RootKeys.parse(ROOT_KEYS)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class NotTaughtError(Exception):
    """There is no value for a parameter of this name and type."""


def argument(name: str, hint: Any, world: World) -> Any:
    """A value for a parameter. Raises NotTaughtError."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return argument(name, next(part for part in parts if part is not type(None)), world)
    if hint is UUID:
        return _theirs(name, world)
    if origin is Literal:
        return parts[0]
    if origin is tuple and parts[-1] is not Ellipsis:
        return tuple(argument(name, part, world) for part in parts)
    if origin in (list, set, frozenset, tuple, Sequence):
        items = [argument(name, parts[0], world)]
        return items if origin is Sequence else origin(items)
    if origin in (dict, Mapping, Counter) or hint in (Any, object):
        return Counter() if origin is Counter else {}
    if isinstance(hint, type):
        return _simple(name, hint, world)
    raise NotTaughtError(f"{name}: {hint}")


def _theirs(name: str, world: World) -> UUID:
    for kind in (KINDS.get(name), name, f"{name}_id", f"{name.removesuffix('s')}_id"):
        if kind in world.theirs.ids:
            return UUID(world.theirs.ids[kind])
    raise NotTaughtError(f"{name}: an id of what?")


def _simple(name: str, hint: type, world: World) -> Any:
    plain: Mapping[type, Any] = {
        str: "x",
        int: 1,
        float: 0.5,
        bool: False,
        bytes: b"x",
        dict: {},
        date: NOW.date(),
        datetime: NOW,
        timedelta: timedelta(seconds=1),
        Actor: SYSTEM,
        RootKeys: ROOTS,
        Table: metadata.tables["drafts"],
        Vault: Vault(ROOTS),
    }
    if hint is str and name in TEXTS:
        return world.theirs.ids[TEXTS[name]]
    if hint in plain:
        return plain[hint]
    if issubclass(hint, Enum):
        return next(iter(hint))
    if issubclass(hint, BaseModel):
        needed = {key: field for key, field in hint.model_fields.items() if field.is_required()}
        return hint(**{key: argument(key, field.annotation, world) for key, field in needed.items()})
    if hasattr(hint, "__dataclass_fields__"):
        hints = get_type_hints(hint)
        return hint(**{key: argument(key, hints[key], world) for key in hint.__dataclass_fields__})
    raise NotTaughtError(f"{name}: {hint}")
