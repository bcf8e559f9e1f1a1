"""Pairs of question and answer: each question becomes a heading, so that it is found and quoted with its answer."""

import json
from collections.abc import Iterable, Sequence

from activities.reading.markdown import Markdown, escaped
from activities.reading.port import Limits, Reading

QUESTION = {"question", "questions", "q", "вопрос", "вопросы", "сұрақ", "сұрақтар", "сурак"}
ANSWER = {"answer", "answers", "a", "ответ", "ответы", "жауап", "жауаптар"}


def columns(header: Sequence[str]) -> tuple[int, int] | None:
    """Where question and answer stand in a table, if its header says so."""
    names = [name.strip().strip(":?*").casefold() for name in header]
    question = next((place for place, name in enumerate(names) if name in QUESTION), None)
    answer = next((place for place, name in enumerate(names) if name in ANSWER), None)
    return None if question is None or answer is None else (question, answer)


def write_pairs(out: Markdown, pairs: Iterable[tuple[str, str]]) -> None:
    """Plain text in; a pair without a question or without an answer is left out."""
    for question, answer in pairs:
        if question.strip() and answer.strip():
            out.heading(2, escaped(question))
            out.paragraph(escaped_lines(answer))


def escaped_lines(text: str) -> str:
    """Plain text as lines of inline Markdown."""
    return "\n".join(escaped(line) for line in text.splitlines())


def read_json_pairs(text: str, limits: Limits) -> Reading | None:
    """A JSON list of objects with `question` and `answer`, or None if it is something else."""
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(rows, list) or not rows:
        return None
    pairs = []
    for row in rows:
        named = columns(list(row)) if isinstance(row, dict) else None
        if named is None:
            return None
        values = list(row.values())
        pairs.append((str(values[named[0]]), str(values[named[1]])))
    out = Markdown(limits.characters)
    write_pairs(out, pairs)
    return Reading(str(out), "application/json")
