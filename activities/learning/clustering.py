"""Gathers questions that ask the same around the one that was asked first.

Each question joins the likest leader, or leads a group itself. Questions come in the order of their ids, which is that
of time: what is gathered a few at a time is gathered as if all had come at once.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from activities.learning.alike import Question, nearest


def gather(new: Mapping[UUID, Question], leaders: Sequence[tuple[UUID, Question]], model: str) -> dict[UUID, UUID]:
    """The leader of each new question, by id; its own id where it leads. `leaders` are those of groups there are."""
    ids = [leader for leader, _ in leaders]
    known = [question for _, question in leaders]
    found: dict[UUID, UUID] = {}
    for each in sorted(new):
        place = nearest(new[each], known, model)
        if place is None:
            ids.append(each)
            known.append(new[each])
            found[each] = each
        else:
            found[each] = ids[place]
    return found
