"""What a desk's posts look like, in Telegram's HTML. Pure; whatever customers and managers wrote fits and is shown as it
was written."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from activities.channels.text.cutting import parts, size
from activities.desk.words import Words
from models.contracts.channels import Button, Capabilities, ContactCard, FileState, Markup, Media, Part, Place, Unit
from models.contracts.desk import Review, Said
from models.contracts.enums import Author, Command, EscalationStatus, LearnedStatus
from models.repositories.attachments import File
from models.repositories.conversations import Conversation
from models.repositories.escalations import Escalation
from models.repositories.learned_queue import Listed
from models.repositories.messages import Message
from runtime.characters import beginning

LIMIT = 4_096
CAPTION = 1_024
TOPIC_CHARACTERS = 128
CONTEXT = 6
"""Messages that a card shows."""

_NAME, _SAID, _LEARNED = 200, 450, 1_800
_TEXTS = Capabilities(markup=Markup.TELEGRAM, unit=Unit.UTF16, text_limit=LIMIT - 500)

_OFFERED: dict[EscalationStatus, tuple[tuple[Command, ...], ...]] = {
    EscalationStatus.PENDING: ((Command.TAKE, Command.SKIP), (Command.RETURN, Command.RESOLVE)),
    EscalationStatus.ACTIVE: ((Command.RESOLVE,), (Command.SKIP, Command.RETURN)),
}
"""What can be pressed, by how the escalation stands."""


def topic_name(words: Words, conversation: Conversation) -> str:
    """What a conversation's topic is called: at most TOPIC_CHARACTERS."""
    name = " ".join((conversation.customer_name or words.nobody).split()) or words.nobody
    channel = words.channels[conversation.channel]
    return f"{beginning(name, TOPIC_CHARACTERS - len(channel) - 3)} · {channel}"


def card(words: Words, escalation: Escalation, conversation: Conversation, said: Sequence[Message]) -> Part:
    """Who asks for a person, why, and how it stands; the last of what was said before; what can be done."""
    facts = [f"<b>{_name(words, conversation)}</b>", escape(words.channels[conversation.channel])]
    if conversation.language is not None:
        facts.append(conversation.language.value)
    if escalation.customer_verified:
        facts.append(escape(words.verified))
    by = escalation.taken_by_name if escalation.status is EscalationStatus.ACTIVE else escalation.closed_by_name
    lines = [
        " · ".join(facts),
        f"{escape(words.request.format(number=escalation.number))}: {escape(words.reasons[escalation.reason])}",
        f"<b>{_filled(words.statuses[escalation.status], name=by or '')}</b>",
        "",
        *(_line(words, each) for each in said[-CONTEXT:]),
    ]
    return Part(text="\n".join(lines).strip(), buttons=_buttons(words, escalation))


def _buttons(words: Words, escalation: Escalation) -> tuple[tuple[Button, ...], ...]:
    return tuple(
        tuple(Button(text=words.buttons[each], data=f"{each.value}:{escalation.id.hex}") for each in row)
        for row in _OFFERED.get(escalation.status, ())
    )


def _line(words: Words, message: Message) -> str:
    shown = message.text.strip() or ", ".join(words.kinds[file.kind] for file in message.files)
    if not shown and message.extras:
        shown = _unshown(words, message.extras)
    return f"<b>{escape(_author(words, message.author))}:</b> {clip(' '.join(shown.split()), _SAID)}"


def _unshown(words: Words, extras: Mapping[str, Any]) -> str:
    """What somebody sent that is no text and no file. A kind that we have no word for is called as its provider does."""
    known = [each for each in ("place", "contact") if each in extras]
    kinds = [extras["unsupported"]] if "unsupported" in extras else known
    return words.unshown.format(kind=", ".join(words.unshown_kinds.get(each, each) for each in kinds))


def message(words: Words, said: Message, name: str | None, *, changed: bool) -> list[Part]:
    """What somebody said, with the files that go with it. `name`: the customer's, or the manager's.

    A customer's files come by themselves, when they are here (see `file`).
    """
    who = clip(name or _author(words, said.author), _NAME)
    state = words.deleted if said.deleted_at is not None else words.edited if changed else None
    header = f"<b>{who}</b>" + ("" if state is None else f" ({escape(state)})")
    extras = said.extras or {}
    texts = _texts(said)
    if "unsupported" in extras:
        texts = [*texts, escape(_unshown(words, extras))]
    found = [Part(text=f"{header}\n{text}" if place == 0 else text) for place, text in enumerate(texts)]
    if "place" in extras:
        found.append(Part(place=Place.model_validate(extras["place"])))
    if "contact" in extras:
        found.append(Part(contact=ContactCard.model_validate(extras["contact"])))
    if said.author is not Author.CUSTOMER:
        found += [Part(media=each) for each in map(media_of, said.files) if each is not None]
    return found


