"""What changed from one policy to another, by field. Topics are compared by name, wherever they stand."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from models.contracts.policy import Policy


@dataclass(frozen=True, slots=True)
class Change:
    """`field` as topics.refunds.phrases. None stands for what is not there."""

    field: str
    before: Any
    after: Any


def difference(before: Policy, after: Policy) -> list[Change]:
    """Every field that differs; nothing, when the two say the same."""
    return list(_changes("", _by_name(before), _by_name(after)))


def _by_name(policy: Policy) -> dict[str, Any]:
    """As JSON, with topics by name; their order counts too, since the first that matches decides."""
    body = policy.model_dump(mode="json")
    topics = {topic["name"]: topic for topic in body.pop("topics")}
    return {"order of topics": list(topics), "topics": topics, **body}


def _changes(path: str, before: Any, after: Any) -> Iterator[Change]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for name in {**before, **after}:
            yield from _changes(f"{path}.{name}".lstrip("."), before.get(name), after.get(name))
    else:
        yield Change(path, before, after)