def _texts(said: Message) -> list[str]:
    """People write words; what we write is Markdown."""
    return parts(said.text, _TEXTS, literal=said.author in (Author.CUSTOMER, Author.MANAGER))


def file(words: Words, sent: File, said: Message, name: str | None) -> list[Part]:
    """A file of the customer's, with the words that were heard in it."""
    media = media_of(sent)
    if media is None:
        return []
    heard = said.text if (said.extras or {}).get("transcribed") else ""
    caption = f"<b>{clip(name or words.customer, _NAME)}</b>"
    return [Part(text=f"{caption}\n{clip(heard, CAPTION - _NAME - 10)}".strip(), media=media)]


def media_of(sent: File) -> Media | None:
    if sent.state is not FileState.STORED or sent.key is None:
        return None
    mime, size_ = sent.mime or "application/octet-stream", sent.size or 0
    return Media(kind=sent.kind, key=sent.key, name=sent.name or sent.kind.value, mime=mime, size=size_)


def notice(
    words: Words,
    said: Said,
    *,
    name: str | None = None,
    code: str | None = None,
    branch: str = "",
    owners: Sequence[tuple[str, str]] = (),
) -> str:
    """A sentence of the desk's own. `owners` are named so that they are told: person and name."""
    named = ", ".join(f'<a href="tg://user?id={int(person)}">{clip(who, _NAME)}</a>' for person, who in owners)
    sentence = escape(words.said[said], quote=False)
    cause = words.causes.get(code or "", code or "")
    return sentence.format(
        name=clip(name or "?", _NAME), code=clip(cause, _NAME), branch=clip(branch, _NAME), owners=named
    ).strip()


def plain_notice(words: Words, said: Said, name: str | None = None) -> str:
    """The same without markup, for the few words that a press of a button is answered with."""
    return words.said[said].format(name=name or "?", code="", branch="", owners="").strip()


def learned(words: Words, entry: Listed) -> Part:
    """A proposed answer with what can be done about it; a reviewed one with what was done."""
    lines = [
        f"<b>{escape(words.learned_question)}</b>",
        clip(entry.question, _LEARNED),
        f"<b>{escape(words.learned_answer)}</b>",
        clip(entry.answer, _LEARNED),
    ]
    if entry.contradicted:
        lines.append(escape(words.learned_differs))
    if entry.status is not LearnedStatus.PROPOSED:
        done = Said.APPROVED if entry.status is LearnedStatus.APPROVED else Said.REJECTED
        lines.append(f"<i>{notice(words, done, name=entry.reviewed_by_name)}</i>")
        return Part(text="\n".join(lines))
    row = tuple(Button(text=words.reviews[each], data=f"{each.value}:{entry.id.hex}") for each in Review)
    return Part(text="\n".join(lines), buttons=(row,))


def _author(words: Words, author: Author) -> str:
    return {Author.CUSTOMER: words.customer, Author.MANAGER: words.manager}.get(author, words.bot)


def _name(words: Words, conversation: Conversation) -> str:
    return clip(conversation.customer_name or words.nobody, _NAME)


def _filled(sentence: str, *, name: str) -> str:
    return escape(sentence, quote=False).format(name=clip(name, _NAME))


def clip(text: str, limit: int) -> str:
    """The beginning of a text as HTML that is no longer than `limit`, its markup counted; cut where a line or a word ends,
    if that is not far."""
    if _as_html(text) <= limit:
        return escape(text, quote=False)
    begun = beginning(text.strip(), limit - 1, _as_html)
    ends = (begun.rfind(mark, len(begun) // 2) for mark in ("\n", " "))
    cut = next((end for end in ends if end > 0), len(begun))
    return escape(begun[:cut].rstrip(), quote=False) + "…"


def _as_html(text: str) -> int:
    return size(escape(text, quote=False), Unit.UTF16)
